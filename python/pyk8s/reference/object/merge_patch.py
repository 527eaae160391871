"""JSON merge patch, RFC 7386, as kube-apiserver understands it.

Lives here: merging an object into an object.
Always true: a null in the patch removes, at any depth of objects; arrays are replaced whole, but objects within
them lose their nulls.
Not here: types of the result (see `decode`), lists that merge by key (see `strategic`).
"""

from __future__ import annotations

from typing import Any

from pyk8s.errors import DecodeError, PatchError
from pyk8s.reference.object.json import parse, to_bytes, type_name

Object = dict[str, Any]


def merge_patch(original: bytes, patch: bytes) -> bytes:
    changes = read_object(patch, prefix="error decoding patch: ")
    if changes is None:
        raise PatchError("malformed", "Invalid JSON Patch")
    return to_bytes(_merged(parse(original), changes))


def read_object(patch: bytes, *, prefix: str = "") -> Object | None:
    """A patch that must be an object, or null. Errors are malformed patches, in Go's words behind ``prefix``."""
    try:
        value = parse(patch)
    except DecodeError as error:
        raise PatchError("malformed", f"{prefix}{error}") from error
    if value is not None and not isinstance(value, dict):
        problem = f"json: cannot unmarshal {type_name(value)} into Go value of type map[string]interface {{}}"
        raise PatchError("malformed", prefix + problem)
    return value


def _merged(original: Any, patch: Any) -> Any:
    if not isinstance(original, dict):
        return without_nulls(patch)
    if not isinstance(patch, dict):
        return patch
    for key, value in patch.items():
        if value is None:
            original.pop(key, None)
        elif original.get(key) is None:
            original[key] = without_nulls(value)
        else:
            original[key] = _merged(original[key], value)
    # kube-apiserver shows merged objects in its errors with sorted keys.
    return dict(sorted(original.items()))


def without_nulls(value: Any) -> Any:
    """``value`` without the null members of its objects; a null that is an array's element stays."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(item) for key, item in sorted(value.items()) if item is not None}
