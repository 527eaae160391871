"""Comparison: which fields a change adds, removes and modifies, by the rules of each list and map.

Lives here: walking two objects of one kind side by side into three field sets.
Always true: atomic lists and maps count as one field; list elements are matched by key or value, not by place;
fields are seen as Go's structs show them, so a field left out and a field with its zero value are the same.
Not here: what the sets mean for managers (see `managed_fields`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyk8s.reference.object.field_set import FieldSet, field_element, key_element, value_element
from pyk8s.reference.object.structure import ABSENT, Field, Type

Path = tuple[str, ...]


class NotComparable(ValueError):
    """A list element that cannot be told from others: null, or a list or map where a value is asked for."""


@dataclass(slots=True)
class Comparison:
    added: FieldSet = field(default_factory=FieldSet)
    removed: FieldSet = field(default_factory=FieldSet)
    modified: FieldSet = field(default_factory=FieldSet)

    def without(self, ignored: FieldSet) -> Comparison:
        return Comparison(*(each.recursive_difference(ignored) for each in (self.added, self.removed, self.modified)))


def compare(kind: Type, old: Any, new: Any) -> Comparison:
    """What leads from ``old`` to ``new``. Raises NotComparable."""
    found = Comparison()
    _walk(found, kind, False, old, new, ())
    return found


def _walk(found: Comparison, shape: Type, is_atomic: bool, old: Any, new: Any, path: Path) -> None:
    is_leaf = is_atomic or shape.is_atomic or _is_leaf(shape, old, new)
    if is_leaf:
        if old is not ABSENT and new is not ABSENT and not _same(shape, old, new):
            found.modified.insert(path)
    elif shape.shape == "list":
        _walk_list(found, shape, old, new, path)
    else:
        _walk_map(found, shape, old, new, path)
    if path and old is ABSENT:
        found.added.insert(path)
    elif path and new is ABSENT:
        found.removed.insert(path)


def _is_leaf(shape: Type, old: Any, new: Any) -> bool:
    """Scalars, and containers that are empty on both sides: so that empty and absent stay apart."""
    if shape.shape == "leaf":
        return True
    wanted: type = list if shape.shape == "list" else dict
    if any(side is not ABSENT and side is not None and not isinstance(side, wanted) for side in (old, new)):
        return True
    return not _has_content(shape, old) and not _has_content(shape, new)


def _has_content(shape: Type, value: Any) -> bool:
    if value is ABSENT or value is None:
        return False
    if shape.shape != "struct":
        return bool(value)
    return any(_see(shape, name, value) is not ABSENT for name in {**shape.fields, **value})


def _see(shape: Type, name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return ABSENT
    given = value.get(name, ABSENT)
    known = shape.fields.get(name)
    return given if known is None else known.see(given)


def _same(shape: Type, old: Any, new: Any) -> bool:
    """Equality as Go's structs show it."""
    if shape.shape == "struct" and isinstance(old, dict) and isinstance(new, dict):
        for name in {**shape.fields, **old, **new}:
            known = shape.fields.get(name, _UNKNOWN)
            before, after = _see(shape, name, old), _see(shape, name, new)
            if (before is ABSENT) != (after is ABSENT) or not _same(known.type, before, after):
                return False
        return True
    if shape.element is not None and isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, [shape.element] * len(old), old, new))
    if shape.element is not None and isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(shape.element, old[key], new[key]) for key in old)
    return same_json(old, new)


def same_json(left: Any, right: Any) -> bool:
    """Deep equality that keeps true, 1 and "1" apart."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)


def _walk_map(found: Comparison, shape: Type, old: Any, new: Any, path: Path) -> None:
    names: dict[str, Any] = {**shape.fields}
    for side in (old, new):
        names.update(side or {} if side is not ABSENT else {})
    for name in names:
        known = shape.fields.get(name, _UNKNOWN)
        child = known.type if shape.element is None else shape.element
        before = ABSENT if old is ABSENT else _see(shape, name, old)
        after = ABSENT if new is ABSENT else _see(shape, name, new)
        if before is ABSENT and after is ABSENT:
            continue
        _walk(found, child, known.is_atomic, before, after, (*path, field_element(name)))


def _walk_list(found: Comparison, shape: Type, old: Any, new: Any, path: Path) -> None:
    before, after = _by_element(shape, old), _by_element(shape, new)
    assert shape.element is not None, "a list type has an element type"
    for element in {**before, **after}:
        left, right = before.get(element, []), after.get(element, [])
        here = (*path, element)
        if len(left) <= 1 and len(right) <= 1:
            _walk(found, shape.element, False, _only(left), _only(right), here)
        elif len(left) >= 2 and len(right) >= 2:
            if len(left) != len(right) or not all(map(_same, [shape.element] * len(left), left, right)):
                found.modified.insert(here)
        elif len(left) >= 2:
            if right:
                _walk(found, shape.element, False, ABSENT, right[0], here)
            found.removed.insert(here)
        else:
            if left:
                _walk(found, shape.element, False, left[0], ABSENT, here)
            found.added.insert(here)


def _only(items: list[Any]) -> Any:
    return items[0] if items else ABSENT


def _by_element(shape: Type, items: Any) -> dict[str, list[Any]]:
    """Path element → the items that have it; more than one where a client sent duplicates."""
    groups: dict[str, list[Any]] = {}
    for item in items or () if items is not ABSENT else ():
        groups.setdefault(element_of(shape, item), []).append(item)
    return groups


def element_of(shape: Type, item: Any) -> str:
    """The path element of one list item. Keys that are not set take their default, or stay out."""
    if shape.relation == "set":
        if item is None or isinstance(item, (dict, list)):
            raise NotComparable("an element of a set must be a value")
        return value_element(item)
    if not isinstance(item, dict):
        raise NotComparable("an element of a list with keys must be an object")
    key = {}
    for name in shape.keys:
        known = shape.element.fields.get(name) if shape.element else None
        value = item.get(name, ABSENT) if known is None else known.see(item.get(name, ABSENT))
        if value is ABSENT and known is not None:
            value = known.default
        if value is not ABSENT:
            key[name] = value
    return key_element(key)


_UNKNOWN = Field(Type("leaf", is_atomic=True))
