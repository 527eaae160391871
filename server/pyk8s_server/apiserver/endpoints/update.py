"""UPDATE: PUT of a whole object, or of the part of it that a subresource stands for.

Always true: a kind whose table allows it is created by a PUT to a name that is free.
"""

from __future__ import annotations

import orjson
from pyk8s.api.http import Response
from pyk8s.errors import KeyExists

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.change import Change, missing, uid_conflict
from pyk8s_server.apiserver.endpoints.create import create_from
from pyk8s_server.apiserver.endpoints.metadata import match_name, match_namespace, meta_of
from pyk8s_server.apiserver.endpoints.responses import object_response

CREATE_RACES_MAX = 5


async def update(backend: Backend, call: Call) -> Response:
    """Answer 200 with the object as it now is, 201 when it was created. Raises StatusError."""
    dry_run = write_options(call, "UpdateOptions")
    scope = call.scope
    value = bodies.read(backend, call, scope.resource.gvk)
    meta = meta_of(orjson.loads(value))
    match_namespace(call, meta)
    match_name(call, meta)
    context = call.context(backend, dry_run=dry_run)
    strategy = scope.strategy(call.info.subresource)
    is_pinned = bool(meta.get("resourceVersion"))
    change = Change(backend, call, context, strategy, lambda old: value, is_pinned=is_pinned)
    for _ in range(CREATE_RACES_MAX):
        changed = await change.run()
        if changed is not None:
            return object_response(call, changed)
        if not strategy.allow_create_on_update or call.info.subresource:
            raise missing(call)
        if meta.get("uid"):
            raise uid_conflict(call, scope.key(call.info.namespace, call.info.name), meta["uid"], "")
        try:
            return object_response(call, await create_from(backend, call, context, _versionless(value)), 201)
        except KeyExists:
            continue
    raise missing(call)


def _versionless(value: bytes) -> bytes:
    """The body without its resourceVersion: a PUT that creates ignores it."""
    obj = orjson.loads(value)
    if obj["metadata"].pop("resourceVersion", None) is None:
        return value
    return orjson.dumps(obj)
