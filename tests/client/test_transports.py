"""Both transports carry the same requests and answers; over HTTP also certificates, drops and refusals."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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


async def serve(handler: Any, *, tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, str]:
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
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return runner, f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"


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


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Authority:
    """A CA for one test run, with a certificate for 127.0.0.1 and one for a client."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        self.ca = _pem(self._builder(self._name, self._key).add_extension(constraint, True).sign(self._key, SHA256()))

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """(certificate, key) as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(subject, key).add_extension(addresses, False).add_extension(issuer, False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _pem(builder.sign(self._key, SHA256())), private

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture
async def tls_address(authority: Authority, api: FakeApi, tmp_path: Path) -> AsyncIterator[str]:
    """A server that asks for client certificates of the authority."""
    certificate, key = authority.issue("server")
    (tmp_path / "server.pem").write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.ca.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem")
    runner, address = await serve(api.handle, tls=context)
    yield address
    await runner.cleanup()


async def test_a_client_certificate_opens_the_door(authority: Authority, tls_address: str) -> None:
    certificate, key = authority.issue("admin")
    access = ClusterAccess(tls_address, ca_data=authority.ca, client_cert_data=certificate, client_key_data=key)
    client = RestClient(HttpTransport.from_access(access))

    assert (await client.list(CONFIG_MAPS))["items"] == []
    await client.close()


@pytest.mark.parametrize("has_certificate", [False, True], ids=["no certificate", "another CA"])
async def test_without_the_right_certificates_nobody_gets_in(
    authority: Authority, tls_address: str, has_certificate: bool
) -> None:
    certificate, key = authority.issue("admin") if has_certificate else (b"", b"")
    ca = Authority().ca if has_certificate else authority.ca
    access = ClusterAccess(tls_address, ca_data=ca, client_cert_data=certificate, client_key_data=key)
    client = RestClient(HttpTransport.from_access(access))

    with pytest.raises(OSError):
        await client.list(CONFIG_MAPS)
    await client.close()
