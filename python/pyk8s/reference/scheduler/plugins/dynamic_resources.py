"""DynamicResources: a pod runs where its ResourceClaims are, or can be, allocated; who decides picks the devices.

Always true: a claim is allocated once, and stays where it is as long as anyone may use it.
Not here: which devices are picked (see `device_allocation`). Extended resources that a DeviceClass offers, taints of
devices, devices given out in parts: not done; the last are refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyk8s.reference.scheduler.claim_status import allocation_status
from pyk8s.reference.scheduler.device_allocation import Allocation, Allocator, OutOfSteps, taken
from pyk8s.reference.scheduler.device_requests import ClaimRequests, RequestError
from pyk8s.reference.scheduler.devices import DeviceId, Pool, pools
from pyk8s.reference.scheduler.event import ClusterEvent, NodeAdded, NodeUpdated, ObjectChanged, PodUpdated
from pyk8s.reference.scheduler.framework import Json, Plugin, PreFilter, Refuse, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeFacts, NodeInfo
from pyk8s.reference.scheduler.node_selector import Term
from pyk8s.reference.scheduler.objects import Objects
from pyk8s.reference.scheduler.plugins.normalize import normalize_by_max
from pyk8s.reference.scheduler.pod import PodInfo

KIND = "ResourceClaim"
FINALIZER = "resource.kubernetes.io/delete-protection"
RESERVED_MAX = 256
"""Pods that may share a claim."""

NOT_AVAILABLE = "resourceclaim not available on the node"
NOT_ALLOCATED = "cannot allocate all claims"
OUT_OF_STEPS = "timed out trying to allocate devices"
IN_USE = "resourceclaim in use"
NO_CLAIMS = "no new claims to deallocate"
DEALLOCATED = "deallocation of ResourceClaim completed"
STILL_NOT = "still not schedulable"


@dataclass(slots=True)
class PodClaim:
    """One claim of the pod, as PreFilter found it."""

    key: str
    terms: list[Term] | None = None
    """Where it can be used, for an allocated one; None: everywhere."""
    requests: ClaimRequests | None = None
    """What is still to be allocated."""

    def admits(self, node: NodeFacts) -> bool:
        return self.terms is None or any(term.matches(node) for term in self.terms)


@dataclass(slots=True)
class ClaimState:
    claims: list[PodClaim]
    pools: list[Pool]
    taken: set[DeviceId]
    found: dict[str, list[Allocation]] = field(default_factory=dict)
    """What Filter chose, by node."""
    unavailable: set[str] = field(default_factory=set)
    """The claims that are allocated where some node cannot use them."""

    def __deepcopy__(self, memo: Any) -> ClaimState:
        return ClaimState(self.claims, self.pools, self.taken, dict(self.found), self.unavailable)


class DynamicResources(Plugin):
    name = "DynamicResources"

    def pre_enqueue(self, pod: PodInfo, world: World) -> str | None:
        found = claims_of(pod, world.objects)
        return found if isinstance(found, str) else None

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        found = claims_of(pod, world.objects)
        if isinstance(found, str):
            return Refuse("UnschedulableAndUnresolvable", found)
        if not found:
            return Skip()
        claims = []
        for key, claim in found.items():
            seen = _seen(key, claim, pod, world.objects)
            if isinstance(seen, str):
                return Refuse("UnschedulableAndUnresolvable", seen)
            claims.append(seen)
        return Run(ClaimState(claims, pools(world.objects), taken(world.objects)))

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        assert isinstance(state, ClaimState), "PreFilter skips pods without claims"
        elsewhere = [claim.key for claim in state.claims if not claim.admits(node.facts)]
        if elsewhere:
            state.unavailable.update(elsewhere)
            return Rejection("UnschedulableAndUnresolvable", [NOT_AVAILABLE])
        wanted = [claim.requests for claim in state.claims if claim.requests is not None]
        try:
            found = Allocator(node.facts, state.pools, state.taken).allocate(wanted)
        except RequestError as error:
            return Rejection("Error", [str(error)])
        except OutOfSteps:
            return Rejection("UnschedulableAndUnresolvable", [OUT_OF_STEPS])
        if found is None:
            return Rejection("UnschedulableAndUnresolvable", [NOT_ALLOCATED])
        state.found[node.facts.name] = found
        return None

    def post_filter(self, pod: PodInfo, state: State, world: World) -> str | None:
        found = claims_of(pod, world.objects)
        if isinstance(found, str) or not found:
            return NO_CLAIMS
        return STILL_NOT if _idle(pod, state, world.objects) is None else DEALLOCATED

    def post_filter_writes(self, pod: PodInfo, state: State, world: World) -> list[Json]:
        """An idle claim that keeps the pod off some node gives its devices back, to be allocated where the pod fits."""
        claim = _idle(pod, state, world.objects)
        patch = {"status": {"allocation": None, "reservedFor": None}}
        return [] if claim is None else [{**_target(claim), "patch": patch, "subresource": "status"}]

    def score(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> int:
        """Earlier alternatives of requests are better."""
        if not isinstance(state, ClaimState):
            return 0
        return sum(allocation.score for allocation in state.found.get(node.facts.name, []))

    def normalize(self, pod: PodInfo, nodes: list[NodeInfo], scores: list[int], state: State) -> list[int]:
        return normalize_by_max(scores, is_reversed=False)

    def reserve(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> list[Json] | Refuse:
        if not isinstance(state, ClaimState):
            return []
        writes: list[Json] = []
        allocated = {each.requests.claim: each for each in state.found.get(node.facts.name, [])}
        for claim in state.claims:
            obj = world.objects.get(KIND, claim.key)
            if obj is None:
                return Refuse("Unschedulable", f'resourceclaim "{claim.key}" not found')
            if claim.requests is None and is_reserved_for(obj, pod):
                continue
            allocation = allocation_status(allocated[claim.key], node.facts) if claim.requests is not None else None
            writes += _reserved(obj, pod, allocation, world.objects)
        return writes

    def unreserve(self, pod: PodInfo, world: World) -> None:
        found = claims_of(pod, world.objects)
        for key, claim in found.items() if isinstance(found, dict) else ():
            told = world.objects.told(KIND, key)
            if told is None or told is claim or is_reserved_for(told, pod):
                continue
            left = [one for one in reserved_for(claim) if one.get("uid") != pod.uid]
            if left == reserved_for(told):
                world.objects.give_up(KIND, key)
            else:
                world.objects.assume(KIND, {**claim, "status": {**claim["status"], "reservedFor": left}})

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case NodeAdded():
                return True
            case NodeUpdated(old, node):
                return old.labels != node.labels or old.allocatable != node.allocatable
            case PodUpdated(before, after):
                return before.shape.claims != after.shape.claims
            case ObjectChanged("DeviceClass" | "ResourceSlice", _, new):
                return new is not None
            case ObjectChanged("ResourceClaim", old, new):
                return _may_help(pod, old, new, world.objects)
        return False


def claims_of(pod: PodInfo, objects: Objects) -> dict[str, Json] | str:
    """The pod's claims by key, in its order; a text says why they are not all there."""
    found: dict[str, Json] = {}
    for named in pod.shape.claims.names:
        if named.claim is None:
            return f'pod "{pod.namespace}/{pod.name}": ResourceClaim not created yet'
        if not named.claim:
            continue
        key = f"{pod.namespace}/{named.claim}"
        claim = objects.get(KIND, key)
        if claim is None:
            return f'resourceclaim "{key}" not found'
        meta = claim["metadata"]
        if meta.get("deletionTimestamp"):
            return f'resourceclaim "{named.claim}" is being deleted'
        if named.is_generated and all(one.get("uid") != pod.uid for one in meta.get("ownerReferences") or ()):
            return f"ResourceClaim {key} was not created for pod {pod.namespace}/{pod.name} (pod is not owner)"
        found[key] = claim
    return found


