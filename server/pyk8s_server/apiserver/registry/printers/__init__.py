"""Table rows of `kubectl get`: for each kind its columns (a table) and a function from object to cells.

Always true: number and order of cells follow kube-apiserver's printers; a kind without one shows Name and Created At.
Not here: the Table envelope, which the endpoints write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyk8s.api.resources import Resource
from pyk8s.api.tables import table

from pyk8s_server.apiserver.interfaces import Column, Json
from pyk8s_server.apiserver.registry.printers import access, core, network, pods, policy, storage, workloads

Cells = Callable[[Json, float], list[Any]]
NO_TABLE = frozenset(
    (
        "Binding",
        "Eviction",
        "LocalSubjectAccessReview",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
        "SelfSubjectRulesReview",
        "SubjectAccessReview",
        "TokenRequest",
        "TokenReview",
    )
)
"""Kinds that are answers, not stored objects: a Table of them is refused."""


@dataclass(frozen=True, slots=True)
class KindPrinter:
    """The printer of one kind."""

    columns: tuple[Column, ...]
    cells: Cells

    def row(self, obj: Json, now_s: float) -> tuple[list[Any], list[Json]]:
        return self.cells(obj, now_s), pods.conditions(obj) if obj.get("kind", "Pod") == "Pod" else []


@cache
def printer_for(resource: Resource) -> KindPrinter | None:
    """The printer of a resource; None for kinds that have no table form."""
    return printer_of_kind(resource.kind)


@cache
def printer_of_kind(kind: str) -> KindPrinter | None:
    if kind in NO_TABLE:
        return None
    return KindPrinter(_columns(kind), ROWS.get(kind, _plain))


def _columns(kind: str) -> tuple[Column, ...]:
    table_columns = table("table-columns")
    entries = table_columns.get(kind) or table_columns["Role"]
    name_description = table_columns["Role"][0]["description"]
    return tuple(
        Column(
            entry["name"],
            entry["type"],
            entry.get("format", ""),
            entry.get("description") or (name_description if entry.get("format") == "name" else ""),
            entry.get("priority", 0),
        )
        for entry in entries
    )


def _plain(obj: Json, now_s: float) -> list[Any]:
    meta = obj.get("metadata") or {}
    return [meta.get("name", ""), meta.get("creationTimestamp")]


ROWS: dict[str, Cells] = {
    **access.ROWS,
    **core.ROWS,
    **network.ROWS,
    **pods.ROWS,
    **policy.ROWS,
    **storage.ROWS,
    **workloads.ROWS,
}
