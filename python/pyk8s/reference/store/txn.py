"""Transactions: what is compared, and what the operations mean.

Always true: operations are checked before the first compare is evaluated; a refused transaction changes nothing.
Always true: a key is written at most once; a get sees the writes before it.
Not here: committing (see `store`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyk8s.reference.store.version import KeyValue

Compare = tuple[str, Literal["mod", "create", "version", "value"], Literal["=", "!=", "<", ">"], int | bytes]
Operation = tuple[Literal["put"], str, bytes, int] | tuple[Literal["delete"], str] | tuple[Literal["get"], str]

COMPARED_NUMBERS = {"mod": "mod_revision", "create": "create_revision", "version": "version"}
OPERATORS = ("=", "!=", "<", ">")


@dataclass(frozen=True, slots=True)
class Transaction:
    succeeded: bool
    revision: int
    results: Sequence[KeyValue | None]


def check_key(key: str) -> None:
    if not key:
        raise ValueError("a key must not be empty")


def check_operations(operations: Sequence[Operation]) -> None:
    """Raises ValueError."""
    written: set[str] = set()
    for operation in operations:
        check_key(operation[1])
        if operation[0] not in ("put", "delete", "get"):
            raise ValueError(f"unknown operation {operation[0]}")
        if operation[0] == "get":
            continue
        if operation[1] in written:
            raise ValueError(f"key {operation[1]} is written twice in one transaction")
        written.add(operation[1])


def check_compares(compares: Sequence[Compare]) -> None:
    """Raises ValueError."""
    for _, target, operator, operand in compares:
        if target != "value" and target not in COMPARED_NUMBERS:
            raise ValueError(f"unknown compare target {target}")
        if operator not in OPERATORS:
            raise ValueError(f"unknown compare operator {operator}")
        if isinstance(operand, bytes) != (target == "value"):
            raise ValueError(f"compare target {target} does not go with this operand")


def holds(compare: Compare, kv: KeyValue | None) -> bool:
    """Does the key's present state satisfy the compare?"""
    _, target, operator, operand = compare
    if target == "value":
        if kv is None:
            return False
        actual: int | bytes = kv.value
    else:
        actual = getattr(kv, COMPARED_NUMBERS[target]) if kv is not None else 0
    if operator == "=":
        return actual == operand
    if operator == "!=":
        return actual != operand
    if operator == "<":
        return actual < operand  # type: ignore[operator]
    return actual > operand  # type: ignore[operator]
