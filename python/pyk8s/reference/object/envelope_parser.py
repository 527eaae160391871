"""Reads an object's envelope off its bytes.

Always true: of doubled members the last one counts.
Not here: what an envelope is (see `envelope`), JSON's syntax (see `scan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.object.envelope import Envelope, FieldSpec, Form, Slot
from pyk8s.reference.object.scan import Member, NotJson, Number, members, read, skip_space

LABELS_MAX = 2**16 - 1
"""Labels or owners of one object; a body of 3 MiB cannot hold many more."""


@dataclass(slots=True)
class Metadata:
    """What the members of ``metadata`` tell."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    owner_uids: tuple[str, ...] = ()
    is_deleting: bool = False


def parse(value: bytes, fields: Sequence[FieldSpec]) -> Envelope:
    """Read the envelope of a JSON object.

    Raises:
        DecodeError: not JSON, or a member of the metadata has the wrong type.
    """
    try:
        text, root = read(value)
    except NotJson as trouble:
        raise DecodeError("object is not valid JSON") from trouble
    if not isinstance(root, dict):
        raise DecodeError("object is not a JSON object")
    start = skip_space(text, 0)
    all_members = list(members(text, start))
    head = _head(all_members)
    head_end = _head_end(text, start, all_members, len(head))
    metadata, slot = Metadata(), _missing_metadata_slot(head_end, all_members, len(head))
    for member in all_members:
        if member.key == "metadata":
            metadata, slot = _metadata(text, member)
    if len(metadata.labels) > LABELS_MAX or len(metadata.owner_uids) > LABELS_MAX:
        raise DecodeError(f"object has more than {LABELS_MAX} labels or owners")
    named = {"metadata.name": metadata.name, "metadata.namespace": metadata.namespace}
    selectable = {label: _field(root, paths) or default for label, paths, default in fields} | named
    return Envelope(
        metadata.name,
        metadata.namespace,
        metadata.uid,
        metadata.labels,
        selectable,
        metadata.owner_uids,
        metadata.is_deleting,
        _bytes_before(text, head_end),
        Slot(_bytes_before(text, slot.offset), len(text[slot.offset : slot.offset + slot.length].encode()), slot.form),
    )


def _bytes_before(text: str, at: int) -> int:
    return len(text[:at].encode())


def _head(all_members: list[Member]) -> list[Member]:
    """The members that say the object's type, as far as it begins with them."""
    head = []
    for member in all_members:
        if member.key not in ("kind", "apiVersion") or not _is_text(member.value):
            break
        head.append(member)
    return head


def _head_end(text: str, start: int, all_members: list[Member], head_count: int) -> int:
    if not all_members:
        return start + 1
    if head_count < len(all_members):
        return all_members[head_count].key_at
    return skip_space(text, all_members[-1].end)


def _missing_metadata_slot(head_end: int, all_members: list[Member], head_count: int) -> Slot:
    if not all_members:
        form = Form.METADATA_ALONE
    elif head_count == len(all_members):
        form = Form.METADATA_AFTER
    else:
        form = Form.METADATA_BEFORE
    return Slot(head_end, 0, form)


def _metadata(text: str, metadata: Member) -> tuple[Metadata, Slot]:
    if metadata.value is None:
        return Metadata(), Slot(metadata.start, metadata.end - metadata.start, Form.METADATA_REPLACE)
    if not isinstance(metadata.value, dict):
        raise DecodeError("metadata is not an object")
    found, slot = Metadata(), Slot(metadata.start + 1, 0, Form.ONLY_MEMBER)
    for member in members(text, metadata.start):
        _take(found, member)
        if member.key == "resourceVersion":
            slot = Slot(member.start, member.end - member.start, Form.REPLACE)
        elif member.key == "uid" and slot.form is not Form.REPLACE:
            slot = Slot(member.end, 0, Form.AFTER_MEMBER)
        elif slot.form is Form.ONLY_MEMBER:
            slot = Slot(member.key_at, 0, Form.FIRST_MEMBER)
    return found, slot


def _take(found: Metadata, member: Member) -> None:
    if member.key == "name":
        found.name = _text(member.value, "metadata.name")
    elif member.key == "namespace":
        found.namespace = _text(member.value, "metadata.namespace")
    elif member.key == "uid":
        found.uid = _text(member.value, "metadata.uid")
    elif member.key == "labels":
        found.labels = _labels(member.value)
    elif member.key == "ownerReferences":
        found.owner_uids = _owner_uids(member.value)
    elif member.key == "deletionTimestamp":
        found.is_deleting = member.value is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _text(value: Any, path: str) -> str:
    """A string, or "" for null."""
    if value is None:
        return ""
    if not _is_text(value):
        raise DecodeError(f"{path} is not a string")
    return str(value)


def _labels(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DecodeError("metadata.labels is not an object")
    return {key: _text(label, "metadata.labels") for key, label in value.items()}


def _owner_uids(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DecodeError("metadata.ownerReferences is not an array")
    if not all(isinstance(owner, dict) for owner in value):
        raise DecodeError("metadata.ownerReferences is not an array of objects")
    return tuple(owner["uid"] if _is_text(owner.get("uid")) else "" for owner in value)


def _field(root: dict[str, Any], paths: str) -> str:
    """The first of the paths that is present and not empty, as text."""
    texts = (_shown(_at(root, path)) for path in paths.split("|"))
    return next((text for text in texts if text), "")


def _at(value: Any, path: str) -> Any:
    for segment in path.split("."):
        value = value.get(segment) if isinstance(value, dict) else None
    return value


def _shown(value: Any) -> str:
    """Strings, numbers as written, true and false, the ``ip`` of each element joined by ","."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        items = [item.get("ip") if isinstance(item, dict) else item for item in value]
        return ",".join(str(item) for item in items if _is_text(item))
    return ""
