"""From a resource request to its verb.

Always true: a path that names no served resource is answered with text 404, a verb the resource lacks with 405; every
StatusError of a verb becomes its answer here.
Not here: filters (see `handler`), discovery.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from pyk8s.api.http import Request, Response, UserInfo
from pyk8s.api.status import StatusError, internal_error
from pyk8s.errors import EngineError

from pyk8s_server.apiserver.endpoints import status
from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.create import create
from pyk8s_server.apiserver.endpoints.delete import delete
from pyk8s_server.apiserver.endpoints.delete_collection import delete_collection
from pyk8s_server.apiserver.endpoints.get import get
from pyk8s_server.apiserver.endpoints.list import list_objects
from pyk8s_server.apiserver.endpoints.patch import patch
from pyk8s_server.apiserver.endpoints.responses import failed
from pyk8s_server.apiserver.endpoints.scope import ResourceScope
from pyk8s_server.apiserver.endpoints.subresources import SUBRESOURCES, UNSERVED
from pyk8s_server.apiserver.endpoints.update import update
from pyk8s_server.apiserver.endpoints.watch import watch
from pyk8s_server.apiserver.interfaces import RequestInfo

log = logging.getLogger(__name__)

Verb = Callable[[Backend, Call], Awaitable[Response]]

VERBS: dict[str, Verb] = {
    "get": get,
    "list": list_objects,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
ACROSS_NAMESPACES = ("list", "watch")


async def serve(backend: Backend, request: Request, info: RequestInfo, user: UserInfo, now_s: float) -> Response:
    """The answer to a resource request. Never raises an `Exception`."""
    scope = backend.scopes.find(info.group, info.version, info.resource)
    if scope is None or (info.subresource and scope.resource.subresource(info.subresource) is None):
        return status.resource_not_found(info.group)
    params = dict(reversed(request.query)) if request.query else {}
    call = Call(request, info, user, scope, params, now_s)
    try:
        verb = _verb(scope, info)
        call.negotiate()
        return await verb(backend, call)
    except StatusError as error:
        return failed(call, error)
    except EngineError as error:
        return failed(call, status.of_engine_error(error, scope.resource, info.name))
    except OSError as error:
        log.error("storage failed on %s %s: %s", request.method, request.path, error)
        return failed(call, internal_error(f"storage: {error.strerror or error}"))
    except Exception as error:
        # A bug of ours must not take the connection down: it is logged whole, and the client gets a Status.
        log.exception("%s %s failed", request.method, request.path)
        return failed(call, internal_error(f"{type(error).__name__}: {error}"))


def _verb(scope: ResourceScope, info: RequestInfo) -> Verb:
    """What serves the request. Raises StatusError 405."""
    resource, name = scope.resource, info.verb
    if info.subresource:
        sub = resource.subresource(info.subresource)
        found = SUBRESOURCES.get((resource.qualified, info.subresource)) or SUBRESOURCES.get(("", info.subresource))
        if sub is None or name not in sub.verbs or found is None or name not in found:
            raise status.method_not_allowed()
        return found[name]
    if name not in resource.verbs or resource.qualified in UNSERVED:
        raise status.method_not_allowed()
    if resource.namespaced and not info.namespace and name not in ACROSS_NAMESPACES:
        raise status.method_not_allowed()
    if not resource.namespaced and info.namespace and resource.plural != "namespaces":
        raise status.method_not_allowed()
    if name == "create" and info.name:
        raise status.method_not_allowed()
    if (name in ("update", "patch")) and not info.name:
        raise status.method_not_allowed()
    created = SUBRESOURCES.get((resource.qualified, ""))
    return created[name] if created and name in created else VERBS[name]
