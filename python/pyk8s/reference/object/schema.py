"""The published schema of the built-in kinds: fields, list types, merge keys, patch strategies.

Always true: lookups never fail for a name that the tables mention; a reference leads to a definition or to a scalar.
Not here: Go's view of the types, which decoding needs (see `message`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ListType = Literal["atomic", "set", "map"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field holds, references resolved.

    ``name`` is "scalar" (also quantities, times, int-or-string), "object" (named fields, see `Schema.fields_of`),
    "array" or "map" (``inner`` describes the elements), or "any".
    """

    name: Literal["scalar", "object", "array", "map", "any"]
    definition: str = ""
    inner: Field | None = None


@dataclass(frozen=True, slots=True)
class Field:
    shape: Shape
    list_type: ListType | None = None
    list_keys: tuple[str, ...] = ()
    is_atomic_map: bool = False
    is_merge_list: bool = False
    is_retain_keys: bool = False
    merge_key: str | None = None
    default: Any = None


@dataclass(frozen=True, slots=True)
class Definition:
    fields: dict[str, Field] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    is_atomic_map: bool = False


class Schema:
    """``document``: the parsed openapi-schema table."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._entries: dict[str, Any] = document["definitions"]
        self._compiled: dict[str, Definition] = {}
        self._kinds = {
            "/".join(part for part in gvk if part): name
            for name, entry in self._entries.items()
            for gvk in entry.get("g", ())
        }

    def of_kind(self, kind: str) -> Definition | None:
        """The definition of a kind: "apps/v1/Deployment", "v1/Pod"."""
        name = self._kinds.get(kind)
        return self.named(name) if name else None

    def named(self, name: str) -> Definition | None:
        """The definition with this published name, "io.k8s.api.core.v1.Container"."""
        if name not in self._entries:
            return None
        if name not in self._compiled:
            self._compiled[name] = self._definition(self._entries[name])
        return self._compiled[name]

    def fields_of(self, shape: Shape) -> Definition | None:
        """The fields of an object, or None for any other shape."""
        return self.named(shape.definition) if shape.name == "object" else None

    def _definition(self, entry: dict[str, Any]) -> Definition:
        fields = {name: self._field(member) for name, member in entry.get("p", {}).items()}
        return Definition(fields, tuple(entry.get("req", ())), entry.get("mt") == "atomic")

    def _field(self, entry: dict[str, Any]) -> Field:
        strategies = entry.get("ps", "").split(",")
        shape = self._shape(entry)
        target = self._entries.get(shape.definition, {})
        return Field(
            shape,
            list_type=entry.get("lt"),
            list_keys=tuple(entry.get("lk", ())),
            is_atomic_map="atomic" in (entry.get("mt"), target.get("mt")),
            is_merge_list="merge" in strategies,
            is_retain_keys="retainKeys" in strategies,
            merge_key=entry.get("pk"),
            default=entry.get("d"),
        )

    def _shape(self, entry: dict[str, Any]) -> Shape:
        match entry.get("t"):
            case "array":
                return Shape("array", inner=self._field(entry["i"]))
            case "map":
                return Shape("map", inner=self._field(entry["v"]))
            case "ref":
                return self._target(entry["r"])
            case "any" | "object":
                return Shape("any")
        return Shape("scalar")

    def _target(self, name: str) -> Shape:
        entry = self._entries.get(name, {"t": "any"})
        if entry["t"] == "object" and "p" in entry:
            return Shape("object", definition=name)
        return Shape("any" if entry["t"] in ("object", "any") else "scalar")
