"""What a pod asks for: containers, init containers, sidecars, pod-level resources and overhead added up.

effective(r) = max(sum of containers and sidecars, the largest moment of the init phase); a pod-level request then
replaces its resource; overhead comes on top.
Source: kubernetes.io, "Sidecar Containers", "Resource sharing within containers", "Pod Overhead".
Not here: what nodes have left (see `node`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyk8s.reference.scheduler.resources import Resources

Json = Mapping[str, Any]

DEFAULT_MILLI_CPU = 100
"""What a container without a cpu request counts in scores that would otherwise ignore it."""
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024


@dataclass(slots=True)
class Ask:
    """One container's list: its amounts, and whether cpu and memory are named at all."""

    amounts: Resources = field(default_factory=Resources)
    has_cpu: bool = False
    has_memory: bool = False


@dataclass(slots=True)
class PodRequests:
    """The sums that the scheduler keeps of a pod."""

    spec: Resources
    """From the spec alone: what Filter asks a node for."""
    requested: Resources
    """What the pod takes from its node, resizes under way included."""
    non_zero_milli_cpu: int
    """With a fallback for containers that name none; what Least- and MostAllocated count for pods on a node."""
    non_zero_memory_bytes: int
    scored_milli_cpu: int
    """What they add for the incoming pod: the same, but blind to pod-level requests, as recorded of kube-scheduler."""
    scored_memory_bytes: int

    @classmethod
    def of(cls, pod: Json, owner: str) -> PodRequests:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        from_spec = _collect(spec, {}, owner)
        actual = _collect(spec, status, owner)
        level = _ask((spec.get("resources") or {}).get("requests"), owner)
        overhead = _ask(spec.get("overhead"), owner)
        non_zero = _total(actual, level, overhead, _fallback(spec, actual, level))
        scored = _total(actual, Ask(), overhead, (True, True))
        return cls(
            spec=_total(from_spec, level, overhead, (False, False)),
            requested=_total(actual, level, overhead, (False, False)),
            non_zero_milli_cpu=non_zero.milli_cpu,
            non_zero_memory_bytes=non_zero.memory_bytes,
            scored_milli_cpu=scored.milli_cpu,
            scored_memory_bytes=scored.memory_bytes,
        )


@dataclass(slots=True)
class Asks:
    containers: list[Ask]
    init_containers: list[tuple[Ask, bool]]
    """With whether the container goes on running (a sidecar)."""


def _collect(spec: Json, status: Json, owner: str) -> Asks:
    is_infeasible = any(
        condition.get("type") == "PodResizePending" and condition.get("reason") == "Infeasible"
        for condition in status.get("conditions") or ()
    )
    regular = status.get("containerStatuses") or ()
    containers = [_container_ask(c, regular, is_infeasible, owner) for c in spec.get("containers") or ()]
    init_containers = []
    for container in spec.get("initContainers") or ():
        is_sidecar = container.get("restartPolicy") == "Always"
        statuses = (status.get("initContainerStatuses") or ()) if is_sidecar else ()
        init_containers.append((_container_ask(container, statuses, is_infeasible, owner), is_sidecar))
    return Asks(containers, init_containers)


def _container_ask(container: Json, statuses: Sequence[Json], is_infeasible: bool, owner: str) -> Ask:
    wanted = _ask((container.get("resources") or {}).get("requests"), owner)
    status = next((s for s in statuses if s.get("name") == container.get("name")), None)
    if status is None:
        return wanted
    actuated = _ask((status.get("resources") or {}).get("requests"), owner)
    allocated = _ask(status.get("allocatedResources"), owner)
    merged = Ask() if is_infeasible else wanted
    for other in (actuated, allocated):
        merged.amounts.raise_to(other.amounts)
        merged.has_cpu |= other.has_cpu
        merged.has_memory |= other.has_memory
    return merged


def _ask(resource_list: Json | None, owner: str) -> Ask:
    given = resource_list or {}
    return Ask(Resources.parse(given, owner), "cpu" in given, "memory" in given)


def _fallback(spec: Json, asks: Asks, level: Ask) -> tuple[bool, bool]:
    """Whether missing cpu and memory requests of containers count as the defaults.

    Always without pod-level requests; with them, only for what neither the pod nor any container names.
    """
    if not (spec.get("resources") or {}).get("requests"):
        return True, True
    everyone = [level, *asks.containers, *(ask for ask, _ in asks.init_containers)]
    return not any(ask.has_cpu for ask in everyone), not any(ask.has_memory for ask in everyone)


def _total(asks: Asks, level: Ask, overhead: Ask, fallback: tuple[bool, bool]) -> Resources:
    total, sidecars, largest = Resources(), Resources(), Resources()
    for container in asks.containers:
        total.add(_filled(container, fallback))
    for container, is_sidecar in asks.init_containers:
        amounts = _filled(container, fallback)
        moment = sidecars.copy()
        moment.add(amounts)
        if is_sidecar:
            total.add(amounts)
            sidecars = moment.copy()
        largest.raise_to(moment)
    total.raise_to(largest)
    _replace(total, level)
    total.add(overhead.amounts)
    return total


def _filled(container: Ask, fallback: tuple[bool, bool]) -> Resources:
    amounts = container.amounts.copy()
    if fallback[0] and not container.has_cpu:
        amounts.milli_cpu = DEFAULT_MILLI_CPU
    if fallback[1] and not container.has_memory:
        amounts.memory_bytes = DEFAULT_MEMORY_BYTES
    return amounts


def _replace(total: Resources, level: Ask) -> None:
    """Pod-level requests stand for the whole pod: cpu, memory and huge pages are all that may be named there."""
    if level.has_cpu:
        total.milli_cpu = level.amounts.milli_cpu
    if level.has_memory:
        total.memory_bytes = level.amounts.memory_bytes
    total.scalars.update(level.amounts.scalars)
