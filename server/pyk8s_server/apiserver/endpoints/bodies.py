"""Request bodies: from JSON, YAML or protobuf to an object of the expected kind, checked, completed and as a dict.

Always true: what comes out has its kind and apiVersion and no unknown field; what was left out is told by a warning or,
in strict mode, by an error.
Not here: the types (see `pyk8s.core.Scheme`), patches (see `patch`).
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.status import StatusError, bad_request
from pyk8s.api.yaml import YamlError, to_json
from pyk8s.errors import DecodeError

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.negotiation import ACCEPTED, JSON, PROTOBUF, YAML
from pyk8s_server.apiserver.registry import round_trip

Json = dict[str, Any]


def media_of(call: Call) -> str:
    """The body's media type, JSON when none is named. Raises StatusError 415."""
    header = call.request.headers.get("content-type", "")
    if not header or header == JSON:
        return JSON
    media = header.partition(";")[0].strip().lower()
    if media not in (JSON, YAML, PROTOBUF):
        message = f"the body of the request was in an unknown format - accepted media types include: {ACCEPTED}"
        raise StatusError(415, "UnsupportedMediaType", message)
    return media


def read(backend: Backend, call: Call, gvk: str) -> bytes:
    """The body as an object of kind ``gvk``, with defaults, as JSON. Raises StatusError 400, 415."""
    media, body = media_of(call), call.request.body
    if media == PROTOBUF:
        return round_trip(gvk, backend.scheme.default(gvk, _from_protobuf(backend, gvk, body)))
    problems: list[str] = []
    if media == YAML:
        body, problems = _from_yaml(gvk, body)
    try:
        decoded = backend.scheme.decode_json(gvk, body)
    except DecodeError as error:
        raise bad_request(str(error)) from error
    report(call, gvk, problems + decoded.problems if problems else decoded.problems)
    return round_trip(gvk, backend.scheme.default(gvk, decoded.value))


def report(call: Call, gvk: str, problems: list[str]) -> None:
    """Unknown and duplicate fields: an error, warnings or nothing, as the request asks. Raises StatusError 400."""
    if not problems:
        return
    mode = call.params.get("fieldValidation") or "Warn"
    if mode == "Strict":
        api_version, _, kind = gvk.rpartition("/")
        version = api_version.rpartition("/")[2]
        why = f"strict decoding error: {', '.join(problems)}"
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')
    if mode == "Warn":
        call.warnings.extend(problems)


def _from_protobuf(backend: Backend, gvk: str, body: bytes) -> bytes:
    kind_text = gvk.rpartition("/")[2]
    try:
        found, value = backend.scheme.decode_protobuf(body)
    except DecodeError as error:
        raise bad_request(str(error)) from error
    if found != gvk:
        kind, version = found.rpartition("/")[2], found.rpartition("/")[0].rpartition("/")[2]
        why = f"the object provided is of kind {found}, not {gvk}"
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind_text}: {why}')
    return value


def _from_yaml(gvk: str, body: bytes) -> tuple[bytes, list[str]]:
    try:
        document = to_json(body)
    except YamlError as error:
        kind = gvk.rpartition("/")[2]
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
            f"json parse error: {error}"
        ) from error
    return document.value, document.problems


def loads(value: bytes) -> Json:
    """An encoded object as a dict."""
    found: Json = orjson.loads(value)
    return found
