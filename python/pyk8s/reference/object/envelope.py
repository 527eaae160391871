"""The envelope of a stored object: what lists, watches and selectors need to know without decoding its body.

Always true: an envelope describes exactly the bytes it was parsed from, or those `write_revision` returned with it.
Not here: reading it off the bytes (see `envelope_parser`), the object's types and defaults, matching (see `selector`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

FieldSpec = tuple[str, str, str]
"""(label, paths joined by "|", default): one selectable field."""

FIELD_PATHS_MAX = 64
"""Paths of all the selectable fields of one kind together."""


class Form(Enum):
    """How the resourceVersion gets into the bytes: the texts before and after its digits."""

    REPLACE = ('"', '"')
    AFTER_MEMBER = (',"resourceVersion":"', '"')
    FIRST_MEMBER = ('"resourceVersion":"', '",')
    ONLY_MEMBER = ('"resourceVersion":"', '"')
    METADATA_BEFORE = ('"metadata":{"resourceVersion":"', '"},')
    METADATA_AFTER = (',"metadata":{"resourceVersion":"', '"}')
    METADATA_ALONE = ('"metadata":{"resourceVersion":"', '"}')
    METADATA_REPLACE = ('{"resourceVersion":"', '"}')


@dataclass(frozen=True, slots=True)
class Slot:
    """Where and how the resourceVersion is written: ``length`` bytes at ``offset`` give way to it."""

    offset: int
    length: int
    form: Form


@dataclass(frozen=True, slots=True)
class Envelope:
    name: str
    namespace: str
    uid: str
    labels: Mapping[str, str]
    fields: Mapping[str, str]
    """By label; metadata.name and metadata.namespace are always there."""
    owner_uids: tuple[str, ...]
    is_deleting: bool
    """Whether metadata.deletionTimestamp is set."""
    head_len: int
    """Bytes to leave out for an object without kind and apiVersion: ``{`` and what follows them is the rest."""
    slot: Slot

    def write_revision(self, value: bytes, revision: int) -> tuple[bytes, Envelope]:
        """The object's bytes with ``revision`` as its resourceVersion, and the envelope that describes these."""
        before, after = self.slot.form.value
        digits = str(revision)
        start = self.slot.offset
        written = value[:start] + f"{before}{digits}{after}".encode() + value[start + self.slot.length :]
        slot = Slot(start + len(before) - 1, len(digits) + 2, Form.REPLACE)
        head_len = self.head_len + (self.slot.form is Form.METADATA_AFTER)
        return written, replace(self, slot=slot, head_len=head_len)

    def without_type(self, value: bytes) -> bytes:
        """The object's bytes without the kind and apiVersion they begin with."""
        return b"{" + value[self.head_len :]
