"""Kinds that are served in two versions: one is stored, the other is made from it at the edge.

Always true: converting to the served version and back loses nothing that the stored version can hold.
Not here: custom resources.
"""

from __future__ import annotations

from typing import Any, Protocol

from pyk8s.api.resources import Resource

Json = dict[str, Any]


class Conversion(Protocol):
    """Between the served and the stored version of one kind. Objects passed in may be changed."""

    def to_stored(self, obj: Json) -> Json: ...

    def from_stored(self, obj: Json) -> Json: ...

    def encoded_from_stored(self, value: bytes) -> bytes: ...


def stored_version(resource: Resource) -> Resource:
    """The resource of the version that objects of ``resource`` are stored as."""
    return resource


def conversion_of(resource: Resource) -> Conversion | None:
    """How ``resource`` is made from its stored version; None when it is that version."""
    return None
