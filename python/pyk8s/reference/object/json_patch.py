"""JSON patch, RFC 6902, as kube-apiserver understands it.

Lives here: reading the operations and applying them in order.
Always true: the answer is the whole patch or an error; no operation nests deeper than `DEPTH_MAX`, and all copies
together add at most `COPIED_BYTES_MAX`.
Not here: how many operations a request may hold (the API server's limit), types of the result (see `decode`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from pyk8s.errors import DecodeError, PatchError
from pyk8s.reference.object.comparison import same_json
from pyk8s.reference.object.json import DEPTH_MAX, parse, to_bytes, type_name
from pyk8s.reference.object.structure import ABSENT

COPIED_BYTES_MAX = 3 * 1024 * 1024
"""What kube-apiserver allows one patch to add by "copy"."""

Trie = dict[str, "Trie"]
"""Steps of pointers, nested."""

RECOUNT_MAX = 16
"""How often a patch that moves things about may come near `DEPTH_MAX`: each time costs a walk over the document."""


def json_patch(original: bytes, patch: bytes) -> bytes:
    operations = _read(patch)
    document = _Document(parse(original))
    for operation in operations:
        document.apply(operation)
    document.sort_touched(operations)
    return to_bytes(document.value)


def _read(patch: bytes) -> list[dict[str, Any]]:
    try:
        value = parse(patch)
    except DecodeError as error:
        raise PatchError("malformed", f"error decoding patch: {error}") from error
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mistyped(value, "value of type []handlers.jsonPatchOp")
    for operation in value:
        if operation is not None and not isinstance(operation, dict):
            raise _mistyped(operation, "value of type handlers.jsonPatchOp")
        for name in ("op", "path", "from"):
            text = (operation or {}).get(name)
            if text is not None and not isinstance(text, str):
                raise _mistyped(text, f"struct field jsonPatchOp.{name} of type string")
    return [operation or {} for operation in value]


def _mistyped(value: Any, target: str) -> PatchError:
    return PatchError("malformed", f"error decoding patch: json: cannot unmarshal {type_name(value)} into Go {target}")


class _Document:
    """The object being patched. ``deepest`` is an upper bound of its nesting."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.deepest = depth_of(value)
        self.recount_count = 0
        self.copied_bytes = 0

    def apply(self, operation: dict[str, Any]) -> None:
        match operation.get("op"):
            case "add":
                self._add(operation)
            case "remove":
                self._take(_pointer(operation, "path"))
            case "replace":
                self._replace(_pointer(operation, "path"), operation.get("value"))
            case "move":
                self._move(operation)
            case "copy":
                self._copy(operation)
            case "test":
                self._test(operation)
            case unknown:
                raise _refused(f"unexpected operation: {unknown or 'unknown'}")

    def _add(self, operation: dict[str, Any]) -> None:
        value = operation.get("value")
        self._insert(_pointer(operation, "path"), value, depth_of(value))

    def _replace(self, path: str, value: Any) -> None:
        if path == "":
            if not isinstance(value, (dict, list)):
                raise _refused("a document can only be replaced by an object or an array")
            self.value, self.deepest = value, depth_of(value)
            return
        parent, key = self._find(path)
        self._deepen(path, value, depth_of(value))
        if isinstance(parent, list):
            parent[_index(key, len(parent) - 1)] = value
        else:
            parent[key] = value

    def _move(self, operation: dict[str, Any]) -> None:
        source, target = _pointer(operation, "from"), _pointer(operation, "path")
        value = self._take(source)
        self._insert(target, value, max(0, self.deepest - source.count("/")))

    def _copy(self, operation: dict[str, Any]) -> None:
        source, target = _pointer(operation, "from"), _pointer(operation, "path")
        found = self._get(source)
        value = None if found is ABSENT else found
        self.copied_bytes += 0 if value is None else len(to_bytes(value))
        if self.copied_bytes > COPIED_BYTES_MAX:
            raise _refused(f"copies add {self.copied_bytes} bytes; at most {COPIED_BYTES_MAX} are allowed")
        self._insert(target, deepcopy(value), depth_of(value))

    def _test(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        actual = self.value if path == "" else self._get(path)
        wanted = operation.get("value", ABSENT)
        if actual is ABSENT or actual is None:
            holds = wanted is ABSENT or wanted is None
        else:
            holds = wanted is not ABSENT and same_json(actual, wanted)
        if not holds:
            raise _refused(f"testing value {path} failed")

    def _find(self, path: str) -> tuple[Any, str]:
        """The container that holds the last element of ``path``, and that element."""
        steps = path.split("/")
        here = self.value
        for step in steps[1:-1]:
            here = _child(here, _unescape(step))
            if not isinstance(here, (dict, list)):
                raise _missing(path)
        if len(steps) < 2:
            raise _missing(path)
        return here, _unescape(steps[-1])

    def _get(self, path: str) -> Any:
        parent, key = self._find(path)
        if isinstance(parent, list):
            return parent[_index(key, len(parent) - 1)]
        return parent.get(key, ABSENT)

    def _take(self, path: str) -> Any:
        parent, key = self._find(path)
        if isinstance(parent, list):
            return parent.pop(_index(key, len(parent) - 1))
        if key not in parent:
            raise _missing(path)
        return parent.pop(key)

    def _insert(self, path: str, value: Any, depth: int) -> None:
        """Add ``value``, whose nesting is at most ``depth``."""
        parent, key = self._find(path)
        self._deepen(path, value, depth)
        if isinstance(parent, list):
            parent.insert(len(parent) if key == "-" else _index(key, len(parent)), value)
        else:
            parent[key] = value

    def _deepen(self, path: str, value: Any, depth: int) -> None:
        if path.count("/") + depth > DEPTH_MAX:
            self.recount_count += 1
            depth = depth_of(value)
            self.deepest = depth_of(self.value)
        if path.count("/") + depth > DEPTH_MAX or self.recount_count > RECOUNT_MAX:
            raise _refused(f"the patch nests deeper than {DEPTH_MAX}")
        self.deepest = max(self.deepest, path.count("/") + depth)

    def sort_touched(self, operations: Sequence[dict[str, Any]]) -> None:
        """Sort the keys of every object an operation went through, as kube-apiserver shows them in its errors."""
        touched: Trie = {}
        for pointer in (operation.get(name) or "" for operation in operations for name in ("path", "from")):
            here = touched
            for step in pointer.split("/")[1:-1][:DEPTH_MAX]:
                here = here.setdefault(_unescape(step), {})
        _sort_keys(self.value, touched)


def _sort_keys(value: Any, touched: Trie) -> None:
    for step, below in touched.items():
        _sort_keys(_child(value, step), below)
    if isinstance(value, dict):
        ordered = sorted(value.items())
        value.clear()
        value.update(ordered)


def _pointer(operation: dict[str, Any], name: str) -> str:
    text = operation.get(name)
    if text is None:
        raise _refused(f"an operation is missing its {name}")
    return str(text)


def _unescape(step: str) -> str:
    return re.sub("~[01]", lambda found: "/" if found[0] == "~1" else "~", step)


def _child(container: Any, step: str) -> Any:
    if isinstance(container, dict):
        return container.get(step)
    if not isinstance(container, list):
        return None
    try:
        return container[_index(step, len(container) - 1)]
    except PatchError:
        return None


def _index(step: str, largest: int) -> int:
    """An index of an array as Go reads it; counting from the end is not allowed."""
    if re.fullmatch("[+-]?[0-9]{1,18}", step) is None:
        raise _refused(f"{step} is no array index")
    if not 0 <= int(step) <= largest:
        raise _refused(f"array index {int(step)} is out of range")
    return int(step)


def depth_of(value: Any) -> int:
    """How deep ``value`` nests: 0 for a scalar, 1 for ``{}``."""
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def _missing(path: str) -> PatchError:
    return _refused(f"the document has no path {path}")


def _refused(message: str) -> PatchError:
    return PatchError("unprocessable", message)
