"""VolumeBinding: a node must reach the pod's bound volumes, and offer or get volumes for its unbound claims.

Always true: what `filter` found for a node is what `reserve` takes there; both look at the same lists, made by
`pre_filter`.
Not here: waiting until the claims are bound (see `pyk8s.scheduler`); translation of the zone labels of in-tree volumes
to those of their CSI drivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyk8s.errors import SelectorError
from pyk8s.reference.scheduler.claims import (
    SELECTED_NODE,
    WAIT_FOR_FIRST_CONSUMER,
    Claim,
    binding_mode,
    claim_of,
    foreign_message,
    is_made_for,
    is_own_claim,
    not_found,
)
from pyk8s.reference.scheduler.event import ClusterEvent, NodeAdded, NodeUpdated, ObjectChanged
from pyk8s.reference.scheduler.framework import Plugin, PreFilter, Refuse, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.plugins.node_volume_limits import MIGRATED_PLUGINS
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.volume_matching import Volume, find_volume, volumes_of
from pyk8s.reference.scheduler.volume_provisioning import (
    Capacity,
    can_provision,
    capacities,
    has_room,
    volume_limit,
)
from pyk8s.reference.scheduler.volumes import ClaimReference

Json = dict[str, Any]

REASON_AFFINITY = "node(s) didn't match PersistentVolume's node affinity"
REASON_NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
REASON_NO_ROOM = "node(s) did not have enough free storage"
REASON_NO_SUCH_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND_IMMEDIATE = "pod has unbound immediate PersistentVolumeClaims"
PRE_FILTER_FAILED = 'running PreFilter plugin "VolumeBinding": '
FILTER_FAILED = 'running "VolumeBinding" filter plugin: '


class VolumeTrouble(Exception):
    """Something is wrong with the objects themselves: the attempt fails."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The pod's claims and what there is for them."""

    bound: list[Volume | None]
    """The volumes of claims that have one; None: it does not exist."""
    unbound: list[Claim]
    """Those that wait for the pod."""
    volumes: list[Volume]
    """Of the classes of the unbound claims."""
    published: list[Capacity]

    def __deepcopy__(self, memo: object) -> Claims:
        """Nothing here depends on pods, so what-if questions share it."""
        return self


@dataclass(slots=True)
class Found:
    """What a node has for the unbound claims, or why not."""

    bindings: list[tuple[Claim, Volume]] = field(default_factory=list)
    provisions: list[Claim] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def claim_problem(pod: PodInfo, reference: ClaimReference, claim: Claim | None) -> str:
    """Why the pod cannot use the claim on any node; "" when it can."""
    if claim is None:
        missing = not_found("persistentvolumeclaim", reference.name)
        waiting = f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{reference.name}"'
        return waiting if reference.is_ephemeral else missing
    if claim.is_lost:
        return f'persistentvolumeclaim "{claim.name}" bound to non-existent persistentvolume "{claim.volume_name}"'
    if claim.is_deleted:
        return f'persistentvolumeclaim "{claim.name}" is being deleted'
    is_foreign = reference.is_ephemeral and not is_made_for(claim.obj, pod)
    return foreign_message(reference, pod) if is_foreign else ""


def find(claims: Claims, node: NodeFacts, world: World) -> Found:
    """Raises VolumeTrouble."""
    found = Found()
    for volume in claims.bound:
        if volume is None or not volume.is_reachable_from(node):
            found.reasons.append(REASON_NO_SUCH_VOLUME if volume is None else REASON_AFFINITY)
            break
    matching = [claim for claim in claims.unbound if claim.selected_node is None]
    found.provisions = [claim for claim in claims.unbound if claim.selected_node is not None]
    if any(claim.selected_node != node.name for claim in found.provisions):
        _add(found, REASON_NO_VOLUME)
        return found
    taken: set[str] = set()
    for claim in sorted(matching, key=lambda claim: claim.requested_bytes or 0):
        volume = find_volume(claim, claims.volumes, node, taken)
        if volume is None:
            found.provisions.append(claim)
        else:
            taken.add(volume.name)
            found.bindings.append((claim, volume))
    for claim in found.provisions:
        reason = _provision_problem(claim, node, world, claims.published)
        if reason:
            _add(found, reason)
            break
    return found


def _add(found: Found, reason: str) -> None:
    """Reasons are told in a fixed order: that of a volume that is not there comes last."""
    is_last = found.reasons and found.reasons[-1] == REASON_NO_SUCH_VOLUME
    found.reasons.insert(len(found.reasons) - 1 if is_last else len(found.reasons), reason)


def _provision_problem(claim: Claim, node: NodeFacts, world: World, published: list[Capacity]) -> str:
    if not claim.class_name:
        raise VolumeTrouble(f'no class for claim "{claim.key}"')
    storage_class = world.objects.get("StorageClass", claim.class_name)
    if storage_class is None:
        raise VolumeTrouble(f'failed to find storage class "{claim.class_name}"')
    if not can_provision(storage_class, node):
        return REASON_NO_VOLUME
    is_room = has_room(claim, storage_class["provisioner"], node, world.objects, published)
    return "" if is_room else REASON_NO_ROOM


