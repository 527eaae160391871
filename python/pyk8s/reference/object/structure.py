"""Structure: the shape of a kind as merging and field ownership see it.

Lives here: structs, maps, lists and leaves with their list types, merge keys and patch strategies, and what a Go struct
shows of a field that is not set (that decides which parents a create owns).
Always true: a type graph is built once per definition and shared; it may be cyclic (JSONSchemaProps).
Not here: types of scalars, enums, unknown fields, quantities (see `message`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""A value that is not there, where None is JSON's null."""

Relation = Literal["atomic", "set", "map"]
MESSAGE_SCALARS = {"string": "", "bool": False, "bytes": None, "double": 0}
SPECIAL_ZERO = {"Quantity": "0", "IntOrString": 0, "Duration": "0s"}


@dataclass(slots=True)
class Type:
    """One node of the graph. ``name`` is the definition's last word, "" for anonymous types."""

    shape: Literal["leaf", "struct", "map", "list"]
    name: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    element: Type | None = None
    is_atomic: bool = False
    relation: Relation = "atomic"
    keys: tuple[str, ...] = ()
    scalar: str = ""
    """Go's kind of a leaf ("int32", "string", "bool" …); "" where JSON has its own form (Quantity, Time, anything)."""


@dataclass(slots=True)
class Field:
    type: Type
    is_atomic: bool = False
    default: Any = ABSENT
    zero: Any = ABSENT
    """What the field shows when it is not set."""
    hides_zero: bool = False
    """True for a plain (non-pointer) omitempty field: its zero value counts as not set."""
    strategies: tuple[str, ...] = ()
    merge_key: str = ""

    @property
    def merges(self) -> bool:
        return "merge" in self.strategies

    @property
    def replaces(self) -> bool:
        return "replace" in self.strategies

    def see(self, value: Any) -> Any:
        """``value`` as Go's struct would show it."""
        if value is ABSENT or value is None:
            return self.zero
        if self.hides_zero and (value in ("", 0, []) or value == {}):
            return ABSENT
        return value


class Structures:
    """All kinds of the tables. Cost: a definition is built when it is first asked for."""

    def __init__(self, schema: Mapping[str, Any], messages: Mapping[str, Any]) -> None:
        self._definitions = schema["definitions"]
        self._messages = messages
        self._built: dict[str, Type] = {}
        self._kinds = {
            "/".join(part for part in group if part): name
            for name, definition in self._definitions.items()
            for group in definition.get("g", ())
        }

    def kind(self, kind: str) -> Type | None:
        """The structure of "group/version/Kind", None when there is no such kind."""
        name = self._kinds.get(kind)
        return None if name is None else self._definition(name)

    def serves(self, kind: str) -> bool:
        return kind in self._kinds

    def _definition(self, name: str) -> Type:
        if name in self._built:
            return self._built[name]
        definition = self._definitions[name]
        short = name.rpartition(".")[2]
        if definition["t"] != "object" or "p" not in definition:
            shape = Type("leaf", name=short, is_atomic=True)
            self._built[name] = shape
            return shape
        struct = Type("struct", name=short, is_atomic=definition.get("mt") == "atomic")
        self._built[name] = struct
        message = {entry["j"]: entry for entry in self._message_fields(_message_name(name))}
        for key, spec in definition["p"].items():
            struct.fields[key] = self._field(spec, message.get(key))
        return struct

    def _field(self, spec: Mapping[str, Any], entry: Mapping[str, Any] | None) -> Field:
        built = Field(
            self._type(spec),
            is_atomic=spec.get("mt") == "atomic",
            default=spec.get("d", ABSENT),
            strategies=tuple(spec["ps"].split(",")) if "ps" in spec else (),
            merge_key=spec.get("pk", ""),
        )
        if entry is not None and not entry.get("ptr"):
            zero, is_struct = self._zero(entry)
            hidden = bool(entry.get("oe")) and not is_struct
            built.hides_zero = hidden
            built.zero = ABSENT if hidden or entry.get("oz") else zero
        elif entry is not None and not entry.get("oe"):
            built.zero = None
        return built

    def _type(self, spec: Mapping[str, Any]) -> Type:
        match spec["t"]:
            case "ref":
                return self._definition(spec["r"])
            case "map":
                return Type("map", element=self._type(spec["v"]), is_atomic=spec.get("mt") == "atomic")
            case "array":
                return self._list(spec)
            case "integer":
                return Type("leaf", scalar=spec.get("f", "int64"))
            case "number":
                return Type("leaf", scalar="float64")
            case "boolean":
                return Type("leaf", scalar="bool")
            case "string":
                return Type("leaf", scalar="bytes" if spec.get("f") == "byte" else "string")
            case _:
                return Type("leaf", is_atomic=True)

    def _list(self, spec: Mapping[str, Any]) -> Type:
        relation: Relation = "atomic"
        keys: tuple[str, ...] = ()
        if "lt" in spec:
            relation, keys = spec["lt"], tuple(spec.get("lk", ()))
        elif "merge" in spec.get("ps", "").split(","):
            # A list that merges by patch strategy and names no list type is owned the same way.
            relation, keys = ("map", (spec["pk"],)) if "pk" in spec else ("set", ())
        return Type("list", element=self._type(spec["i"]), is_atomic=relation == "atomic", relation=relation, keys=keys)

    def _message_fields(self, message: str) -> Iterator[Mapping[str, Any]]:
        for entry in self._messages.get(message, {}).get("f", ()):
            if entry.get("j") is None or entry.get("inl"):
                yield from self._message_fields(entry.get("t", ""))
            else:
                yield entry

    def _zero(self, entry: Mapping[str, Any]) -> tuple[Any, bool]:
        """(zero value, whether it is a struct): omitempty does not hide a struct."""
        if entry.get("rep") or "map" in entry:
            return None, False
        kind = entry["t"]
        if kind in self._messages:
            short = kind.rpartition(".")[2]
            if short in ("Time", "MicroTime", "RawExtension", "FieldsV1", "JSON"):
                return None, True
            return SPECIAL_ZERO.get(short, {}), True
        return MESSAGE_SCALARS.get(kind, 0), False


def _message_name(definition: str) -> str:
    """io.k8s.api.core.v1.Pod → k8s.io.api.core.v1.Pod, as the protobuf table names it."""
    first, second, rest = definition.split(".", 2)
    return f"{second}.{first}.{rest}".replace("-", "_")
