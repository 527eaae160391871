"""Evicting a pod: a delete that disruption budgets may refuse.

Always true: an eviction deletes as DELETE does, with the options of its body.
Not here: disruption budgets.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.http import Response
from pyk8s.api.status import bad_request, success
from pyk8s.errors import DecodeError

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.delete import delete_object
from pyk8s_server.apiserver.endpoints.delete_options import options_of
from pyk8s_server.apiserver.endpoints.get import stored
from pyk8s_server.apiserver.endpoints.metadata import match_namespace, meta_of
from pyk8s_server.apiserver.endpoints.negotiation import JSON
from pyk8s_server.apiserver.endpoints.responses import status_response

Json = dict[str, Any]

GVK = "policy/v1/Eviction"
NAME_MISMATCH = "name in URL does not match name in Eviction object"


async def evict(backend: Backend, call: Call) -> Response:
    """Answer 201 with a Status. Raises StatusError 400, 404."""
    eviction = _read(backend, call)
    meta = meta_of(eviction)
    if meta.get("name", "") != call.info.name:
        raise bad_request(NAME_MISMATCH)
    match_namespace(call, meta)
    options = options_of(eviction.get("deleteOptions") or {})
    in_query = write_options(call, "CreateOptions")
    if in_query:
        options.dry_run = ["All"]
    stored(backend, call)
    context = call.context(backend, dry_run=options.is_dry_run)
    await delete_object(backend, call, context, call.info.name, options)
    return status_response(call, {**success(), "code": 201}, 201)


def _read(backend: Backend, call: Call) -> Json:
    """The Eviction of the body; policy/v1beta1, which has the same form, is still read."""
    body = call.request.body
    if not body:
        raise bad_request(NAME_MISMATCH)
    if bodies.media_of(call) == JSON and b"policy/v1beta1" in body:
        try:
            decoded = backend.scheme.decode_json(GVK, body.replace(b"policy/v1beta1", b"policy/v1", 1))
        except DecodeError as error:
            raise bad_request(str(error)) from error
        return bodies.loads(decoded.value)
    return bodies.loads(bodies.read(backend, call, GVK))
