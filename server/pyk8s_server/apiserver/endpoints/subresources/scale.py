"""The scale subresource: replicas of a workload as an autoscaling/v1 Scale.

Always true: a Scale is computed from its parent and written back to it, so there is nothing to get out of step; its
resourceVersion is the parent's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from pyk8s.api.field import invalid as invalid_field
from pyk8s.api.http import Response
from pyk8s.api.status import invalid

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, forbid_force, write_options
from pyk8s_server.apiserver.endpoints.change import Change, missing, uid_conflict
from pyk8s_server.apiserver.endpoints.get import stored
from pyk8s_server.apiserver.endpoints.metadata import match_name, match_namespace, meta_of
from pyk8s_server.apiserver.endpoints.patch import Patcher, patch_type
from pyk8s_server.apiserver.endpoints.responses import object_response
from pyk8s_server.apiserver.registry.printers import printer_of_kind

Json = dict[str, Any]

GVK = "autoscaling/v1/Scale"
META_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
OPERATORS = {"In": "in", "NotIn": "notin"}


async def get_scale(backend: Backend, call: Call) -> Response:
    """Answer with the Scale of the object. Raises StatusError 404."""
    return _response(call, stored(backend, call).value)


async def update_scale(backend: Backend, call: Call) -> Response:
    """Answer 200 with the Scale after a PUT. Raises StatusError."""
    dry_run = write_options(call, "UpdateOptions")
    body = bodies.read(backend, call, GVK)
    meta = meta_of(orjson.loads(body))
    match_namespace(call, meta)
    match_name(call, meta)
    is_pinned = bool(meta.get("resourceVersion"))
    return await _change(backend, call, lambda parent: body, dry_run=dry_run, is_pinned=is_pinned)


async def patch_scale(backend: Backend, call: Call) -> Response:
    """Answer 200 with the Scale after a PATCH. Raises StatusError."""
    media = patch_type(call)
    dry_run = write_options(call, "PatchOptions", errors=forbid_force(call))
    patcher = Patcher(backend, call, media, GVK)

    def patched(parent: Json) -> bytes:
        return patcher.apply(orjson.dumps(scale_of(parent)))

    return await _change(backend, call, patched, dry_run=dry_run, is_pinned=patcher.names_version)


async def _change(
    backend: Backend, call: Call, make: Callable[[Json], bytes], *, dry_run: bool, is_pinned: bool
) -> Response:
    context = call.context(backend, dry_run=dry_run)

    def transform(value: bytes) -> bytes:
        parent = orjson.loads(value)
        return orjson.dumps(_scaled(call, parent, orjson.loads(make(parent))))

    change = Change(backend, call, context, call.scope.strategy(), transform, is_pinned=is_pinned, owns_nothing=True)
    changed = await change.run()
    if changed is None:
        raise missing(call)
    return _response(call, changed)


def _scaled(call: Call, parent: Json, scale: Json) -> Json:
    """The parent with the replicas of ``scale``. Raises StatusError 400, 409, 422."""
    meta = meta_of(scale)
    match_namespace(call, meta)
    match_name(call, meta)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        error = invalid_field("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", call.info.name, [error])
    if meta.get("uid") and meta["uid"] != parent["metadata"]["uid"]:
        key = call.scope.key(call.info.namespace, call.info.name)
        raise uid_conflict(call, key, meta["uid"], parent["metadata"]["uid"])
    parent["metadata"]["resourceVersion"] = meta.get("resourceVersion", "")
    parent["spec"]["replicas"] = replicas
    return parent


def _response(call: Call, value: bytes) -> Response:
    call.printer = printer_of_kind("Scale")
    return object_response(call, orjson.dumps(scale_of(orjson.loads(value))))


def scale_of(parent: Json) -> Json:
    """The Scale of a workload."""
    spec, status = parent.get("spec") or {}, parent.get("status") or {}
    replicas = spec.get("replicas", 0)
    shown: Json = {"replicas": status.get("replicas", 0)}
    selector = selector_text(spec.get("selector"))
    if selector:
        shown["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: parent["metadata"][name] for name in META_SHOWN if name in parent["metadata"]},
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def selector_text(selector: Json | None) -> str:
    """A LabelSelector, or the plain map of a ReplicationController, in the form of a query."""
    if not selector:
        return ""
    is_structured = "matchLabels" in selector or "matchExpressions" in selector
    labels = (selector.get("matchLabels") or {}) if is_structured else selector
    parts = [(key, f"{key}={value}") for key, value in labels.items()]
    for term in (selector.get("matchExpressions") or ()) if is_structured else ():
        parts.append((term["key"], _expression(term)))
    return ",".join(text for _, text in sorted(parts))


def _expression(term: Json) -> str:
    key, operator = term["key"], term["operator"]
    if operator == "Exists":
        return str(key)
    if operator == "DoesNotExist":
        return f"!{key}"
    return f"{key} {OPERATORS[operator]} ({','.join(sorted(term.get('values') or ()))})"
