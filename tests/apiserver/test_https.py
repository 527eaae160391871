"""Over real sockets: TLS, credentials, framing, streams, ends."""

from __future__ import annotations

import asyncio
import json
import ssl

import httpx
import pytest
from pyk8s import core
from pyk8s.api.clock import SystemClock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s_server.apiserver.app import ApiServer
from pyk8s_server.apiserver.endpoints.watch import CHUNK_BYTES_MAX
from pyk8s_server.apiserver.serve import serve
from pyk8s_server.cluster.certificates import Authority

from tests.apiserver.api import CONFIG_MAPS, config_map

ADMIN = UserInfo("admin", ("system:masters",))
WAIT_S = 10


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), SystemClock().now_s())


@pytest.fixture
async def server(authority):
    api = ApiServer(core.Store(objects=True), clock=SystemClock(), identity=Identity(), tokens={"secret": ADMIN})
    await api.bootstrap()
    pair = authority.server(("127.0.0.1",))
    running = await serve(
        api,
        host="127.0.0.1",
        port=0,
        certfile=pair.certificate_path,
        keyfile=pair.key_path,
        client_ca_file=authority.pair.certificate_path,
    )
    running.api = api
    yield running
    await running.stop()
    await api.close()


def context(authority, client=None):
    found = ssl.create_default_context(cafile=authority.pair.certificate_path)
    if client is not None:
        found.load_cert_chain(client.certificate_path, client.key_path)
    return found


@pytest.fixture
async def http(server, authority):
    headers = {"authorization": "Bearer secret"}
    base = f"https://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=base, verify=context(authority), headers=headers) as client:
        yield client


