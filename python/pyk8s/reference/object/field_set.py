"""Field sets: which fields of an object somebody owns, and their JSON form FieldsV1.

Lives here: path elements (``f:name``, ``k:{"key":"value"}``, ``v:value``, ``i:index``), the set as a tree, its algebra.
Always true: a set holds no empty child; an element may be a member, have children, or both.
Not here: who owns a set and since when (see `managed_fields`), finding sets by comparing (see `comparison`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.object.json import Number, number_text, parse, to_bytes

DEPTH_MAX = 500
"""Deeper FieldsV1 documents are refused: no kind nests a tenth of it."""


class FieldSet:
    """A tree: ``members`` are the elements owned here, ``children`` hold what is owned below an element."""

    __slots__ = ("children", "members")

    def __init__(self, members: Iterable[str] = (), children: Mapping[str, FieldSet] | None = None) -> None:
        self.members: set[str] = set(members)
        self.children: dict[str, FieldSet] = dict(children or {})

    def __bool__(self) -> bool:
        return bool(self.members or self.children)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSet) and self.members == other.members and self.children == other.children

    __hash__ = None  # type: ignore[assignment]

    def insert(self, path: Iterable[str]) -> None:
        """Own ``path`` (not what is above or below it)."""
        *parents, last = path
        node = self
        for element in parents:
            node = node.children.setdefault(element, FieldSet())
        node.members.add(last)

    def has(self, path: Iterable[str]) -> bool:
        *parents, last = path
        node: FieldSet | None = self
        for element in parents:
            node = node.children.get(element) if node else None
        return node is not None and last in node.members

    def union(self, other: FieldSet) -> FieldSet:
        children = dict(self.children)
        for element, child in other.children.items():
            children[element] = children[element].union(child) if element in children else child
        return FieldSet(self.members | other.members, children)

    def intersection(self, other: FieldSet) -> FieldSet:
        common = {
            element: child.intersection(other.children[element])
            for element, child in self.children.items()
            if element in other.children
        }
        return FieldSet(self.members & other.members, {key: child for key, child in common.items() if child})

    def difference(self, other: FieldSet) -> FieldSet:
        """The paths of this set that are not in ``other``; owning a parent there removes nothing below it."""
        children = {
            element: child.difference(other.children[element]) if element in other.children else child
            for element, child in self.children.items()
        }
        return FieldSet(self.members - other.members, {key: child for key, child in children.items() if child})

    def recursive_difference(self, other: FieldSet) -> FieldSet:
        """As `difference`, but a path in ``other`` takes everything below it along."""
        children = {
            element: child.recursive_difference(other.children[element]) if element in other.children else child
            for element, child in self.children.items()
            if element not in other.members
        }
        return FieldSet(self.members - other.members, {key: child for key, child in children.items() if child})

    def leaves(self) -> FieldSet:
        """The members that have nothing owned below them."""
        children = {element: child.leaves() for element, child in self.children.items()}
        return FieldSet(self.members - self.children.keys(), children)

    def to_fields(self) -> dict[str, Any]:
        """FieldsV1, in the order kube-apiserver writes it."""
        fields: dict[str, Any] = {}
        for element in sorted(self.members | self.children.keys(), key=_order):
            below = self.children[element].to_fields() if element in self.children else {}
            fields[element] = {".": {}, **below} if below and element in self.members else below
        return fields


def from_fields(fields: Any) -> FieldSet:
    """Read FieldsV1. Elements of an unknown kind are dropped.

    Raises:
        ValueError: the document is no FieldsV1.
    """
    try:
        return _read(fields, 0)[0]
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _read(fields: Any, depth: int) -> tuple[FieldSet, bool]:
    """The set, and whether the element it stands below is itself a member."""
    if not isinstance(fields, dict) or depth > DEPTH_MAX:
        raise ValueError("fieldsV1 must be nested objects")
    found = FieldSet()
    is_member = False
    for key, value in fields.items():
        if key == ".":
            is_member = True
            continue
        element = canonical_element(key)
        if element is None:
            continue
        child, is_child_member = _read(value, depth + 1)
        if is_child_member:
            found.members.add(element)
        if child:
            found.children[element] = child
    return found, is_member or not found


def canonical_element(text: str) -> str | None:
    """``text`` in canonical form, None when it is of an unknown kind.

    Raises:
        ValueError: a known kind with a bad value.
    """
    if len(text) < 2 or text[1] != ":":
        raise ValueError(f"missing colon: {text}")
    kind, rest = text[0], text[2:]
    match kind:
        case "f":
            return text
        case "k":
            key = parse(rest.encode())
            if not isinstance(key, dict):
                raise ValueError(f"a key must be an object: {text}")
            return key_element(key)
        case "v":
            return value_element(parse(rest.encode()))
        case "i":
            return f"i:{int(rest)}"
    return None


def field_element(name: str) -> str:
    return "f:" + name


def key_element(key: Mapping[str, Any]) -> str:
    return "k:" + _compact({name: key[name] for name in sorted(key)})


def value_element(value: Any) -> str:
    return "v:" + _compact(value)


def _compact(value: Any) -> str:
    return to_bytes(value).decode()


def _order(element: str) -> tuple[Any, ...]:
    """Sort key: fields, then keys, then values, then indexes; each by its value."""
    kind, rest = element[0], element[2:]
    match kind:
        case "f":
            return (0, rest)
        case "k":
            return (1, tuple((name, _rank(value)) for name, value in parse(rest.encode()).items()))
        case "v":
            return (2, _rank(parse(rest.encode())))
    return (3, int(rest))


def _rank(value: Any) -> tuple[int, Any]:
    """Numbers before strings before booleans before lists before maps before null."""
    match value:
        case bool():
            return (2, value)
        case int() | Number():
            return (0, float(number_text(value)))
        case str():
            return (1, value)
        case list():
            return (3, tuple(_rank(item) for item in value))
        case dict():
            return (4, tuple((name, _rank(value[name])) for name in sorted(value)))
    return (5, 0)
