"""From what went wrong to the Status a client sees: the engine's errors, and the answer's bytes.

Always true: every class of `pyk8s.errors` that a request can meet has an entry in `of_engine_error`; a test walks them.
Not here: messages of the API's own errors (see `pyk8s.api.status`).
"""

from __future__ import annotations

import orjson
from pyk8s import errors
from pyk8s.api.field import invalid as invalid_field
from pyk8s.api.http import Response
from pyk8s.api.resources import Resource, resources
from pyk8s.api.status import (
    MODIFIED,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    internal_error,
    invalid,
    not_found,
)

JSON_TYPE = ("content-type", "application/json")
EXPIRED = "The resourceVersion for the provided list is too old."
TOO_LARGE_CAUSE = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
NOT_FOUND_TEXT = b"404 page not found\n"


def of_engine_error(error: errors.EngineError, resource: Resource, name: str) -> StatusError:
    """The Status for an engine error met while working on one object or list."""
    match error:
        case errors.KeyExists():
            return already_exists(resource.group, resource.plural, name)
        case errors.KeyNotFound():
            return not_found(resource.group, resource.plural, name)
        case errors.Conflict():
            return conflict(resource.group, resource.plural, name, MODIFIED)
        case errors.Compacted():
            return StatusError(410, "Expired", EXPIRED)
        case errors.FutureRevision():
            return too_large_resource_version(error.revision, error.current)
        case errors.SelectorError() | errors.DecodeError() | errors.StrictDecodeError():
            return bad_request(str(error))
        case errors.PatchError():
            return of_patch_error(error)
        case _:
            return internal_error(str(error))


REJECTED = "the server rejected our request due to an error in our request"


def of_patch_error(error: errors.PatchError) -> StatusError:
    """A patch that cannot be read (400), does not fit its object (422), or fails as it does upstream (500)."""
    match error.reason:
        case "malformed":
            return bad_request(str(error))
        case "unprocessable":
            return StatusError(422, "Invalid", REJECTED, {})
        case "invalid":
            return invalid("", "", "", [invalid_field("patch", error.value, str(error))])
        case _:
            return StatusError(500, "", str(error))


def too_large_resource_version(asked: int, current: int) -> StatusError:
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return StatusError(504, "Timeout", message, {"causes": [TOO_LARGE_CAUSE], "retryAfterSeconds": 1})


def response_of(error: StatusError) -> Response:
    """A failed request's answer."""
    headers = [JSON_TYPE]
    if error.retry_after_s:
        headers.append(("retry-after", str(error.retry_after_s)))
    if error.code == 403:
        headers.append(("x-content-type-options", "nosniff"))
    return Response(error.code, headers, orjson.dumps(error.to_dict()) + b"\n")


def resource_not_found(group: str) -> Response:
    """The answer to a path below a group: a Status when the group is served, text when it is not."""
    if group and not any(resource.group == group for resource in resources()):
        return page_not_found()
    error = StatusError(404, "NotFound", "the server could not find the requested resource", {})
    return response_of(error)


def page_not_found() -> Response:
    """The answer to a path that nothing is served at: text, not a Status."""
    headers = [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]
    return Response(404, headers, NOT_FOUND_TEXT)


def method_not_allowed() -> StatusError:
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})
