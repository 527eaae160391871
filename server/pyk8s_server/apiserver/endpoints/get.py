"""GET of one object.

Always true: the answer is the newest version there is, whatever resourceVersion was asked for (it is at least that).
"""

from __future__ import annotations

from pyk8s.api.http import Response
from pyk8s.api.status import not_found
from pyk8s.core.interfaces import KeyValue

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.freshness import reach
from pyk8s_server.apiserver.endpoints.responses import object_response


async def get(backend: Backend, call: Call) -> Response:
    """Answer with the object. Raises StatusError 404, 504."""
    version = call.params.get("resourceVersion") if call.params else None
    if version:
        await reach(backend, version)
    kv = stored(backend, call)
    value = kv.value if call.scope.convert is None else call.scope.convert.encoded_from_stored(kv.value)
    return object_response(call, value)


def stored(backend: Backend, call: Call) -> KeyValue:
    """The object the request names, as it is stored. Raises StatusError 404."""
    info = call.info
    kv = backend.storage.engine.get(call.scope.key(info.namespace, info.name))
    if kv is None:
        resource = call.scope.resource
        raise not_found(resource.group, resource.plural, info.name)
    return kv
