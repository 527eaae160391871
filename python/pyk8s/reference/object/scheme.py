"""The scheme: everything that depends on the built-in kinds, over one set of tables.

Always true: a `Scheme` never changes once built.
Not here: the rules themselves (see `decode`, `protobuf`, `default`, and the patches).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.object import protobuf
from pyk8s.reference.object.decode import decode
from pyk8s.reference.object.default import Defaults
from pyk8s.reference.object.json import Pairs, parse, parse_pairs, to_bytes, type_name
from pyk8s.reference.object.managed_fields import Update, update_managed_fields
from pyk8s.reference.object.message import Message, Messages
from pyk8s.reference.object.protobuf import Envelope
from pyk8s.reference.object.strategic import strategic_merge_patch
from pyk8s.reference.object.structure import Structures
from pyk8s.reference.object.type_meta import Gvk, sniff, unhandled, unrecognized


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object as compact JSON, and what strict decoding would refuse in it."""

    value: bytes
    problems: list[str]


class Scheme:
    """See `pyk8s.core.interfaces.Scheme`."""

    def __init__(self, tables: bytes) -> None:
        parsed = json.loads(tables)
        self._structures = Structures(parsed["schema"], parsed["protobuf"]["messages"])
        self._messages = Messages(parsed["protobuf"])
        self._defaults = Defaults(parsed["defaults"], self._messages)

    def decode_json(self, kind: str, body: bytes) -> Decoded:
        expected = Gvk.of_name(kind)
        message = self._message(kind)
        try:
            document = parse_pairs(body)
        except DecodeError as error:
            cause = f"couldn't get version/kind; json parse error: {error}"
            raise unrecognized(cause, body, expected) from None
        actual = sniff(document, body, expected)
        self._check_kind(actual, expected)
        try:
            fields, problems = decode(self._messages, message, Pairs(document or ()))
        except DecodeError as error:
            raise unhandled(str(error), actual, expected) from None
        return Decoded(to_bytes(_with_type(fields, expected)), problems)

    def decode_protobuf(self, body: bytes, kind: str = "") -> tuple[str, bytes]:
        expected = Gvk.of_name(kind)
        try:
            envelope = Envelope.read(body)
            actual = Gvk.parse(envelope.api_version, envelope.kind).complete(expected)
            if not actual.kind:
                raise DecodeError("Object 'Kind' is missing")
        except DecodeError as error:
            raise (unrecognized(str(error), body, expected) if kind else error) from None
        expected = expected if kind else actual
        self._check_kind(actual, expected)
        message = self._messages.of_kind(actual.name)
        if message is None:
            raise unhandled(_not_registered(actual), actual, expected)
        try:
            fields = protobuf.decode(self._messages, message, envelope.raw)
        except DecodeError as error:
            raise unhandled(str(error), actual, expected) from None
        return expected.name, to_bytes(_with_type(fields, expected))

    def default(self, kind: str, value: bytes) -> bytes:
        if kind not in self._defaults.kinds:
            return value
        message = self._message(kind)
        target = parse(value)
        if isinstance(target, dict):
            self._defaults.apply(kind, message, target)
        return to_bytes(target)

    def strategic_merge_patch(self, kind: str, original: bytes, patch: bytes) -> bytes:
        return strategic_merge_patch(self._structures, kind, original, patch)

    def update_managed_fields(
        self,
        kind: str,
        old: bytes,
        new: bytes,
        *,
        manager: str,
        time: str,
        subresource: str = "",
        reset_fields: Sequence[str] = (),
    ) -> bytes:
        update = Update(manager, time, subresource, tuple(reset_fields))
        before = _object(old) if old else None
        return to_bytes(update_managed_fields(self._structures, kind, before, _object(new), update))

    def _message(self, kind: str) -> Message:
        message = self._messages.of_kind(kind)
        if message is None:
            raise DecodeError(f'no kind "{kind}" is known')
        return message

    def _check_kind(self, actual: Gvk, expected: Gvk) -> None:
        if actual == expected:
            return
        if not actual.version:
            raise unhandled("Object 'apiVersion' is missing", actual, expected)
        if self._messages.of_kind(actual.name) is None:
            raise unhandled(_not_registered(actual), actual, expected)
        if actual.kind != expected.kind:
            source = f"{actual.version}.{actual.kind}"
            package = expected.group.split(".")[0] or "core"
            cause = f"converting ({source}) to ({package}.{expected.kind}): unknown conversion"
            raise unhandled(cause, actual, expected)
        if not self._messages.is_meta_kind(actual.kind):
            raise DecodeError(
                f"the API version in the data ({actual.api_version}) does not match the expected API version "
                f"({expected.api_version})"
            )


def _not_registered(gvk: Gvk) -> str:
    scheme = "pkg/api/legacyscheme/scheme.go:30"
    return f'no kind "{gvk.kind}" is registered for version "{gvk.api_version}" in scheme "{scheme}"'


def _with_type(fields: dict[str, Any], gvk: Gvk) -> dict[str, Any]:
    """The object's kind and apiVersion in front, whatever the body said."""
    rest = {key: value for key, value in fields.items() if key not in ("kind", "apiVersion")}
    return {"kind": gvk.kind, "apiVersion": gvk.api_version} | rest


def _object(body: bytes) -> dict[str, Any]:
    value = parse(body)
    if not isinstance(value, dict):
        raise DecodeError(f"json: cannot unmarshal {type_name(value)} into Go value of type map[string]interface {{}}")
    return value