class VolumeBinding(Plugin):
    name = "VolumeBinding"

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        if not pod.shape.volumes.claims:
            return Skip()
        claims = []
        for reference in pod.shape.volumes.claims:
            obj = claim_of(pod, reference, world.objects)
            try:
                claim = None if obj is None else Claim.parse(obj)
            except SelectorError as error:
                cause = f"error creating internal label selector for claim: {error}"
                return Refuse("Error", PRE_FILTER_FAILED + cause)
            problem = claim_problem(pod, reference, claim)
            if claim is None or problem:
                return Refuse("UnschedulableAndUnresolvable", problem)
            claims.append(claim)
        return self._sorted_out(claims, world)

    def _sorted_out(self, claims: list[Claim], world: World) -> PreFilter:
        objects = world.objects
        unbound = [claim for claim in claims if not claim.is_bound]
        modes = [binding_mode(objects, claim.class_name) for claim in unbound]
        for claim, mode in zip(unbound, modes, strict=True):
            if mode == "":
                cause = f'VolumeBindingMode not set for StorageClass "{claim.class_name}"'
                return Refuse("Error", PRE_FILTER_FAILED + cause)
        # A claim that names its volume but is not bound yet is the volume controller's, whatever its class says.
        if any(m != WAIT_FOR_FIRST_CONSUMER or c.volume_name for c, m in zip(unbound, modes, strict=True)):
            return Refuse("UnschedulableAndUnresolvable", UNBOUND_IMMEDIATE)
        names = [claim.volume_name for claim in claims if claim.is_bound]
        volumes = [objects.get("PersistentVolume", name) for name in names]
        bound = [None if volume is None else Volume.parse(volume) for volume in volumes]
        if not unbound:
            return Run(Claims(bound, [], [], []))
        offered = volumes_of(objects, {claim.class_name for claim in unbound})
        return Run(Claims(bound, unbound, offered, capacities(objects)))

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        try:
            reasons = find(state, node.facts, world).reasons
        except VolumeTrouble as trouble:
            return Rejection("Error", [FILTER_FAILED + str(trouble)])
        return Rejection("UnschedulableAndUnresolvable", reasons) if reasons else None

    def pre_score(self, pod: PodInfo, nodes: list[NodeInfo], state: State, world: World) -> Run | Skip:
        """Scoring by capacity (gate StorageCapacityScoring) is off by default in v1.36, and not here."""
        return Skip()

    def reserve(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> list[Json] | Refuse:
        if state is None or not state.unbound:
            return []
        try:
            found = find(state, node.facts, world)
        except VolumeTrouble as trouble:
            return Refuse("Error", str(trouble))
        selected = {"metadata": {"annotations": {SELECTED_NODE: node.facts.name}}}
        changes = [("PersistentVolume", volume.obj, volume.bound_to(claim)) for claim, volume in found.bindings]
        changes += [("PersistentVolumeClaim", claim.obj, selected) for claim in found.provisions]
        for kind, obj, patch in changes:
            world.objects.assume(kind, _patched(obj, patch))
        return [_write(kind, obj, patch) for kind, obj, patch in changes]

    def unreserve(self, pod: PodInfo, world: World) -> None:
        keys = {f"{pod.namespace}/{reference.name}" for reference in pod.shape.volumes.claims}
        for key in keys:
            world.objects.give_up("PersistentVolumeClaim", key)
        if keys:
            for name, obj in list(world.objects.all("PersistentVolume")):
                reference = (obj.get("spec") or {}).get("claimRef") or {}
                if f"{reference.get('namespace')}/{reference.get('name')}" in keys:
                    world.objects.give_up("PersistentVolume", name)

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case NodeAdded():
                return True
            case NodeUpdated(old, node):
                return old.labels != node.labels
            case ObjectChanged(kind, old, new) if new is not None:
                return is_own_claim(pod, event) if kind == "PersistentVolumeClaim" else _may_help(kind, old, new)
        return False


def _may_help(kind: str, old: Json | None, new: Json) -> bool:
    """Whether a change of an object that is not a claim may give a pod its volumes."""
    match kind:
        case "PersistentVolume":
            return True
        case "StorageClass":
            return old is None or old.get("allowedTopologies") != new.get("allowedTopologies")
        case "CSINode":
            return old is None or _migrations(old) != _migrations(new)
        case "CSIDriver":
            return old is not None and _is_limited(old) and not _is_limited(new)
        case "CSIStorageCapacity":
            limit, before = volume_limit(new), volume_limit(old) if old is not None else None
            return old is None or (limit is not None and (before is None or limit > before))
    return False


def _migrations(csi_node: Json) -> str:
    return str((csi_node["metadata"].get("annotations") or {}).get(MIGRATED_PLUGINS) or "")


def _is_limited(driver: Json) -> bool:
    return bool((driver.get("spec") or {}).get("storageCapacity"))


def _write(kind: str, obj: Json, patch: Json) -> Json:
    """The patch only applies to the object as it was seen: a claim or volume that someone else took is left alone."""
    meta = obj["metadata"]
    if meta.get("resourceVersion"):
        patch = {**patch, "metadata": {**(patch.get("metadata") or {}), "resourceVersion": meta["resourceVersion"]}}
    names = {"namespace": meta.get("namespace") or "", "name": meta["name"], "uid": meta.get("uid") or ""}
    return {"kind": kind, **names, "patch": patch}


def _patched(obj: Json, patch: Json) -> Json:
    """The object with the patch applied; only objects and texts occur in the patches made here."""
    result = dict(obj)
    for key, value in patch.items():
        result[key] = _patched(result.get(key) or {}, value) if isinstance(value, dict) else value
    return result
