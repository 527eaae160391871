"""The API's handler: filters around the resource endpoints, as a function from a request to its answer.

Always true: a request meets the filters in kube-apiserver's order, whether it came over a socket or in process.
Invariant: nothing here imports FastAPI, so that a cluster that serves no pages does not wait for it (see `app`).
Not here: sockets and TLS (see `serve`), pages for people (see `app`), clusters.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping

from pyk8s import core
from pyk8s.api.clock import Clock
from pyk8s.api.http import Request, Response, UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.resources import resources
from pyk8s.api.status import StatusError, internal_error
from pyk8s.api.tables import scheme_tables
from pyk8s.core.interfaces import Scheme, Store

from pyk8s_server.apiserver import asgi, bootstrap
from pyk8s_server.apiserver.admission import default_plugins
from pyk8s_server.apiserver.admission.chain import Chain
from pyk8s_server.apiserver.admission.resource_quota import ResourceQuota
from pyk8s_server.apiserver.endpoints import discovery, openapi, router, status, version
from pyk8s_server.apiserver.endpoints.call import Backend
from pyk8s_server.apiserver.endpoints.health import Health
from pyk8s_server.apiserver.endpoints.health_names import START_UP_CHECKS
from pyk8s_server.apiserver.endpoints.metrics import CONTENT_TYPE, Metrics, head, sample
from pyk8s_server.apiserver.endpoints.openid import OpenId
from pyk8s_server.apiserver.endpoints.scope import Scopes
from pyk8s_server.apiserver.filters import limits
from pyk8s_server.apiserver.filters.audit import audit_id
from pyk8s_server.apiserver.filters.authentication import Authenticator
from pyk8s_server.apiserver.filters.authorization import AlwaysAllow, Authorizer
from pyk8s_server.apiserver.filters.compression import BYTES_MIN, compress
from pyk8s_server.apiserver.filters.impersonation import impersonate
from pyk8s_server.apiserver.filters.request_info import parse
from pyk8s_server.apiserver.interfaces import RequestInfo
from pyk8s_server.apiserver.registry.conversion import conversion_of
from pyk8s_server.apiserver.storage import fields
from pyk8s_server.apiserver.storage.embedded import EmbeddedStorage
from pyk8s_server.apiserver.storage.keys import prefix_of
from pyk8s_server.apiserver.storage.reader import StoreReader
from pyk8s_server.apiserver.storage.wakeups import Wakeups
from pyk8s_server.apiserver.tokens.service_accounts import ServiceAccountTokens

Route = Callable[[Request], Awaitable[Response]]

log = logging.getLogger(__name__)

MAINTAIN_S = 5.0
"""How often leases expire and history is compacted."""
CACHE_CONTROL = ("cache-control", "no-cache, private")


class ResourceHandler:
    """A Kubernetes API server over one store: everything but pages for people.

    Args:
        tokens: bearer tokens and whose they are.
        client_ca: PEM of the authority that signs client certificates; TLS checks them, this is only published.
        service_account_key: gives the PEM of the P-256 key that signs service-account tokens, called at first use; None
            serves no such tokens.
        fsync: the store was opened with durability "fsync", so writes wait for it.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        identity: Identity,
        tokens: Mapping[str, UserInfo] | None = None,
        client_ca: bytes | None = None,
        service_account_key: Callable[[], bytes] | None = None,
        advertise_address: str = "127.0.0.1",
        advertise_port: int = 6443,
        fsync: bool = False,
        authorizer: Authorizer | None = None,
    ) -> None:
        self.store, self.clock, self.identity = store, clock, identity
        self.client_ca = client_ca
        self.advertise_address, self.advertise_port = advertise_address, advertise_port
        reader = StoreReader(store)
        service_accounts = None
        if service_account_key is not None:
            service_accounts = ServiceAccountTokens(service_account_key, reader=reader, clock=clock, identity=identity)
        self._authenticator = Authenticator(tokens or {}, service_accounts)
        self._openid = OpenId(service_accounts, f"{advertise_address}:{advertise_port}")
        self._authorizer = authorizer or AlwaysAllow()
        fields.register(store, resources())
        storage, scheme = EmbeddedStorage(store, clock, fsync=fsync), _scheme()
        self.backend = Backend(
            storage=storage,
            scheme=scheme,
            clock=clock,
            identity=identity,
            reader=reader,
            chain=Chain(default_plugins(ResourceQuota(storage, scheme))),
            wakeups=Wakeups(store),
            metrics=Metrics(),
            scopes=Scopes(),
            authorizer=self._authorizer,
            review_token=self._authenticator.review,
            service_accounts=service_accounts,
        )
        self.backend.metrics.sources.append(self._storage_lines)
        self.extra_routes: dict[str, Route] = {}
        """Paths beside the API, by their beginning: what a composition adds, behind the same filters."""
        self.health = Health()
        self.is_ready = self._is_closing = False
        self.health.live_checks["etcd"] = self._check_store
        self.health.ready_checks |= dict.fromkeys(START_UP_CHECKS, self._check_bootstrapped)
        self.health.ready_checks["shutdown"] = self._check_not_closing
        self._maintenance: asyncio.Task[None] | None = None

    # -- life ----------------------------------------------------------------------------------------------

    async def bootstrap(self) -> None:
        """Create what a fresh cluster has, and begin the work in the background. Safe to call again."""
        await bootstrap.bootstrap(self)
        self.is_ready = True
        if self._maintenance is None:
            self._maintenance = asyncio.get_running_loop().create_task(self._maintain())

    async def close(self) -> None:
        """Stop the work in the background. Safe to call twice."""
        self._is_closing = True
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
            self._maintenance = None
        self.backend.wakeups.close()
        self.backend.storage.close()

    async def _maintain(self) -> None:
        while True:
            await self.clock.sleep(MAINTAIN_S)
            try:
                await self.backend.storage.maintain()
            except OSError as error:
                log.error("the store's upkeep failed: %s", error)

    def _storage_lines(self) -> Iterator[str]:
        """What the store holds, for the metrics page."""
        yield from head("apiserver_resource_objects", "gauge", "Number of stored objects, by resource.")
        for resource in resources():
            if conversion_of(resource) is None and "get" in resource.verbs:
                labels = [("group", resource.group), ("resource", resource.plural)]
                yield sample("apiserver_resource_objects", labels, self.store.count(prefix_of(resource)))
        for name, value in sorted(self.store.stats().items()):
            yield from head(f"pyk8s_store_{name}", "gauge", f"The engine's {name.replace('_', ' ')}.")
            yield sample(f"pyk8s_store_{name}", [], value)

    def _check_store(self) -> None:
        self.store.get("/registry/health")

    def _check_not_closing(self) -> None:
        if self._is_closing:
            raise RuntimeError("the server is shutting down")

    def _check_bootstrapped(self) -> None:
        if not self.is_ready:
            raise RuntimeError("the system namespaces are not there yet")

    # -- requests ------------------------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """Answer one request. Never raises an `Exception`; a stream in the answer must be closed by the caller."""
        response = await self._filtered(request)
        if len(response.body) > BYTES_MIN:
            await compress(request, response)
        headers = response.headers
        headers.append(("audit-id", audit_id(request.headers, self.identity)))
        for name, _ in headers:
            if name == "cache-control":
                return response
        headers.append(CACHE_CONTROL)
        return response

    async def _filtered(self, request: Request) -> Response:
        started_s = self.clock.monotonic_s()
        info = parse(request.method, request.path, request.query)
        try:
            if len(request.body) > limits.BODY_BYTES_MAX:
                raise limits.too_large()
            user = impersonate(self._authenticator.authenticate(request), request.headers)
            self._authorizer.authorize(user, info)
        except StatusError as error:
            return status.response_of(error)
        if not info.is_resource:
            return await self._routed(request) or self._non_resource(request)
        response = await router.serve(self.backend, request, info, user, self.clock.now_s())
        if response.stream is None:
            self._count(info, response.status, self.clock.monotonic_s() - started_s)
        return response

    async def _routed(self, request: Request) -> Response | None:
        for beginning, route in self.extra_routes.items():
            if request.path.startswith(beginning):
                try:
                    return await route(request)
                except StatusError as error:
                    return status.response_of(error)
                except Exception as error:
                    # A bug of ours must not take the connection down: it is logged whole, and the client gets a Status.
                    log.exception("%s %s failed", request.method, request.path)
                    return status.response_of(internal_error(f"{type(error).__name__}: {error}"))
        return None

    def _non_resource(self, request: Request) -> Response:
        if request.path == "/metrics":
            return Response(200, [("content-type", CONTENT_TYPE)], self.backend.metrics.page())
        for answer in (self.health.answer, version.answer, discovery.answer, openapi.answer, self._openid.answer):
            response = answer(request)
            if response is not None:
                # Cached documents share their header lists, which the filters add to.
                response.headers = list(response.headers)
                return response
        return _nothing(request.path)

    def _count(self, info: RequestInfo, code: int, seconds: float) -> None:
        scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
        known = self.backend.scopes.find(info.group, info.version, info.resource) is not None
        if known:
            labels = (info.verb.upper(), info.group, info.version, info.resource, info.subresource, scope)
            self.backend.metrics.record(labels, code, seconds)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """ASGI, for HTTP requests."""
        await asgi.respond(self.handle, scope, receive, send)

    def serves_itself(self, path: str) -> bool:
        """Whether `handle` answers the path, so that a server may call it without ASGI between."""
        return True


def _nothing(path: str) -> Response:
    """404 for a path outside resources; below a served group it is a Status."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) == 2:
        return status.resource_not_found("")
    if parts[0] == "apis" and len(parts) == 3:
        return status.resource_not_found(parts[1])
    return status.page_not_found()


def _scheme() -> Scheme:
    found = _SCHEMES.get(core.choice())
    if found is None:
        found = _SCHEMES[core.choice()] = core.Scheme(scheme_tables())
    return found


_SCHEMES: dict[str, Scheme] = {}
"""Built once per process: the tables take time to compile."""