def allocation_of(claim: Json) -> Json | None:
    return (claim.get("status") or {}).get("allocation") or None


def reserved_for(claim: Json) -> list[Json]:
    return list((claim.get("status") or {}).get("reservedFor") or ())


def is_reserved_for(claim: Json, pod: PodInfo) -> bool:
    return any(one.get("uid") == pod.uid for one in reserved_for(claim))


def _seen(key: str, claim: Json, pod: PodInfo, objects: Objects) -> PodClaim | str:
    allocation = allocation_of(claim)
    if allocation is None:
        try:
            return PodClaim(key, requests=ClaimRequests.parse(key, claim.get("spec") or {}, objects))
        except RequestError as error:
            return str(error)
    told = objects.told(KIND, key)
    if told is not None and allocation_of(told) is None:
        return f"resource claim {key} is in the process of being allocated"
    if not is_reserved_for(claim, pod) and len(reserved_for(claim)) >= RESERVED_MAX:
        return IN_USE
    selector = allocation.get("nodeSelector")
    terms = None if not selector else [Term.parse(term) for term in selector.get("nodeSelectorTerms") or ()]
    return PodClaim(key, terms=terms)


def _idle(pod: PodInfo, state: State, objects: Objects) -> Json | None:
    """The first claim that is allocated in the wrong place and used by nobody else."""
    if not isinstance(state, ClaimState):
        return None
    for key in (claim.key for claim in state.claims if claim.key in state.unavailable):
        claim = objects.get(KIND, key)
        if claim is not None and all(one.get("uid") == pod.uid for one in reserved_for(claim)):
            return claim
    return None


def _target(claim: Json) -> Json:
    meta = claim["metadata"]
    uid = meta.get("uid") or ""
    return {"kind": KIND, "namespace": meta.get("namespace") or "", "name": meta["name"], "uid": uid}


def _may_help(pod: PodInfo, old: Json | None, new: Json | None, objects: Objects) -> bool:
    """Devices have come free, or a claim of the pod's own came or changed and all of them are there."""
    if old is not None and allocation_of(old) is not None and (new is None or allocation_of(new) is None):
        return True
    if new is None or isinstance(claims_of(pod, objects), str):
        return False
    meta = new["metadata"]
    names = [named.claim for named in pod.shape.claims.names]
    return bool(meta.get("namespace") == pod.namespace and meta["name"] in names)


def _reserved(claim: Json, pod: PodInfo, allocation: Json | None, objects: Objects) -> list[Json]:
    """Assume the claim reserved for the pod, allocated now if it was not; what to write for it."""
    meta, status = claim["metadata"], dict(claim.get("status") or {})
    patch: Json = {"reservedFor": [*reserved_for(claim), {"resource": "pods", "name": pod.name, "uid": pod.uid}]}
    target = _target(claim)
    writes: list[Json] = []
    if allocation is not None:
        patch["allocation"] = allocation
        finalizers = list(meta.get("finalizers") or ())
        if FINALIZER not in finalizers:
            writes.append({**target, "patch": {"metadata": {"finalizers": [*finalizers, FINALIZER]}}})
    writes.append({**target, "patch": {"status": patch}, "subresource": "status"})
    objects.assume(KIND, {**claim, "status": {**status, **patch}})
    return writes
