"""Which kind a JSON body is: its apiVersion and kind, completed from what the endpoint expects.

Always true: errors are kube-apiserver's, down to the part of the body they quote.
Not here: reading the fields (see `decode`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.object.json import Pairs, type_name

SUMMARY_BYTES = 30
"""How much of a body an error quotes."""

SNIFFED_TYPE = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


@dataclass(frozen=True, slots=True)
class Gvk:
    group: str = ""
    version: str = ""
    kind: str = ""

    @classmethod
    def of_name(cls, name: str) -> Gvk:
        """From "apps/v1/Deployment" or "v1/Pod"."""
        api_version, _, kind = name.rpartition("/")
        group, _, version = api_version.rpartition("/")
        return cls(group, version, kind)

    @classmethod
    def parse(cls, api_version: str, kind: str) -> Gvk:
        """From apiVersion and kind. Raises DecodeError in Go's words."""
        if api_version.count("/") > 1:
            raise DecodeError(f"unexpected GroupVersion string: {api_version}")
        if "/" in api_version:
            group, _, version = api_version.partition("/")
            return cls(group, version, kind)
        return cls("", api_version, kind)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        return f"{self.api_version}/{self.kind}"

    def complete(self, expected: Gvk) -> Gvk:
        """Take what the body leaves open from the kind that is expected."""
        gvk = self
        if not gvk.kind:
            gvk = replace(gvk, kind=expected.kind)
        if not gvk.version and not gvk.group:
            gvk = replace(gvk, group=expected.group)
        if not gvk.version and gvk.group == expected.group:
            gvk = replace(gvk, version=expected.version)
        return gvk


def sniff(document: Any, body: bytes, expected: Gvk) -> Gvk:
    """Find the kind of a parsed body. Raises DecodeError."""
    try:
        api_version, kind = _type_meta(document)
    except DecodeError as error:
        raise unrecognized(f"couldn't get version/kind; json parse error: {error}", body, expected) from None
    try:
        return Gvk.parse(api_version, kind).complete(expected)
    except DecodeError as error:
        raise unrecognized(str(error), body, expected) from None


def unrecognized(cause: str, body: bytes, expected: Gvk) -> DecodeError:
    """A body whose kind cannot even be told."""
    what = f"the object provided is unrecognized (must be of type {expected.kind}): {cause} ({_summary(body)})"
    return DecodeError(what, cause)


def unhandled(cause: str, actual: Gvk, expected: Gvk) -> DecodeError:
    """A body of a known kind that cannot be read as such."""
    what = f'{actual.kind} in version "{actual.version}" cannot be handled as a {expected.kind}: {cause}'
    return DecodeError(what, cause)


def _type_meta(document: Any) -> tuple[str, str]:
    """apiVersion and kind at the top, "" where absent. Here, and only here, Go ignores the case of keys."""
    if document is None:
        return "", ""
    if not isinstance(document, Pairs):
        raise DecodeError(f"json: cannot unmarshal {type_name(document)} into Go value of type {SNIFFED_TYPE}")
    found = {"apiversion": "", "kind": ""}
    wrong_types = []
    for key, value in document:
        lowered = _lower(key)
        if lowered not in found or value is None:
            continue
        if isinstance(value, str):
            found[lowered] = value
        else:
            name = "apiVersion" if lowered == "apiversion" else "kind"
            wrong_types.append(f"json: cannot unmarshal {type_name(value)} into Go struct field .{name} of type string")
    if wrong_types:
        raise DecodeError(wrong_types[0])
    return found["apiversion"], found["kind"]


def _lower(key: str) -> str:
    return key.lower() if key.isascii() else key


def _summary(body: bytes) -> str:
    """The beginning of a body: as text when it looks like an object, in hexadecimal otherwise."""
    if not body:
        return "<empty>"
    start = body[:SUMMARY_BYTES]
    text = start.decode(errors="replace") if start.startswith(b"{") else start.hex()
    return f"{text} ..." if len(body) > SUMMARY_BYTES else text
