"""What the client room promises: transports below, the `Client` that components see above.

Always true: a component works the same over HTTP and in process; only the transport differs.
Not here: any implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from pyk8s.api.http import Request, Response
from pyk8s.api.resources import Resource

Json = dict[str, Any]
PatchType = Literal["json", "merge", "strategic", "apply"]


class Handler(Protocol):
    """An API server in process: `pyk8s_server`'s ApiServer.handle has this form."""

    async def __call__(self, request: Request) -> Response: ...


class Transport(Protocol):
    """Sends requests; raises OSError (or a subclass) when the server cannot be reached."""

    async def send(self, request: Request) -> Response:
        """The whole answer, or for a watch a Response with `stream` set. Errors of the API are Responses too."""

    async def close(self) -> None: ...


class WatchEvent(Protocol):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: Json


class Client(Protocol):
    """Typed-by-table access to the API. Every method raises `pyk8s.api.status.StatusError` for an API error.

    ``resource`` is a `Resource` of the table; ``namespace`` "" for cluster-scoped ones or all namespaces.
    """

    async def get(self, resource: Resource, name: str, namespace: str = "", *, subresource: str = "") -> Json: ...

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Json:
        """The List object; items carry their kind and apiVersion."""

    async def create(
        self, resource: Resource, obj: Json, namespace: str = "", *, subresource: str = "", name: str = ""
    ) -> Json: ...

    async def update(self, resource: Resource, obj: Json, *, subresource: str = "") -> Json: ...

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Json | Sequence[Json],
        namespace: str = "",
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        query: Mapping[str, str] | None = None,
    ) -> Json: ...

    async def delete(
        self, resource: Resource, name: str, namespace: str = "", *, options: Json | None = None
    ) -> Json: ...

    async def delete_collection(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        options: Json | None = None,
    ) -> Json: ...

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_s: int = 0,
        send_initial_events: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        """One watch stream to its end; bookmarks are asked for. An ERROR event is raised as StatusError."""