class Raw:
    """One TLS connection, spoken to in bytes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, server, authority):
        return cls(*await asyncio.open_connection("127.0.0.1", server.port, ssl=context(authority)))

    def get(self, path):
        self.writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\n\r\n".encode())

    async def head(self):
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_S)).decode().lower()

    async def chunk(self):
        size = int(await asyncio.wait_for(self.reader.readline(), WAIT_S), 16)
        return (await asyncio.wait_for(self.reader.readexactly(size + 2), WAIT_S))[:-2]

    async def body(self, head):
        size = int(head.split("content-length: ")[1].split("\r\n")[0])
        return await asyncio.wait_for(self.reader.readexactly(size), WAIT_S)

    async def close(self):
        self.writer.close()
        await asyncio.wait([asyncio.ensure_future(self.writer.wait_closed())], timeout=WAIT_S)


async def test_a_token_and_a_certificate_open_the_api_and_nothing_else_does(server, authority, http):
    jane = authority.client("jane", "jane", ("system:masters",))
    base = f"https://127.0.0.1:{server.port}"
    review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

    by_token = await http.post(review, json={})
    async with httpx.AsyncClient(base_url=base, verify=context(authority, jane)) as client:
        by_certificate = await client.post(review, json={})
    async with httpx.AsyncClient(base_url=base, verify=context(authority)) as client:
        by_nobody = await client.get("/api/v1/namespaces")
        health = await client.get("/readyz")

    assert by_token.json()["status"]["userInfo"]["username"] == "admin"
    assert by_certificate.json()["status"]["userInfo"]["username"] == "jane"
    assert (by_nobody.status_code, health.text) == (401, "ok")


async def test_a_certificate_of_another_authority_is_turned_away(server, authority, tmp_path):
    stranger = Authority(tmp_path, SystemClock().now_s()).client("jane", "jane", ())
    base = f"https://127.0.0.1:{server.port}"

    async with httpx.AsyncClient(base_url=base, verify=context(authority, stranger)) as client:
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await client.get("/readyz")


async def test_an_object_lives_through_its_verbs(http):
    created = await http.post(CONFIG_MAPS, json=config_map("a"))
    patched = await http.patch(
        CONFIG_MAPS + "/a", json={"data": {"x": "1"}}, headers={"content-type": "application/merge-patch+json"}
    )
    deleted = await http.delete(CONFIG_MAPS + "/a")

    assert (created.status_code, patched.status_code, deleted.status_code) == (201, 200, 200)
    assert patched.json()["data"] == {"k": "v", "x": "1"}


async def test_a_watch_is_chunked_and_its_connection_serves_on_after_its_end(server, authority, http):
    raw = await Raw.open(server, authority)
    raw.get(CONFIG_MAPS + "?watch=1&timeoutSeconds=1")
    head = await raw.head()
    await http.post(CONFIG_MAPS, json=config_map("a"))

    event = json.loads(await raw.chunk())
    end = await raw.chunk()
    raw.get(CONFIG_MAPS + "/a")
    again = await raw.head()

    assert "transfer-encoding: chunked" in head
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert end == b""
    assert again.startswith("http/1.1 200")
    await raw.close()


async def test_requests_in_one_packet_are_answered_in_order(server, authority):
    raw = await Raw.open(server, authority)
    for path in ("/livez", "/version", "/api/v1/namespaces/none"):
        raw.get(path)

    answers = []
    for _ in range(3):
        head = await raw.head()
        answers.append((head.split()[1], await raw.body(head)))

    assert [status for status, _ in answers] == ["200", "200", "404"]
    assert answers[0][1] == b"ok"
    await raw.close()


async def test_a_body_that_comes_in_pieces_is_put_together(server, authority):
    raw = await Raw.open(server, authority)
    body = json.dumps(config_map("pieces")).encode()
    head = (
        f"POST {CONFIG_MAPS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    for part in (head.encode(), body[:10], body[10:]):
        raw.writer.write(part)
        await raw.writer.drain()

    assert (await raw.head()).startswith("http/1.1 201")
    await raw.close()


async def test_a_body_over_the_limit_is_refused_before_its_end(server, authority):
    raw = await Raw.open(server, authority)
    head = f"POST {CONFIG_MAPS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\ncontent-length: 99999999\r\n\r\n"
    raw.writer.write(head.encode() + b"x" * (3 * 1024 * 1024 + 1))

    assert (await raw.head()).startswith("http/1.1 413")
    await raw.close()


async def test_what_is_no_http_ends_the_connection_and_not_the_server(server, authority, http):
    raw = await Raw.open(server, authority)
    raw.writer.write(b"\x00\x01 nonsense\r\n\r\n")

    assert (await raw.head()).startswith("http/1.1 400")
    assert (await http.get("/readyz")).status_code == 200
    await raw.close()


async def test_a_client_that_does_not_read_its_watch_costs_bounded_memory(server, authority):
    store = server.api.store
    raw = await Raw.open(server, authority)
    raw.get(CONFIG_MAPS + "?watch=1")
    await raw.head()
    raw.writer.transport.pause_reading()

    value = json.dumps({"kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"k": "x" * 20_000}}).encode()
    connection = next(c for c in server._state.connections if c._pump is not None)
    async with asyncio.timeout(60):
        while not connection.flow.write_paused:
            store.put("/registry/configmaps/default/big", value)
            await asyncio.sleep(0)
    for _ in range(1000):
        store.put("/registry/configmaps/default/big", value)
        await asyncio.sleep(0)

    # 20 MB of events went by; a chunk may be on its way in when the buffer is found full, and one more when it drains.
    assert connection.transport.get_write_buffer_size() < 4 * CHUNK_BYTES_MAX
    raw.writer.transport.abort()


async def test_a_client_that_goes_away_leaves_no_watcher(server, authority):
    raw = await Raw.open(server, authority)
    raw.get(CONFIG_MAPS + "?watch=1")
    await raw.head()
    watchers = server.api.store.stats()["watchers"]

    raw.writer.transport.abort()

    async with asyncio.timeout(WAIT_S):
        while server.api.store.stats()["watchers"] == watchers:
            await asyncio.sleep(0.01)


async def test_stopping_ends_watches_and_frees_the_port(authority):
    api = ApiServer(core.Store(objects=True), clock=SystemClock(), identity=Identity(), tokens={"secret": ADMIN})
    pair = authority.server(("127.0.0.1",))
    files = {"certfile": pair.certificate_path, "keyfile": pair.key_path}
    running = await serve(api, host="127.0.0.1", port=0, **files)
    raw = await Raw.open(running, authority)
    raw.get(CONFIG_MAPS + "?watch=1")
    await raw.head()

    async with asyncio.timeout(WAIT_S):
        await running.stop()
        again = await serve(api, host="127.0.0.1", port=running.port, **files)

    assert await raw.reader.read() == b""
    await again.stop()
    await api.close()


async def test_a_port_in_use_is_an_error_of_the_system(server, authority):
    pair = authority.server(("127.0.0.1",))

    with pytest.raises(OSError, match="in use"):
        await serve(
            server.api, host="127.0.0.1", port=server.port, certfile=pair.certificate_path, keyfile=pair.key_path
        )
