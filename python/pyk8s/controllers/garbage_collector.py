"""The garbage collector: deletes what has lost all its owners; foreground and orphan deletion.

Always true: nothing is deleted but with preconditions on the uid and version just read live; an owner counts as absent
only after the API said so.
Not here: the graph (see `garbage_graph`); custom resources, whose kinds the built-in table does not know.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import ClassVar

from pyk8s.api.resources import Resource, by_kind, resources
from pyk8s.api.status import StatusError
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.garbage_graph import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, Graph, Node, Reactions

log = logging.getLogger(__name__)

ABSENT_OWNERS_MAX = 500
# Events come in floods, own nothing and expire by themselves.
IGNORED = frozenset((("", "events"), ("events.k8s.io", "events")))
KEPT_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "ownerReferences",
    "finalizers",
    "deletionTimestamp",
)


def monitored_resources() -> tuple[Resource, ...]:
    """Every resource that can be deleted and watched, each once whatever its versions."""
    found: dict[tuple[str, str], Resource] = {}
    for resource in resources():
        if {"delete", "list", "watch"} <= set(resource.verbs) and (resource.group, resource.plural) not in IGNORED:
            found.setdefault((resource.group, resource.plural), resource)
    return tuple(found.values())


def metadata_only(obj: Json) -> Json:
    """The part of an object that the graph needs: nobody else watches this resource here."""
    metadata = obj["metadata"]
    kept = {name: metadata[name] for name in KEPT_METADATA if name in metadata}
    return {"kind": obj.get("kind"), "apiVersion": obj.get("apiVersion"), "metadata": kept}


class GarbageCollector(Controller):
    """Keys are ``delete:<uid>`` and ``orphan:<uid>``. Build it last: it shares the informers of other controllers."""

    name: ClassVar[str] = "garbage-collector"
    worker_count: ClassVar[int] = 20

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.recorder("garbage-collector-controller")
        self._absent: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._graph = Graph(
            Reactions(
                attempt_delete=lambda uid: self.queue.add(f"delete:{uid}"),
                attempt_orphan=lambda uid: self.queue.add(f"orphan:{uid}"),
                owner_in_other_namespace=self._warn_namespace,
            )
        )
        for resource in monitored_resources():
            self._monitor(resource)

    def _monitor(self, resource: Resource) -> None:
        informer = self.context.informers.informer(resource, transform=metadata_only)
        informer.add_handler(
            on_add=lambda obj: self._graph.observe(resource, obj),
            on_update=lambda old, new: self._graph.observe(resource, new),
            on_delete=self._deleted,
        )

    def _deleted(self, obj: Json) -> None:
        metadata = obj["metadata"]
        self._note_absent(metadata["uid"], metadata.get("namespace", ""))
        self._graph.forget(metadata["uid"])

    def _warn_namespace(self, child: Node, owner: Json) -> None:
        identity = f"{owner['apiVersion']}/{owner['kind']}, namespace: , name: {owner['name']}, uid: {owner['uid']}"
        message = f'ownerRef [{identity}] does not exist in namespace "{child.namespace}"'
        self._recorder.event(child.reference(), "Warning", "OwnerRefInvalidNamespace", message)

    async def sync(self, key: str) -> None:
        action, _, uid = key.partition(":")
        node = self._graph.get(uid)
        if node is None:
            return
        if action == "orphan":
            await self._orphan_dependents(node)
        else:
            await self._attempt_to_delete(node)

    # -- deleting what has no owner ------------------------------------------------------------------------------

    async def _attempt_to_delete(self, node: Node) -> None:
        if node.is_deleting and not node.is_deleting_dependents:
            return
        if node.resource is None or (node.resource.namespaced and not node.namespace):
            # A kind this collector cannot read, or a namespaced owner of a cluster-scoped object, which cannot exist:
            # without a live read nothing may be concluded.
            return
        latest = await self._read(node.resource, node.name, node.namespace)
        if latest is None or latest["metadata"]["uid"] != node.uid:
            self._note_absent(node.uid, node.namespace)
            self._graph.forget(node.uid)
        elif node.is_deleting_dependents:
            await self._continue_foreground(node, latest)
        else:
            await self._delete_if_unowned(node, latest)

    async def _continue_foreground(self, node: Node, latest: Json) -> None:
        blocking = node.blocking_dependents
        if not blocking:
            await self._drop_finalizer(node, latest, FOREGROUND_FINALIZER)
        for dependent in blocking:
            if not dependent.is_deleting_dependents:
                self.queue.add(f"delete:{dependent.uid}")

    async def _delete_if_unowned(self, node: Node, latest: Json) -> None:
        owners: list[Json] = latest["metadata"].get("ownerReferences") or []
        if not owners:
            return
        states = {owner["uid"]: await self._owner_state(node, owner) for owner in owners}
        if "solid" in states.values():
            useless = [uid for uid, state in states.items() if state != "solid"]
            if useless:
                await self._drop_owners(node, latest, useless)
        elif "waiting" in states.values() and node.dependents:
            latest = await self._break_cycles(node, latest)
            await self._delete(node, latest, "Foreground")
        else:
            await self._delete(node, latest, _policy(latest))

    async def _owner_state(self, node: Node, reference: Json) -> str:
        """solid: it is there; waiting: it waits for its dependents to go; dangling: there is no such object."""
        resource = by_kind(reference["apiVersion"], reference["kind"])
        if resource is None or (resource.namespaced and not node.namespace):
            return "solid"
        namespace = node.namespace if resource.namespaced else ""
        if (reference["uid"], namespace) in self._absent:
            return "dangling"
        owner = await self._read(resource, reference["name"], namespace)
        if owner is None or owner["metadata"]["uid"] != reference["uid"]:
            self._note_absent(reference["uid"], namespace)
            return "dangling"
        metadata = owner["metadata"]
        is_waiting = metadata.get("deletionTimestamp") and FOREGROUND_FINALIZER in (metadata.get("finalizers") or ())
        return "waiting" if is_waiting else "solid"

    async def _break_cycles(self, node: Node, latest: Json) -> Json:
        """A dependent that waits for us in turn would wait for ever: our references stop blocking."""
        if not any(dependent.is_deleting_dependents for dependent in node.dependents.values()):
            return latest
        owners = [{"uid": o["uid"], "blockOwnerDeletion": False} for o in latest["metadata"]["ownerReferences"]]
        return await self._patch(node, {"metadata": {"uid": node.uid, "ownerReferences": owners}}) or latest

    async def _delete(self, node: Node, latest: Json, policy: str) -> None:
        assert node.resource is not None, "nodes without a resource are not looked at"
        preconditions = {"uid": node.uid, "resourceVersion": latest["metadata"]["resourceVersion"]}
        options = {"preconditions": preconditions, "propagationPolicy": policy}
        try:
            await self.client.delete(node.resource, node.name, node.namespace, options=options)
        except StatusError as error:
            if error.code != 404:
                raise

    # -- orphaning -----------------------------------------------------------------------------------------------

    async def _orphan_dependents(self, node: Node) -> None:
        if node.resource is None:
            return
        latest = await self._read(node.resource, node.name, node.namespace)
        if latest is None or latest["metadata"]["uid"] != node.uid:
            return
        removal = [{"$patch": "delete", "uid": node.uid}]
        dependents = list(node.dependents.values())
        patches = (
            self._patch(dependent, {"metadata": {"uid": dependent.uid, "ownerReferences": removal}})
            for dependent in dependents
        )
        for result in await asyncio.gather(*patches, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        await self._drop_finalizer(node, latest, ORPHAN_FINALIZER)

    # -- requests ------------------------------------------------------------------------------------------------

    async def _read(self, resource: Resource, name: str, namespace: str) -> Json | None:
        try:
            return await self.client.get(resource, name, namespace)
        except StatusError as error:
            if error.code != 404:
                raise
            return None

    async def _drop_owners(self, node: Node, latest: Json, uids: list[str]) -> None:
        removal: list[Json] = [{"$patch": "delete", "uid": uid} for uid in uids]
        metadata = {"uid": node.uid, "resourceVersion": latest["metadata"]["resourceVersion"]}
        await self._patch(node, {"metadata": {**metadata, "ownerReferences": removal}})

    async def _drop_finalizer(self, node: Node, latest: Json, finalizer: str) -> None:
        finalizers = latest["metadata"].get("finalizers") or []
        if finalizer not in finalizers:
            return
        assert node.resource is not None, "nodes without a resource are not looked at"
        metadata = {
            "resourceVersion": latest["metadata"]["resourceVersion"],
            "finalizers": [name for name in finalizers if name != finalizer],
        }
        patch = {"metadata": metadata}
        try:
            await self.client.patch(node.resource, node.name, patch, node.namespace, patch_type="merge")
        except StatusError as error:
            if error.code != 404:
                raise

    async def _patch(self, node: Node, patch: Json) -> Json | None:
        """A strategic merge patch of a node; None for one that is gone."""
        assert node.resource is not None, "dependents were seen by a watch of their resource"
        try:
            return await self.client.patch(node.resource, node.name, patch, node.namespace, patch_type="strategic")
        except StatusError as error:
            if error.code != 404:
                raise
            return None

    def _note_absent(self, uid: str, namespace: str) -> None:
        self._absent[(uid, namespace)] = None
        self._absent.move_to_end((uid, namespace))
        while len(self._absent) > ABSENT_OWNERS_MAX:
            self._absent.popitem(last=False)


def _policy(latest: Json) -> str:
    """How an unowned object asks to be deleted, by its finalizers."""
    finalizers = latest["metadata"].get("finalizers") or ()
    if ORPHAN_FINALIZER in finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND_FINALIZER in finalizers else "Background"
