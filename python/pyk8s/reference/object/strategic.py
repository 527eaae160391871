"""Strategic merge patch: merging by the patch strategies and merge keys of the built-in types.

Lives here: the directives ``$patch``, ``$deleteFromPrimitiveList`` and ``$retainKeys``, and what merges into what.
Always true: messages are kube-apiserver's.
Not here: lists (see `strategic_list`), whether the result fits the types (see `restore`), unknown fields and defaults
(see `decode`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.errors import PatchError
from pyk8s.reference.object import strategic_list
from pyk8s.reference.object.go_text import go_text, go_type
from pyk8s.reference.object.json import parse, to_bytes
from pyk8s.reference.object.merge_patch import read_object
from pyk8s.reference.object.restore import Unrestorable, restored
from pyk8s.reference.object.structure import ABSENT, Field, Structures, Type

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
ELEMENT_ORDER = "$setElementOrder"
DELETE_FROM_LIST = "$deleteFromPrimitiveList"

Object = dict[str, Any]


def strategic_merge_patch(structures: Structures, kind: str, original: bytes, patch: bytes) -> bytes:
    """``original`` with ``patch`` applied. Raises PatchError."""
    changes = read_object(patch) or {}
    structure = structures.kind(kind)
    if structure is None:
        raise PatchError("internal", f'no kind "{kind}" is registered')
    merged = merge_object(parse(original), changes, structure)
    try:
        merged = restored(merged, structure)
    except Unrestorable as error:
        raise PatchError("invalid", str(error), go_text(parse(patch))) from error
    # A patch cannot change what an object is.
    api_version, _, name = kind.rpartition("/")
    return to_bytes({**merged, "kind": name, "apiVersion": api_version})


def merge_object(original: Object, patch: Object, structure: Type | None) -> Object:
    """``original`` with ``patch`` applied; both may be changed. ``structure`` is None where no type is known."""
    if PATCH in patch:
        return _directed_object(patch)
    _retain_keys(original, patch)
    strategic_list.merge_ordered_lists(original, patch, structure)
    for key, value in patch.items():
        is_deletion = key.startswith(DELETE_FROM_LIST)
        name = named(key, DELETE_FROM_LIST, "primitive list") if is_deletion else key
        if value is None:
            original.pop(name, None)
        elif name not in original or go_type(original[name]) != go_type(value):
            if not is_deletion:
                _put(original, name, value)
        elif isinstance(value, dict):
            known = field_of(structure, name)
            original[name] = value if known.replaces else merge_object(original[name], value, known.type)
        elif isinstance(value, list):
            original[name] = strategic_list.merge_lists(original[name], value, field_of(structure, name), is_deletion)
        else:
            original[name] = value
    return original


def _directed_object(patch: Object) -> Object:
    directive = patch[PATCH]
    if directive == "replace":
        del patch[PATCH]
        return patch
    if directive == "delete":
        return {}
    raise unknown_directive(patch)


def _retain_keys(original: Object, patch: Object) -> None:
    if RETAIN_KEYS not in patch:
        return
    keys = patch.pop(RETAIN_KEYS)
    if not isinstance(keys, list):
        raise _malformed("retainKeys")
    retained = {key for key in keys if isinstance(key, str)}
    for key, value in patch.items():
        is_list_directive = key.startswith((DELETE_FROM_LIST, ELEMENT_ORDER))
        if value is not None and not is_list_directive and key not in retained:
            raise _malformed("retainKeys")
    for key in [key for key in original if key not in retained]:
        del original[key]


def _put(original: Object, name: str, value: Any) -> None:
    """Take a patch's value that meets nothing of its type: directives and nulls go."""
    plain = _plain(value)
    if plain is ABSENT:
        original.pop(name, None)
    else:
        original[name] = plain


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [item for item in map(_plain, value) if item is not ABSENT]
    if not isinstance(value, dict):
        return value
    if PATCH in value:
        return ABSENT
    members = {key: _plain(item) for key, item in value.items() if item is not None}
    return {key: item for key, item in members.items() if item is not ABSENT}


def field_of(structure: Type | None, name: str) -> Field:
    """The field of a struct, or the value of a map. Anything else has no fields to merge."""
    if structure is not None and structure.shape == "map" and structure.element is not None:
        return Field(structure.element)
    field = None if structure is None else structure.fields.get(name)
    if field is None:
        owner = "" if structure is None else structure.name
        raise PatchError("internal", f'unable to find api field in struct {owner} for the json field "{name}"')
    return field


def named(key: str, prefix: str, what: str) -> str:
    """The list's name in ``$setElementOrder/name``."""
    name = key.removeprefix(prefix)
    if not name.startswith("/"):
        raise _malformed(what)
    return name[1:]


def _malformed(what: str) -> PatchError:
    return PatchError("malformed", f"invalid patch format of {what}")


def unknown_directive(patch: Object) -> PatchError:
    """``patch`` holds a ``$patch`` that means nothing."""
    directive = patch[PATCH]
    text = directive if isinstance(directive, str) else f"%!s({go_type(directive)}={go_text(directive)})"
    return PatchError("internal", f"unknown patch type: {text} in map: {go_text(patch)}")
