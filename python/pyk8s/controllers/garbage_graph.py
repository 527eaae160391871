"""The graph of owners and dependents, kept from what the watches say. No I/O.

Always true: every ownerReference seen is an edge; an owner never seen is a virtual node until a live read settles it.
An event costs O(its owners + its dependents that must be looked at).
Not here: deleting anything (see `garbage_collector`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyk8s.api.resources import Resource, by_kind

Json = dict[str, Any]

FOREGROUND_FINALIZER = "foregroundDeletion"
ORPHAN_FINALIZER = "orphan"


@dataclass(slots=True, eq=False)
class Node:
    """One object, known or only referred to (``is_virtual``)."""

    uid: str
    api_version: str
    kind: str
    namespace: str
    name: str
    resource: Resource | None
    owners: dict[str, Json] = field(default_factory=dict)
    """ownerReferences by uid."""
    dependents: dict[str, Node] = field(default_factory=dict)
    is_virtual: bool = False
    is_deleting: bool = False
    is_deleting_dependents: bool = False
    """Being deleted in the foreground: it waits for its dependents."""
    is_orphaning: bool = False

    @property
    def blocking_dependents(self) -> list[Node]:
        """Dependents that this node's foreground deletion waits for."""
        return [d for d in self.dependents.values() if d.owners.get(self.uid, {}).get("blockOwnerDeletion")]

    def reference(self) -> Json:
        """An ObjectReference for events."""
        pairs = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }
        return {name: value for name, value in pairs.items() if value}


@dataclass(frozen=True, slots=True)
class Reactions:
    """Whom the graph tells what must be looked at; each is given a node's uid (or child and ownerReference)."""

    attempt_delete: Callable[[str], None]
    attempt_orphan: Callable[[str], None]
    owner_in_other_namespace: Callable[[Node, Json], None]


class Graph:
    """Nodes by uid."""

    def __init__(self, reactions: Reactions) -> None:
        self._nodes: dict[str, Node] = {}
        self._tell = reactions

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def observe(self, resource: Resource, obj: Json) -> None:
        """An object was added or changed."""
        metadata = obj["metadata"]
        node = self._nodes.get(metadata["uid"])
        if node is None:
            node = self._nodes[metadata["uid"]] = Node(metadata["uid"], "", "", "", "", None)
        node.api_version, node.kind, node.resource = resource.api_version, resource.kind, resource
        node.namespace, node.name = metadata.get("namespace", ""), metadata["name"]
        if node.is_virtual:
            node.is_virtual = False
            for dependent in node.dependents.values():
                self._check_namespace(node, dependent)
        self._relink(node, {owner["uid"]: owner for owner in metadata.get("ownerReferences") or ()})
        self._follow_deletion(node, metadata)

    def forget(self, uid: str) -> None:
        """An object is gone, or never was: those it owned and those that waited for it are looked at."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return
        for owner_uid in node.owners:
            self._unlink(node, owner_uid)
        for dependent_uid in node.dependents:
            self._tell.attempt_delete(dependent_uid)

    def _relink(self, node: Node, owners: dict[str, Json]) -> None:
        before, node.owners = node.owners, owners
        for uid, reference in before.items():
            if uid not in owners:
                self._unlink(node, uid)
            elif reference.get("blockOwnerDeletion") and not owners[uid].get("blockOwnerDeletion"):
                self._look_if_waiting(uid)
        for uid, reference in owners.items():
            if uid not in before:
                self._link(node, reference)

    def _link(self, node: Node, reference: Json) -> None:
        owner = self._nodes.get(reference["uid"])
        if owner is None:
            owner = self._nodes[reference["uid"]] = self._virtual(node, reference)
            self._tell.attempt_delete(owner.uid)
        elif not owner.is_virtual:
            self._check_namespace(owner, node)
        owner.dependents[node.uid] = node

    def _check_namespace(self, owner: Node, dependent: Node) -> None:
        """An owner elsewhere is none: the reference names nothing where it stands, so the child must be looked at."""
        if owner.namespace not in ("", dependent.namespace):
            self._tell.owner_in_other_namespace(dependent, dependent.owners[owner.uid])
            self._tell.attempt_delete(dependent.uid)

    @staticmethod
    def _virtual(dependent: Node, reference: Json) -> Node:
        resource = by_kind(reference["apiVersion"], reference["kind"])
        namespace = dependent.namespace if resource is None or resource.namespaced else ""
        return Node(
            reference["uid"],
            reference["apiVersion"],
            reference["kind"],
            namespace,
            reference["name"],
            resource,
            is_virtual=True,
        )

    def _unlink(self, node: Node, owner_uid: str) -> None:
        owner = self._nodes.get(owner_uid)
        if owner is not None:
            owner.dependents.pop(node.uid, None)
            self._look_if_waiting(owner_uid)

    def _look_if_waiting(self, uid: str) -> None:
        owner = self._nodes.get(uid)
        if owner is not None and owner.is_deleting_dependents:
            self._tell.attempt_delete(uid)

    def _follow_deletion(self, node: Node, metadata: Json) -> None:
        if not metadata.get("deletionTimestamp"):
            return
        finalizers = metadata.get("finalizers") or ()
        node.is_deleting = True
        if ORPHAN_FINALIZER in finalizers and not node.is_orphaning:
            node.is_orphaning = True
            self._tell.attempt_orphan(node.uid)
        if FOREGROUND_FINALIZER in finalizers and not node.is_deleting_dependents:
            node.is_deleting_dependents = True
            for dependent_uid in node.dependents:
                self._tell.attempt_delete(dependent_uid)
            self._tell.attempt_delete(node.uid)
