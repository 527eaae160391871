"""Versioned defaulting: runs the program that `tools/compile_defaults.py` makes of the defaulting table.

Always true: a default fills what is unset and changes nothing else, so running twice changes nothing more; new fields
stand where Go's struct has them.
Not here: what admission, allocators and strategies set; rules with code of their own (see `default_rules`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyk8s.reference.object import default_rules
from pyk8s.reference.object.default_rules import is_empty
from pyk8s.reference.object.message import Message, Messages

Object = dict[str, Any]
Visit = Callable[[Message | None, Object], None]


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path. ``[*]`` is every element of a list or map, ``!`` creates what a pointer should point to."""

    field: str
    is_each: bool = False
    is_created: bool = False

    @classmethod
    def of(cls, text: str) -> Segment:
        name = text.removesuffix("[*]")
        return cls(name.removesuffix("!"), text.endswith("[*]"), name.endswith("!"))


def path_of(text: str) -> list[Segment]:
    return [Segment.of(part) for part in text.split(".") if part]


class Defaults:
    """``document``: the parsed defaults table."""

    def __init__(self, document: dict[str, Any], messages: Messages) -> None:
        # A scheme for patches alone comes with an empty table.
        self.nodes: dict[str, Any] = document.get("nodes", {})
        self.kinds: dict[str, str] = document.get("kinds", {})
        self.messages = messages

    def apply(self, kind: str, message: Message, target: Object) -> None:
        """Fill the defaults of an object of ``kind``, whose message is ``message``."""
        if kind in self.kinds:
            self._node(self.nodes[self.kinds[kind]], message, target)

    def _node(self, node: dict[str, Any], message: Message | None, target: Object) -> None:
        for op in node.get("ops", ()):
            if all(_holds(condition, target) for condition in op.get("when", ())):
                self._op(op, message, target)
        for field, child in node.get("in", {}).items():
            self._step(Segment.of(field), message, target, partial(self._node, self.nodes[child]))

    def _op(self, op: dict[str, Any], message: Message | None, target: Object) -> None:
        if "do" in op:
            self._walk(path_of(op["at"]), message, target, lambda m, t: default_rules.run(op, m, t))
        elif "clear" in op:
            *parents, last = path_of(op["clear"])
            self._walk(parents, message, target, lambda _, t: t.pop(last.field, None))
        elif "from" in op:
            value = _look(op["from"], target)
            if not is_empty(value):
                self._set(op, value, message, target)
        else:
            self._set(op, op["to"], message, target)

    def _set(self, op: dict[str, Any], value: Any, message: Message | None, target: Object) -> None:
        *parents, last = path_of(op["set"])

        def fill(message: Message | None, target: Object) -> None:
            if message and (op.get("force") or _is_open(message, target, last.field)):
                message.insert(target, last.field, copy.deepcopy(value))

        self._walk(parents, message, target, fill)

    def _walk(self, path: list[Segment], message: Message | None, target: Object, visit: Visit) -> None:
        """Call ``visit`` with every object the path leads to."""
        if not path:
            visit(message, target)
        else:
            self._step(path[0], message, target, lambda m, t: self._walk(path[1:], m, t, visit))

    def _step(self, segment: Segment, message: Message | None, target: Object, visit: Visit) -> None:
        field = message.field(segment.field) if message else None
        if message is None or field is None:
            return
        inner = self.messages.message(field.kind.message) if field.kind.name == "message" else None
        if segment.is_each:
            value = target.get(segment.field)
            items = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
            for item in items:
                if isinstance(item, dict):
                    visit(inner, item)
            return
        is_made = segment.is_created or not field.is_pointer
        if is_made and inner and target.get(segment.field) is None:
            message.insert(target, segment.field, inner.zero())
        value = target.get(segment.field)
        if isinstance(value, dict):
            visit(inner, value)


def _holds(condition: list[Any], target: Object) -> bool:
    path, test, *operands = condition
    value = _look(path, target)
    match test:
        case "in":
            return any(type(value) is type(operand) and value == operand for operand in operands[0])
        case "set":
            return value is not None
        case "unset":
            return value is None
        case "filled":
            return not is_empty(value)
    return is_empty(value)


def _look(path: str, target: Object) -> Any:
    """The value a plain path leads to, None when it is absent."""
    value: Any = target
    for segment in path_of(path):
        value = value.get(segment.field) if isinstance(value, dict) else None
    return value


def _is_open(message: Message, target: Object, name: str) -> bool:
    """True when a default may fill the field: a pointer when it is nil, anything else when it is Go's zero."""
    field = message.field(name)
    value = target.get(name)
    return value is None if field and field.is_pointer else is_empty(value)
