"""Tokens of a service account: POST of a TokenRequest to serviceaccounts/{name}/token.

Always true: nothing is stored; the answer is the request with its defaults and the token.
Source: kubernetes.io, "TokenRequest"; order of checks and texts as observed.
Not here: what a token says (see `tokens.service_accounts`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.api.field import FieldError
from pyk8s.api.field import invalid as invalid_field
from pyk8s.api.http import Response
from pyk8s.api.resources import Resource, find
from pyk8s.api.status import bad_request, conflict, invalid, not_found

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.create import attributes_of
from pyk8s_server.apiserver.endpoints.metadata import match_namespace, meta_of
from pyk8s_server.apiserver.endpoints.responses import status_response
from pyk8s_server.apiserver.endpoints.status import method_not_allowed
from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.tokens.service_accounts import API_AUDIENCES, Asked

Json = dict[str, Any]

GROUP, KIND = "authentication.k8s.io", "TokenRequest"
GVK = f"{GROUP}/v1/{KIND}"
LIFETIME_S_MIN = 600
LIFETIME_S_MAX = 1 << 32
BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


async def create_token(backend: Backend, call: Call) -> Response:
    """Answer 201 with the token. Raises StatusError 400, 404, 405, 409, 422."""
    tokens = backend.service_accounts
    if tokens is None:
        raise method_not_allowed()
    context = call.context(backend, dry_run=write_options(call, "CreateOptions"))
    request = _read(backend, call, context)
    attributes = attributes_of(call, context, "CREATE", request, None)
    await backend.chain.admit(attributes)
    account = _account(call, context, request)
    _complete(request, account, now=rfc3339(call.now_s))
    spec = request["spec"]
    errors = _lifetime_errors(spec["expirationSeconds"])
    if errors:
        raise invalid(GROUP, KIND, "", errors)
    await backend.chain.validate(attributes)
    bound = _bound(call, context, spec.get("boundObjectRef"))
    token = tokens.issue(Asked(account, spec["audiences"], spec["expirationSeconds"], bound))
    request["status"] = {"token": token, "expirationTimestamp": rfc3339(int(call.now_s) + spec["expirationSeconds"])}
    return status_response(call, request, 201)


def _read(backend: Backend, call: Call, context: Context) -> Json:
    body = backend.scheme.update_managed_fields(
        GVK,
        b"",
        bodies.read(backend, call, GVK),
        manager=context.manager,
        time=rfc3339(call.now_s),
        subresource=call.info.subresource,
    )
    request = bodies.loads(body)
    match_namespace(call, meta_of(request))
    return request


def _account(call: Call, context: Context, request: Json) -> Json:
    """The account the request is for. Raises StatusError 404, 409, 422."""
    name, meta = call.info.name, request["metadata"]
    if meta.get("name", "") not in ("", name):
        why = invalid_field("metadata.name", meta["name"], "must match the service account name if specified")
        raise invalid(GROUP, KIND, name, [why])
    account = context.reader.get(call.scope.stored, name, call.info.namespace)
    if account is None:
        raise not_found("", "serviceaccounts", name)
    given, actual = meta.get("uid", ""), account["metadata"]["uid"]
    if given not in ("", actual):
        text = f"the UID in the token request ({given}) does not match the UID of the service account ({actual})"
        raise conflict(GROUP, KIND, name, text)
    return account


def _complete(request: Json, account: Json, *, now: str) -> None:
    """Fill in what the answer shows."""
    meta, spec, of_account = request["metadata"], request["spec"], account["metadata"]
    own = {name: of_account[name] for name in ("name", "namespace", "uid")}
    request["metadata"] = {**meta, **own, "creationTimestamp": now}
    spec["audiences"] = spec.get("audiences") or list(API_AUDIENCES)
    spec.setdefault("boundObjectRef", None)


def _lifetime_errors(lifetime_s: int) -> list[FieldError]:
    path = "spec.expirationSeconds"
    if lifetime_s < LIFETIME_S_MIN:
        return [invalid_field(path, lifetime_s, "may not specify a duration less than 10 minutes")]
    if lifetime_s > LIFETIME_S_MAX:
        return [invalid_field(path, lifetime_s, "may not specify a duration larger than 2^32 seconds")]
    return []


# -- bound objects ---------------------------------------------------------------------------------------------


def _bound(call: Call, context: Context, ref: Json | None) -> dict[str, Json]:
    """Name and uid of what the token hangs on, by kind. Raises StatusError 400, 404, 409."""
    if ref is None:
        return {}
    group, version = _group_version(ref.get("apiVersion", ""))
    kind, name = ref.get("kind", ""), ref.get("name", "")
    if group or kind not in BOUND:
        raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
    found = context.reader.get(_resource(BOUND[kind]), name, "" if kind == "Node" else call.info.namespace)
    if found is None:
        raise not_found("", BOUND[kind], name)
    bound = {kind.lower(): {"name": name, "uid": found["metadata"]["uid"]}}
    if kind == "Pod":
        bound |= _node_of(call, context, found)
    if ref.get("uid") and ref["uid"] != found["metadata"]["uid"]:
        why = f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
        raise conflict("", kind, name, f"{why}The object might have been deleted and then recreated")
    return bound


def _node_of(call: Call, context: Context, pod: Json) -> dict[str, Json]:
    """The node a pod is on; without its uid when it is gone. Raises StatusError 400 for a pod of another account."""
    spec, account = pod["spec"], call.info.name
    if spec.get("serviceAccountName", "") != account:
        text = f'cannot bind token for serviceaccount "{account}" to pod running with different serviceaccount name.'
        raise bad_request(text)
    node_name = spec.get("nodeName")
    if not node_name:
        return {}
    node = context.reader.get(_resource("nodes"), node_name)
    return {"node": {"name": node_name} | ({"uid": node["metadata"]["uid"]} if node is not None else {})}


def _group_version(api_version: str) -> tuple[str, str]:
    group, _, version = api_version.rpartition("/")
    return group, version


def _resource(plural: str) -> Resource:
    found = find("", "v1", plural)
    assert found is not None, f"{plural} are in the table"
    return found
