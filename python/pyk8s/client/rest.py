"""The `Client`: the verbs of the API as requests to a transport, answers as dicts.

Always true: an answer outside 2xx is a `StatusError`; items of a list carry their kind and apiVersion.
Not here: sockets (see the transports), caching (see `informer`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from pyk8s.api.http import Request, Response
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client import watch as watching
from pyk8s.client.interfaces import PatchType, Transport

Json = dict[str, Any]
Patch = Json | Sequence[Json]
Query = list[tuple[str, str]]

JSON = "application/json"
DEFAULT_USER_AGENT = "pyk8s/v1.36.0"
PATCH_CONTENT_TYPES: Mapping[PatchType, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class RestClient:
    """A client of one API server. ``user_agent`` up to its slash is the field manager of what it writes."""

    def __init__(self, transport: Transport, *, user_agent: str = DEFAULT_USER_AGENT) -> None:
        self._transport = transport
        self._headers = {"accept": JSON, "user-agent": user_agent}
        self._body_headers = {**self._headers, "content-type": JSON}

    async def get(self, resource: Resource, name: str, namespace: str = "", *, subresource: str = "") -> Json:
        return await self._read("GET", resource.path(namespace, name, subresource))

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
        query = _query(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=str(limit) if limit else "",
            resourceVersion=resource_version,
            **{"continue": continue_token},
        )
        body = await self._read("GET", resource.path(namespace), query)
        kind, api_version = str(body.get("kind", "")).removesuffix("List"), body.get("apiVersion", "")
        body["items"] = [{"kind": kind, "apiVersion": api_version, **item} for item in body.get("items") or ()]
        return body

    async def create(
        self, resource: Resource, obj: Json, namespace: str = "", *, subresource: str = "", name: str = ""
    ) -> Json:
        namespace = namespace or obj.get("metadata", {}).get("namespace", "")
        return await self._write("POST", resource.path(namespace, name, subresource), obj)

    async def update(self, resource: Resource, obj: Json, *, subresource: str = "") -> Json:
        metadata = obj["metadata"]
        return await self._write(
            "PUT", resource.path(metadata.get("namespace", ""), metadata["name"], subresource), obj
        )

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Patch,
        namespace: str = "",
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        headers = {**self._headers, "content-type": PATCH_CONTENT_TYPES[patch_type]}
        path = resource.path(namespace, name, subresource)
        body = orjson.dumps(patch if isinstance(patch, dict) else [*patch])
        request = Request("PATCH", path, list((query or {}).items()), headers, body)
        return _decode(await self._transport.send(request))

    async def delete(self, resource: Resource, name: str, namespace: str = "", *, options: Json | None = None) -> Json:
        return await self._write("DELETE", resource.path(namespace, name), _delete_options(options))

    async def delete_collection(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        options: Json | None = None,
    ) -> Json:
        query = _query(labelSelector=label_selector, fieldSelector=field_selector)
        return await self._write("DELETE", resource.path(namespace), _delete_options(options), query)

    async def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_s: int = 0,
        send_initial_events: bool = False,
    ) -> AsyncIterator[watching.Event]:
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=str(timeout_s) if timeout_s else "",
            sendInitialEvents="true" if send_initial_events else "",
            resourceVersionMatch="NotOlderThan" if send_initial_events else "",
        )
        request = Request("GET", resource.path(namespace), query, dict(self._headers))
        response = await self._transport.send(request)
        if response.stream is None:
            _decode(response)
            raise watching.WatchProtocolError(f"the server answered a watch of {resource.plural} without a stream")
        try:
            async for event in watching.events(response.stream):
                yield event
        finally:
            await _close(response.stream)

    async def raw(self, method: str, path: str, query: Query | None = None, body: Json | None = None) -> Json:
        """Any other path that answers JSON: discovery, version, namespaces/finalize. Raises StatusError."""
        if body is None:
            return await self._read(method, path, query)
        return await self._write(method, path, body, query)

    async def close(self) -> None:
        await self._transport.close()

    async def _read(self, method: str, path: str, query: Query | None = None) -> Json:
        return _decode(await self._transport.send(Request(method, path, query or [], dict(self._headers))))

    async def _write(self, method: str, path: str, body: Json | None, query: Query | None = None) -> Json:
        headers = dict(self._body_headers if body is not None else self._headers)
        data = orjson.dumps(body) if body is not None else b""
        return _decode(await self._transport.send(Request(method, path, query or [], headers, data)))


def _query(**pairs: str) -> Query:
    return [(name, value) for name, value in pairs.items() if value]


def _delete_options(options: Json | None) -> Json | None:
    return {"kind": "DeleteOptions", "apiVersion": "v1", **options} if options else None


async def _close(stream: AsyncIterator[bytes]) -> None:
    """Ends a stream before its end; only generators hold something open."""
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:
        await aclose()


def _decode(response: Response) -> Json:
    """The answer's object; anything but 2xx raises the StatusError it stands for."""
    try:
        body = orjson.loads(response.body) if response.body else {}
    except orjson.JSONDecodeError:
        body = response.body.decode("utf-8", "replace")
    if 200 <= response.status < 300 and isinstance(body, dict):
        return body
    if isinstance(body, dict) and body.get("kind") == "Status":
        raise StatusError.from_dict({"code": response.status, **body})
    text = body if isinstance(body, str) else response.body.decode("utf-8", "replace")
    raise StatusError(response.status, _REASONS.get(response.status, ""), text[:1000] or "the server gave no reason")


# What client-go makes of a status code when a proxy answered and no Status is in the body.
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Gone",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
