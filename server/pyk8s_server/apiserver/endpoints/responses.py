"""Answers: an object, a list or a Status in the form the client asked for.

Always true: stored bytes that need no change are sent as they are; every JSON answer ends in a line feed.
Not here: tables (see `table`), streams (see `watch`).
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.http import Response
from pyk8s.api.status import StatusError

from pyk8s_server.apiserver.endpoints import protobuf
from pyk8s_server.apiserver.endpoints.call import Call
from pyk8s_server.apiserver.endpoints.negotiation import not_acceptable
from pyk8s_server.apiserver.endpoints.status import JSON_TYPE, response_of
from pyk8s_server.apiserver.endpoints.table import metadata_of, object_table
from pyk8s_server.apiserver.endpoints.yaml_text import json_to_yaml

Json = dict[str, Any]

YAML_TYPE = ("content-type", "application/yaml")
PROTOBUF_TYPE = ("content-type", protobuf.CONTENT_TYPE)
WARNING_RUNES_MAX = 256
WARNINGS_RUNES_MAX = 4096
"""Beyond the total, each warning is cut to the shorter length: kube-apiserver's bound on header size."""


def object_response(call: Call, value: bytes, status: int = 200) -> Response:
    """Answer with one object of the scope's kind, encoded."""
    form = call.form
    if form.kind == "Table":
        value = object_table(call, value, now_s=call.now_s)
    elif form.kind:
        value = orjson.dumps(metadata_of(form, orjson.loads(value)))
    return encoded(call, value, status)


def status_response(call: Call, body: Json, status: int = 200) -> Response:
    """Answer with a Status or another object that is no resource's."""
    return encoded(call, orjson.dumps(body), status)


def encoded(call: Call, value: bytes, status: int = 200) -> Response:
    """Answer with JSON, turned into the media type asked for, with the request's warnings."""
    if call.form.media == "yaml":
        response = Response(status, [YAML_TYPE], json_to_yaml(value))
    elif call.form.media == "protobuf":
        response = Response(status, [PROTOBUF_TYPE], as_protobuf(value))
    elif call.is_pretty:
        response = Response(status, [JSON_TYPE], orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        response = Response(status, [JSON_TYPE], value + b"\n")
    if call.warnings or call.scope.deprecation:
        add_warnings(call, response)
    return response


def as_protobuf(value: bytes) -> bytes:
    """An object's JSON as protobuf. Raises StatusError 406 for kinds without a protobuf form."""
    found = protobuf.encode(value)
    if found is None:
        raise not_acceptable()
    return found


def failed(call: Call, error: StatusError) -> Response:
    """Answer with what went wrong, in the form asked for."""
    response = response_of(error)
    if call.form.media == "yaml":
        response.headers[0], response.body = YAML_TYPE, json_to_yaml(response.body)
    elif call.form.media == "protobuf":
        response.headers[0], response.body = PROTOBUF_TYPE, as_protobuf(response.body)
    if call.warnings or call.scope.deprecation:
        add_warnings(call, response)
    return response


def add_warnings(call: Call, response: Response) -> None:
    """Put the request's warnings, each once, into headers."""
    texts = ([call.scope.deprecation] if call.scope.deprecation else []) + call.warnings
    total = 0
    for text in dict.fromkeys(texts):
        total += len(text)
        if total > WARNINGS_RUNES_MAX:
            text = text[:WARNING_RUNES_MAX]
        response.headers.append(("warning", f'299 - "{_quoted(text)}"'))


def _quoted(text: str) -> str:
    cleaned = "".join(character if character >= " " and character != "\x7f" else " " for character in text)
    return cleaned.replace("\\", "\\\\").replace('"', '\\"')
