"""Both transports carry the same requests and answers; over HTTP also certificates, drops and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from fake_api import FakeApi
from pyk8s.api.http import Request, Response, UserInfo
from pyk8s.api.status import StatusError
from pyk8s.client.kubeconfig import ClusterAccess, KubeconfigError
from pyk8s.client.rest import RestClient
from pyk8s.client.transport_http import HttpTransport, ssl_context
from pyk8s.client.transport_memory import MemoryTransport
from pyk8s.client.well_known import CONFIG_MAPS

Json = dict[str, Any]


def config_map(name: str, **data: str) -> Json:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "namespace": "ns"}, "data": data}


async def serve(handler: Any) -> tuple[web.AppRunner, str]:
    """An HTTP server in front of a `Handler`, on a free port."""

    async def answer(http: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in http.headers.items()}
        request = Request(http.method, http.path, list(http.query.items()), headers, await http.read())
        response: Response = await handler(request)
        if response.stream is None:
            return web.Response(status=response.status, body=response.body)
        stream = web.StreamResponse()
        await stream.prepare(http)
        async for chunk in response.stream:
            # Cut in odd places: a client may not rely on chunks being whole lines.
            await stream.write(chunk[:7])
            await stream.write(chunk[7:])
        return stream

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture(params=["memory", "http"])
async def any_client(request: pytest.FixtureRequest, api: FakeApi) -> AsyncIterator[RestClient]:
    if request.param == "memory":
        client = RestClient(MemoryTransport(api.handle, UserInfo("test")))
        yield client
        await client.close()
        return
    runner, address = await serve(api.handle)
    client = RestClient(HttpTransport(address, token="secret"))
    yield client
    await client.close()
    await runner.cleanup()


async def test_every_verb_reaches_the_object(any_client: RestClient, api: FakeApi) -> None:
    await any_client.create(CONFIG_MAPS, config_map("a", k="v"))
    await any_client.patch(CONFIG_MAPS, "a", {"data": {"k": "w"}}, "ns")
    changed = await any_client.get(CONFIG_MAPS, "a", "ns")
    await any_client.update(CONFIG_MAPS, {**changed, "data": {"k": "x"}})
    listed = await any_client.list(CONFIG_MAPS, "ns")
    await any_client.delete(CONFIG_MAPS, "a", "ns", options={"propagationPolicy": "Background"})

    assert changed["data"] == {"k": "w"}
    assert [(i["kind"], i["apiVersion"], i["data"]) for i in listed["items"]] == [("ConfigMap", "v1", {"k": "x"})]
    assert api.objects == {}
    assert api.requests[1].headers["content-type"] == "application/merge-patch+json"


async def test_an_error_of_the_api_is_a_status_error(any_client: RestClient) -> None:
    with pytest.raises(StatusError) as raised:
        await any_client.get(CONFIG_MAPS, "none", "ns")

    assert (raised.value.code, raised.value.message) == (404, 'configmaps "none" not found')


async def test_a_watch_streams_events_as_they_come(any_client: RestClient, api: FakeApi) -> None:
    stream = any_client.watch(CONFIG_MAPS, "ns", resource_version="1")
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)

    api.put(CONFIG_MAPS, config_map("a"))
    event = await asyncio.wait_for(first, 5)
    api.remove(CONFIG_MAPS, "a", "ns")
    gone = await asyncio.wait_for(anext(stream), 5)

    assert (event.type, event.object["metadata"]["name"]) == ("ADDED", "a")
    assert gone.type == "DELETED"
    await stream.aclose()


async def test_the_token_is_sent(api: FakeApi) -> None:
    runner, address = await serve(api.handle)
    client = RestClient(HttpTransport(address, token="secret"))

    await client.list(CONFIG_MAPS)

    assert api.requests[0].headers["authorization"] == "Bearer secret"
    await client.close()
    await runner.cleanup()


async def test_a_server_that_is_not_there_is_an_os_error() -> None:
    client = RestClient(HttpTransport("http://127.0.0.1:1"))

    with pytest.raises(OSError):
        await client.list(CONFIG_MAPS)

    await client.close()


async def test_a_broken_watch_is_an_os_error(api: FakeApi) -> None:
    runner, address = await serve(api.handle)
    client = RestClient(HttpTransport(address))
    stream = client.watch(CONFIG_MAPS, "ns", resource_version="1")
    api.put(CONFIG_MAPS, config_map("a"))
    await anext(stream)

    api.drop_watches()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(anext(stream), 5)
    await client.close()
    await runner.cleanup()


async def test_a_closed_transport_refuses_requests() -> None:
    for transport in (HttpTransport("http://127.0.0.1:1"), MemoryTransport(FakeApi().handle)):
        await transport.close()
        with pytest.raises(ConnectionError):
            await transport.send(Request("GET", "/api/v1/pods"))


async def test_an_answer_that_is_no_status_still_tells_code_and_text() -> None:
    async def proxy(request: Request) -> Response:
        return Response(503, body=b"upstream is down")

    with pytest.raises(StatusError) as raised:
        await RestClient(MemoryTransport(proxy)).list(CONFIG_MAPS)

    assert (raised.value.code, raised.value.reason, raised.value.message) == (
        503,
        "ServiceUnavailable",
        "upstream is down",
    )


def test_a_certificate_that_cannot_be_read_is_one_line() -> None:
    access = ClusterAccess("https://h", client_cert_data=b"rubbish", client_key_data=b"rubbish", context="dev")

    with pytest.raises(KubeconfigError, match="context 'dev': its certificate"):
        ssl_context(access)
