"""Managed fields: who owns which fields of an object, kept in metadata.managedFields.

Lives here: reading and writing the entries, and what an Update leaves of them.
Always true: an entry owns at least one field; one manager, operation, version and subresource has one entry;
an update that changes nothing changes no entry.
Not here: comparing objects (see `comparison`), the sets themselves (see `field_set`), server-side apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyk8s.reference.object.comparison import Comparison, NotComparable, compare
from pyk8s.reference.object.field_set import FieldSet, field_element, from_fields
from pyk8s.reference.object.structure import Structures

UPDATE_MANAGERS_MAX = 10
ANCIENT_CHANGES = "ancient-changes"
METADATA_NEVER_OWNED = (
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
    "resourceVersion",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One manager's fields. ``time`` is None where the entry came without one."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str | None
    fields: FieldSet

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two entries the same: an Apply stays one entry across versions."""
        is_apply = self.operation == "Apply"
        return (self.manager, self.operation, "" if is_apply else self.api_version, self.subresource)

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        return (self.operation, self.time or "", self.manager, self.api_version, self.subresource)

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"manager": self.manager} if self.manager else {}
        value |= {"operation": self.operation, "apiVersion": self.api_version}
        if self.time is not None:
            value["time"] = self.time
        value |= {"fieldsType": "FieldsV1", "fieldsV1": self.fields.to_fields()}
        return {**value, "subresource": self.subresource} if self.subresource else value


@dataclass(frozen=True, slots=True)
class Update:
    """Who writes, when, through which endpoint."""

    manager: str
    time: str
    subresource: str
    reset_fields: tuple[str, ...]


def update_managed_fields(
    structures: Structures, kind: str, old: dict[str, Any] | None, new: dict[str, Any], update: Update
) -> dict[str, Any]:
    """``new`` with the managed fields that an Update leaves. ``old`` is None on create."""
    structure = structures.kind(kind)
    entries = _entries_before(old, new, update.subresource)
    if structure is not None and not (old is not None and not entries):
        try:
            comparison = compare(structure, old or {}, new)
        except NotComparable:
            pass
        else:
            entries = _known(structures, kind, entries)
            entries = _after(entries, comparison, kind.rpartition("/")[0], update)
    return _with_managed_fields(new, sorted(entries, key=lambda entry: entry.order))


def read_entries(managed_fields: Any) -> list[Entry] | None:
    """The entries, None when one of them is invalid."""
    entries: dict[tuple[str, ...], Entry] = {}
    for value in managed_fields or ():
        entry = _read_entry(value)
        if entry is None:
            return None
        entries[entry.identity] = entry
    return list(entries.values())


def _read_entry(value: Any) -> Entry | None:
    if not isinstance(value, dict) or value.get("operation") not in ("Apply", "Update"):
        return None
    if not value.get("apiVersion") or value.get("fieldsType") != "FieldsV1":
        return None
    try:
        fields = from_fields(value.get("fieldsV1") or {})
    except ValueError:
        return None
    return Entry(
        manager=value.get("manager") or "",
        operation=value["operation"],
        api_version=value["apiVersion"],
        subresource=value.get("subresource") or "",
        time=value.get("time"),
        fields=fields,
    )


def _entries_before(old: Mapping[str, Any] | None, new: Mapping[str, Any], subresource: str) -> list[Entry]:
    """The request's entries where it may set them, else the live object's."""
    live = ((old or {}).get("metadata") or {}).get("managedFields")
    if not subresource:
        sent = (new.get("metadata") or {}).get("managedFields")
        if sent == [] or sent == [{}]:
            return []
        entries = read_entries(sent)
        if entries:
            return entries
    return read_entries(live) or []


def _known(structures: Structures, kind: str, entries: Sequence[Entry]) -> list[Entry]:
    """Entries of a version that the kind does not have any more are forgotten."""
    name = kind.rpartition("/")[2]
    return [entry for entry in entries if structures.serves(f"{entry.api_version}/{name}")]


def _after(entries: Sequence[Entry], comparison: Comparison, api_version: str, update: Update) -> list[Entry]:
    ignored = FieldSet()
    for path in update.reset_fields:
        ignored.insert([field_element(name) for name in path.split(".")])
    seen = comparison.without(ignored)
    changed = seen.added.union(seen.modified)
    # What nobody may own any more leaves every entry; what changed leaves every entry and goes to the writer.
    left = [replace(entry, fields=entry.fields.difference(changed).difference(seen.removed)) for entry in entries]
    kept = {entry.identity: entry for entry in left if entry.fields}
    taken = changed.difference(_never_owned())
    if taken:
        writer = Entry(update.manager, "Update", api_version, update.subresource, update.time, taken)
        previous = kept.get(writer.identity)
        kept[writer.identity] = replace(writer, fields=previous.fields.union(taken)) if previous is not None else writer
    return _cap(list(kept.values()))


def _never_owned() -> FieldSet:
    names = [field_element(name) for name in ("apiVersion", "kind", "metadata")]
    below = FieldSet(field_element(name) for name in METADATA_NEVER_OWNED)
    return FieldSet(names, {field_element("metadata"): below})


def _cap(entries: list[Entry]) -> list[Entry]:
    """At most `UPDATE_MANAGERS_MAX` Update entries: the oldest of each version are merged into one."""
    updates = sorted(
        (entry for entry in entries if entry.operation == "Update"),
        key=lambda entry: (entry.time or "", entry.identity),
    )
    over = len(updates) - UPDATE_MANAGERS_MAX
    if over <= 0:
        return entries
    gone: list[Entry] = []
    buckets: dict[str, Entry] = {}
    merged_versions: set[str] = set()
    for entry in updates:
        if over <= 0:
            break
        gone.append(entry)
        first = buckets.get(entry.api_version)
        if first is None:
            buckets[entry.api_version] = entry
            continue
        buckets[entry.api_version] = Entry(
            ANCIENT_CHANGES, "Update", entry.api_version, "", entry.time, first.fields.union(entry.fields)
        )
        merged_versions.add(entry.api_version)
        over -= 1
    return [entry for entry in entries if entry not in gone] + list(buckets.values())


def _with_managed_fields(value: dict[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    metadata = {key: item for key, item in (value.get("metadata") or {}).items() if key != "managedFields"}
    if entries:
        metadata["managedFields"] = [entry.to_json() for entry in entries]
    return {**value, "metadata": metadata}
