"""Reviews: questions to authentication and authorization that are asked as objects and never stored.

Always true: the answer is the object of the request with its status filled in.
Not here: who may do what (see `filters.authorization`), rules reviews.
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.clock import rfc3339
from pyk8s.api.http import Response, UserInfo
from pyk8s.api.status import StatusError, bad_request

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.metadata import match_namespace, meta_of
from pyk8s_server.apiserver.endpoints.responses import object_response
from pyk8s_server.apiserver.interfaces import RequestInfo
from pyk8s_server.apiserver.tokens.service_accounts import API_AUDIENCES

Json = dict[str, Any]

INVALID_TOKEN = "invalid bearer token"


async def review_self(backend: Backend, call: Call) -> Response:
    """SelfSubjectReview: answer 201 with who asks."""
    obj = _read(backend, call)
    obj["metadata"]["creationTimestamp"] = rfc3339(call.now_s)
    obj["status"] = {"userInfo": user_info(call.user)}
    return object_response(call, orjson.dumps(obj), 201)


async def review_token(backend: Backend, call: Call) -> Response:
    """TokenReview: answer 201 with whose the token is."""
    obj = _read(backend, call)
    spec = obj.get("spec") or {}
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    verdict = backend.review_token(spec["token"], spec.get("audiences") or API_AUDIENCES)
    if verdict.user is None:
        error = f"[{INVALID_TOKEN}, {verdict.error}]" if verdict.error else INVALID_TOKEN
        obj["status"] = {"user": {}, "error": error}
    else:
        shown = {"authenticated": True, "user": user_info(verdict.user), "audiences": list(verdict.audiences)}
        obj["status"] = shown
    return object_response(call, orjson.dumps(obj), 201)


async def review_own_access(backend: Backend, call: Call) -> Response:
    """SelfSubjectAccessReview: answer 201 with whether the user may do something."""
    obj = _read(backend, call)
    obj["status"] = _decision(backend, call.user, obj.get("spec") or {})
    return object_response(call, orjson.dumps(obj), 201)


async def review_access(backend: Backend, call: Call) -> Response:
    """SubjectAccessReview, LocalSubjectAccessReview: answer 201 with whether a named user may do something."""
    obj = _read(backend, call)
    if call.scope.resource.namespaced:
        match_namespace(call, obj["metadata"])
    spec = obj.get("spec") or {}
    extra = {name: tuple(values) for name, values in (spec.get("extra") or {}).items()}
    user = UserInfo(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)
    obj["status"] = _decision(backend, user, spec)
    return object_response(call, orjson.dumps(obj), 201)


def _read(backend: Backend, call: Call) -> Json:
    write_options(call, "CreateOptions")
    gvk = call.scope.resource.gvk
    manager = call.context(backend).manager
    body = bodies.read(backend, call, gvk)
    body = backend.scheme.update_managed_fields(gvk, b"", body, manager=manager, time=rfc3339(call.now_s))
    obj = bodies.loads(body)
    meta_of(obj)
    return obj


def _decision(backend: Backend, user: UserInfo, spec: Json) -> Json:
    asked = spec.get("resourceAttributes")
    if asked is not None:
        info = RequestInfo(
            True,
            "",
            asked.get("verb", ""),
            asked.get("group", ""),
            asked.get("version", ""),
            asked.get("resource", ""),
            asked.get("subresource", ""),
            asked.get("namespace", ""),
            asked.get("name", ""),
        )
    else:
        path = spec.get("nonResourceAttributes") or {}
        info = RequestInfo(False, path.get("path", ""), path.get("verb", ""))
    try:
        backend.authorizer.authorize(user, info)
    except StatusError as error:
        return {"allowed": False, "reason": error.message}
    return {"allowed": True}


def user_info(user: UserInfo) -> Json:
    """A user as authentication.k8s.io/v1 UserInfo; what is empty is left out."""
    found: Json = {"username": user.username}
    if user.uid:
        found["uid"] = user.uid
    if user.groups:
        found["groups"] = list(user.groups)
    if user.extra:
        found["extra"] = {name: list(values) for name, values in user.extra.items()}
    return found
