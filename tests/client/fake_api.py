"""A small API server in memory for tests of the client: list, watch, create, update, patch, delete on dicts.

Always true: resource versions rise by one per write; a watch gets every write after its start, in order.
Not here: validation, defaults, admission; tests of those use the real API server.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
from pyk8s.api import status
from pyk8s.api.http import Request, Response
from pyk8s.api.resources import Resource, resources

Json = dict[str, Any]
PATH = re.compile(
    r"(/api/[^/]+|/apis/[^/]+/[^/]+)/(?:namespaces/([^/]+)/(?!status|finalize))?([^/]+)(?:/([^/]+))?(?:/([^/]+))?"
)


class FakeApi:
    """`handle` is a `Handler`. The switches below make it fail the way servers do."""

    def __init__(self, *, is_watch_list_served: bool = True) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.history: list[tuple[int, str, str, Json]] = []
        self.resource_version = 1
        self.compacted = 0
        self.requests: list[Request] = []
        self.is_watch_list_served = is_watch_list_served
        self.failures: list[Exception | status.StatusError] = []
        self._changed = asyncio.Event()
        self._drop = asyncio.Event()
        self._by_path = {r.path(): r for r in resources()}

    def drop_watches(self) -> None:
        """Break every stream that is open, as a lost connection does."""
        self._drop.set()
        self._drop = asyncio.Event()

    def expire(self) -> None:
        """Forget the history: watches from before now are told 410."""
        self.compacted = self.resource_version
        self.history.clear()

    def verbs(self, verb: str) -> int:
        """How many requests of this verb came (get, list, watch, post, put, patch, delete)."""
        return sum(1 for request in self.requests if self._verb(request) == verb)

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(0)
        try:
            if self.failures:
                raise self.failures.pop(0)
            return self._answer(request)
        except status.StatusError as error:
            return Response(error.code, body=orjson.dumps(error.to_dict()))

    def put(self, resource: Resource, obj: Json) -> Json:
        """Write an object as somebody else would."""
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        key = (resource.qualified, namespace, name)
        old = self.objects.get(key)
        metadata = {"uid": f"uid-{self.resource_version}", **obj["metadata"]}
        if old:
            metadata["uid"] = old["metadata"]["uid"]
        return self._store("MODIFIED" if old else "ADDED", key, {**obj, "metadata": metadata})

    def remove(self, resource: Resource, name: str, namespace: str = "") -> Json:
        key = (resource.qualified, namespace, name)
        return self._store("DELETED", key, self.objects.pop(key))

    def _store(self, event_type: str, key: tuple[str, str, str], obj: Json) -> Json:
        self.resource_version += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.resource_version)}}
        if event_type != "DELETED":
            self.objects[key] = stored
        self.history.append((self.resource_version, event_type, key[0], stored))
        self._changed.set()
        self._changed = asyncio.Event()
        return stored

    def _locate(self, path: str) -> tuple[Resource, str, str, str]:
        """(resource, namespace, name, subresource) of a path."""
        match = PATH.fullmatch(path)
        assert match is not None, f"no path of a resource: {path}"
        root, namespace, plural, name, subresource = (part or "" for part in match.groups())
        return self._by_path[f"{root}/{plural}"], namespace, name, subresource

    def _verb(self, request: Request) -> str:
        if request.method != "GET":
            return request.method.lower()
        if ("watch", "true") in request.query:
            return "watch"
        return "get" if self._locate(request.path)[2] else "list"

    def _answer(self, request: Request) -> Response:
        resource, namespace, name, _ = self._locate(request.path)
        key = (resource.qualified, namespace, name)
        verb = self._verb(request)
        if verb == "list":
            return self._list(resource, namespace)
        if verb == "watch":
            return self._watch(request, resource, namespace)
        body = orjson.loads(request.body) if request.body else {}
        if verb == "post":
            metadata = {"namespace": namespace, **body["metadata"]} if namespace else body["metadata"]
            if (resource.qualified, namespace, metadata["name"]) in self.objects:
                raise status.already_exists(resource.group, resource.plural, metadata["name"])
            return Response(201, body=orjson.dumps(self.put(resource, {**body, "metadata": metadata})))
        if key not in self.objects:
            raise status.not_found(resource.group, resource.plural, name)
        if verb == "get":
            return Response(200, body=orjson.dumps(self.objects[key]))
        if verb == "delete":
            return Response(200, body=orjson.dumps(self.remove(resource, name, namespace)))
        return Response(200, body=orjson.dumps(self._change(verb, resource, key, body)))

    def _change(self, verb: str, resource: Resource, key: tuple[str, str, str], body: Json) -> Json:
        old = self.objects[key]
        sent = body.get("metadata", {}).get("resourceVersion")
        if sent and sent != old["metadata"]["resourceVersion"]:
            raise status.conflict(resource.group, resource.plural, key[2], status.MODIFIED)
        return self.put(resource, body if verb == "put" else _merged(old, body))

    def _list(self, resource: Resource, namespace: str) -> Response:
        items = [
            {k: v for k, v in obj.items() if k not in ("kind", "apiVersion")} for obj in self._all(resource, namespace)
        ]
        body = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(self.resource_version)},
            "items": items,
        }
        return Response(200, body=orjson.dumps(body))

    def _all(self, resource: Resource, namespace: str) -> list[Json]:
        return [o for k, o in sorted(self.objects.items()) if k[0] == resource.qualified and namespace in ("", k[1])]

    def _watch(self, request: Request, resource: Resource, namespace: str) -> Response:
        query = dict(request.query)
        is_initial = query.get("sendInitialEvents") == "true"
        if is_initial and not self.is_watch_list_served:
            raise status.StatusError(422, "Invalid", "sendInitialEvents is forbidden for watch")
        start = int(query.get("resourceVersion") or self.resource_version)
        initial = self._all(resource, namespace) if is_initial else []
        return Response(200, stream=self._stream(resource, namespace, start, initial if is_initial else None))

    async def _stream(
        self, resource: Resource, namespace: str, start: int, initial: list[Json] | None
    ) -> AsyncIterator[bytes]:
        dropped = self._drop
        if initial is not None:
            for obj in initial:
                yield _line("ADDED", obj)
            annotations = {"k8s.io/initial-events-end": "true"}
            yield _line("BOOKMARK", {"metadata": {"resourceVersion": str(start), "annotations": annotations}})
        while True:
            changed = self._changed
            if dropped.is_set():
                raise ConnectionResetError("the connection was reset")
            if start < self.compacted:
                expired = status.StatusError(410, "Expired", f"too old resource version: {start} ({self.compacted})")
                yield _line("ERROR", expired.to_dict())
                return
            for revision, event_type, qualified, obj in list(self.history):
                mine = qualified == resource.qualified and namespace in ("", obj["metadata"].get("namespace", ""))
                if revision > start and mine:
                    start = revision
                    yield _line(event_type, obj)
            waiters = [asyncio.ensure_future(event.wait()) for event in (changed, dropped)]
            try:
                await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for waiter in waiters:
                    waiter.cancel()


def _line(event_type: str, obj: Json) -> bytes:
    return orjson.dumps({"type": event_type, "object": obj}) + b"\n"


def _merged(old: Json, patch: Json) -> Json:
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], value)
        else:
            merged[name] = value
    return merged
