"""Lists of strategic merge patches: merging by key or value, ``$setElementOrder``, and the order of the result.

Always true: elements are found by hash, never by scanning, so hostile lists cost O(n log n).
Not here: objects and the other directives (see `strategic`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyk8s.errors import PatchError
from pyk8s.reference.object import strategic
from pyk8s.reference.object.go_text import go_text, go_type
from pyk8s.reference.object.structure import ABSENT, Field, Type

Object = dict[str, Any]
Items = list[Any]
Identity = tuple[str, str]
"""Go's equality of interfaces: type and value, as text."""

Places = Mapping[Identity, int]


def merge_lists(original: Items, patch: Items, field: Field, is_deletion: bool) -> Items:
    if not field.merges:
        return patch
    if not original and not patch:
        return original
    is_of_objects = _element_type(original, patch) == "map[string]interface {}"
    merge_key = field.merge_key
    if not is_of_objects and is_deletion:
        unwanted = {_identity(item) for item in patch}
        return [item for item in original if _identity(item) not in unwanted]
    if is_of_objects:
        if not merge_key:
            raise _failed("cannot merge lists without merge key for type struct")
        original, patch = _apply_element_directives(original, patch, merge_key)
    live_order, patch_order = _places(original, merge_key), _places(patch, merge_key)
    merged = _merge_elements(original, patch, merge_key, field) if is_of_objects else _deduplicated(original + patch)
    return _interleaved(merged, patch_order, live_order, merge_key)


def _apply_element_directives(original: Items, patch: Items, merge_key: str) -> tuple[Items, Items]:
    """The original without deleted elements, and the patch without directives."""
    plain: Items = []
    deleted = set()
    is_replaced = False
    for item in patch:
        if strategic.PATCH not in item:
            plain.append(item)
            continue
        match item[strategic.PATCH]:
            case "delete":
                deleted.add(_merge_value(item, merge_key))
            case "replace":
                is_replaced = True
            case "merge":
                raise _failed("merging lists cannot yet be specified in the patch")
            case _:
                raise strategic.unknown_directive(item)
    if is_replaced:
        return plain, []
    kept = [item for item in original if merge_key not in item or _identity(item[merge_key]) not in deleted]
    return kept, plain


def _merge_elements(original: Items, patch: Items, merge_key: str, field: Field) -> Items:
    merged = list(original)
    places: dict[Identity, int] = {}
    for place, item in enumerate(merged):
        if merge_key in item:
            places.setdefault(_identity(item[merge_key]), place)
    for item in patch:
        value = _merge_value(item, merge_key)
        if value in places:
            place = places[value]
            merged[place] = strategic.merge_object(merged[place], item, field.type.element)
        else:
            places[value] = len(merged)
            merged.append(item)
    return merged


def merge_ordered_lists(original: Object, patch: Object, structure: Type | None) -> None:
    """Merge every list that has a ``$setElementOrder``, and take both out of the patch."""
    for key in [key for key in patch if key.startswith(strategic.ELEMENT_ORDER)]:
        order = _list(patch.pop(key))
        name = strategic.named(key, strategic.ELEMENT_ORDER, "setElementOrder list")
        _merge_ordered_list(original, patch, structure, name, order)


def _merge_ordered_list(original: Object, patch: Object, structure: Type | None, name: str, order: Items) -> None:
    live, wanted = original.get(name, ABSENT), patch.get(name, ABSENT)
    before = [] if live is ABSENT else _list(live)
    changes = [] if wanted is ABSENT else _list(wanted)
    field = strategic.field_of(structure, name)
    _check_order(changes, order, field.merge_key)
    if live is ABSENT and wanted is ABSENT:
        return
    has_content = _element_type(before, changes) != ""
    live_order = _places(before, field.merge_key)
    if live is not ABSENT and wanted is not ABSENT:
        merged = merge_lists(before, changes, field, False)
    else:
        merged = changes if live is ABSENT else before
    patch.pop(name, None)
    if not has_content:
        raise _failed("no elements in any of the given slices")
    original[name] = _interleaved(merged, _places(order, field.merge_key), live_order, field.merge_key)


def _check_order(patch: Items, order: Items, merge_key: str) -> None:
    """The patch's elements (but for directives) must come in the order's order."""
    if not order or not patch:
        return
    rest = iter(order)
    for item in patch:
        if merge_key and not isinstance(item, dict):
            raise _mistyped("map[string]interface {}", item)
        if merge_key and strategic.PATCH in item:
            continue
        value = _place_value(item, merge_key)
        if not any(_place_value(candidate, merge_key) == value for candidate in rest):
            lists = (go_text(patch), strategic.ELEMENT_ORDER, go_text(order))
            raise _failed("The order in patch list:\n{}\n doesn't match {} list:\n{}\n".format(*lists))


def _places(items: Sequence[Any], merge_key: str) -> dict[Identity, int]:
    """Where each element of ``items`` stands first."""
    places: dict[Identity, int] = {}
    for place, item in enumerate(items):
        places.setdefault(_place_value(item, merge_key), place)
    return places


def _interleaved(merged: Items, patch_order: Places, live_order: Places, merge_key: str) -> Items:
    """The elements of the patch in its order, the others in the live order.

    One of the others stands before one of the patch where it did so before.
    """
    values = [_place_value(item, merge_key) for item in merged]
    pairs = list(zip(values, merged, strict=True))
    right = sorted((pair for pair in pairs if pair[0] in patch_order), key=lambda pair: patch_order[pair[0]])
    left = sorted((pair for pair in pairs if pair[0] not in patch_order), key=lambda pair: live_order.get(pair[0], -1))
    result: Items = []
    taken = 0
    for value, item in right:
        while taken < len(left) and 0 <= live_order.get(left[taken][0], -1) < live_order.get(value, -1):
            result.append(left[taken][1])
            taken += 1
        result.append(item)
    return result + [item for _, item in left[taken:]]


def _merge_value(item: Object, merge_key: str) -> Identity:
    if merge_key not in item:
        raise _failed(f"map: {go_text(item)} does not contain declared merge key: {merge_key}")
    return _identity(item[merge_key])


def _place_value(item: Any, merge_key: str) -> Identity:
    """What tells an element of a list from the others."""
    if not merge_key:
        return _identity(item)
    if not isinstance(item, dict):
        raise _mistyped("map[string]interface {}", item)
    return _merge_value(item, merge_key)


def _identity(value: Any) -> Identity:
    return (go_type(value), go_text(value))


def _deduplicated(items: Items) -> Items:
    seen: dict[Identity, Any] = {}
    for item in items:
        seen.setdefault(_identity(item), item)
    return list(seen.values())


def _element_type(*lists: Items) -> str:
    """Go's type of all elements, "" when there are none. Mixed lists and lists of lists are refused."""
    types = {go_type(item) for items in lists for item in items}
    if "[]interface {}" in types:
        raise PatchError("unprocessable", "lists of lists are not supported")
    if len(types) > 1:
        raise _failed(f"list element types are not identical: {' '.join(map(go_text, lists))}")
    return types.pop() if types else ""


def _list(value: Any) -> Items:
    if not isinstance(value, list):
        raise _mistyped("[]interface {}", value)
    return value


def _failed(message: str) -> PatchError:
    return PatchError("internal", message)


def _mistyped(expected: str, actual: Any) -> PatchError:
    return _failed(f"expected a {expected}, but received a {go_type(actual)}")
