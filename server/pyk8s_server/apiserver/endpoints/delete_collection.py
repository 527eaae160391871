"""DELETECOLLECTION: every object of a list is deleted, one after the other.

Always true: each item passes admission and its own deletion; what was gone already is no error.
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.http import Response
from pyk8s.api.status import StatusError

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.delete import delete_object, warn_of_orphans
from pyk8s_server.apiserver.endpoints.delete_options import delete_options
from pyk8s_server.apiserver.endpoints.freshness import reach
from pyk8s_server.apiserver.endpoints.list_options import list_options
from pyk8s_server.apiserver.endpoints.responses import encoded
from pyk8s_server.apiserver.endpoints.selectors import selection_of

Json = dict[str, Any]


async def delete_collection(backend: Backend, call: Call) -> Response:
    """Answer 200 with the list of the deleted objects. Raises StatusError."""
    options = delete_options(backend, call)
    warn_of_orphans(call, options)
    listed = list_options(call)
    selection = selection_of(call)
    if listed.resource_version not in ("", "0"):
        await reach(backend, listed.resource_version)
    scope = call.scope
    prefix = scope.range(call.info.namespace)
    found = backend.storage.engine.range(prefix, limit=listed.limit, selection=selection)
    context = call.context(backend, dry_run=options.is_dry_run)
    items: list[Json] = []
    for kv in found.items:
        obj = orjson.loads(kv.value)
        try:
            await delete_object(backend, call, context, obj["metadata"]["name"], options)
        except StatusError as error:
            if error.code != 404:
                raise
        items.append(obj if scope.convert is None else scope.convert.from_stored(obj))
    for obj in items:
        obj.pop("kind", None)
        obj.pop("apiVersion", None)
    meta = {"resourceVersion": str(found.revision)}
    resource = scope.resource
    body = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta, "items": items}
    return encoded(call, orjson.dumps(body))
