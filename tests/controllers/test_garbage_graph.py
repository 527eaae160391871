"""The graph of owners: what is looked at after which event."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.client.well_known import CONFIG_MAPS, PODS
from pyk8s.controllers.garbage_graph import Graph, Reactions

Json = dict[str, Any]


class Told:
    """Records the reactions of a graph."""

    def __init__(self) -> None:
        self.deletes: list[str] = []
        self.orphans: list[str] = []
        self.warned: list[str] = []
        self.graph = Graph(
            Reactions(self.deletes.append, self.orphans.append, lambda child, owner: self.warned.append(child.uid))
        )

    def see(self, uid: str, *owners: str, namespace: str = "ns", block: bool = True, **metadata: Any) -> None:
        references = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": owner, "blockOwnerDeletion": block}
            for owner in owners
        ]
        obj = {"metadata": {"name": uid, "uid": uid, "namespace": namespace, "ownerReferences": references, **metadata}}
        self.graph.observe(CONFIG_MAPS, obj)


@pytest.fixture
def told() -> Told:
    return Told()


def test_dependents_are_looked_at_when_their_owner_is_gone(told: Told) -> None:
    told.see("owner")
    told.see("a", "owner")
    told.see("b", "owner")
    assert told.deletes == []

    told.graph.forget("owner")

    assert told.deletes == ["a", "b"]


def test_an_owner_never_seen_is_looked_at_itself(told: Told) -> None:
    told.see("a", "ghost")

    ghost = told.graph.get("ghost")
    assert ghost is not None
    assert ghost.is_virtual
    assert (ghost.resource, ghost.namespace) == (CONFIG_MAPS, "ns")
    assert told.deletes == ["ghost"]


def test_an_owner_that_comes_late_is_no_longer_virtual(told: Told) -> None:
    told.see("a", "owner")
    told.see("owner")

    owner = told.graph.get("owner")
    assert owner is not None
    assert not owner.is_virtual
    assert list(owner.dependents) == ["a"]


def test_foreground_deletion_looks_at_dependents_and_then_waits_for_them(told: Told) -> None:
    told.see("owner")
    told.see("a", "owner")
    told.see("owner", deletionTimestamp="now", finalizers=["foregroundDeletion"])
    assert told.deletes == ["a", "owner"]

    told.graph.forget("a")

    assert told.deletes == ["a", "owner", "owner"]


def test_a_reference_that_stops_blocking_frees_a_waiting_owner(told: Told) -> None:
    told.see("owner")
    told.see("a", "owner")
    told.see("owner", deletionTimestamp="now", finalizers=["foregroundDeletion"])
    told.deletes.clear()

    told.see("a", "owner", block=False)

    owner = told.graph.get("owner")
    assert owner is not None
    assert owner.blocking_dependents == []
    assert told.deletes == ["owner"]


def test_the_orphan_finalizer_is_acted_on_once(told: Told) -> None:
    for _ in range(2):
        told.see("owner", deletionTimestamp="now", finalizers=["orphan"])

    assert told.orphans == ["owner"]


def test_an_owner_in_another_namespace_is_warned_about(told: Told) -> None:
    told.see("owner", namespace="other")
    told.see("a", "owner")

    assert told.warned == ["a"]
    assert told.deletes == ["a"]


def test_a_removed_reference_is_no_edge_any_more(told: Told) -> None:
    told.see("owner")
    told.see("a", "owner")
    told.see("a")

    told.graph.forget("owner")

    assert told.deletes == []
    told.graph.observe(PODS, {"metadata": {"name": "p", "uid": "p"}})
    assert len(told.graph) == 2


def test_an_owner_in_another_namespace_that_comes_late_is_warned_about_too(told: Told) -> None:
    told.see("a", "owner")
    told.see("owner", namespace="other")

    assert told.warned == ["a"]
