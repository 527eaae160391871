"""VolumeZone: a volume labelled with zones or regions is used only by pods in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyk8s.reference.scheduler.claims import (
    WAIT_FOR_FIRST_CONSUMER,
    binding_mode,
    claim_of,
    class_name,
    is_own_claim,
    not_found,
    volume_name,
)
from pyk8s.reference.scheduler.event import ClusterEvent, NodeAdded, NodeUpdated, ObjectChanged
from pyk8s.reference.scheduler.framework import Plugin, PreFilter, Refuse, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import REGION_LABELS, ZONE_LABELS, NodeInfo
from pyk8s.reference.scheduler.objects import Objects
from pyk8s.reference.scheduler.pod import PodInfo

REASON = "node(s) had no available volume zone"
TOPOLOGY_LABELS = (ZONE_LABELS[1], REGION_LABELS[1], ZONE_LABELS[0], REGION_LABELS[0])
CURRENT = {ZONE_LABELS[1]: ZONE_LABELS[0], REGION_LABELS[1]: REGION_LABELS[0]}
"""Today's label for each beta label."""
SEPARATOR = "__"

Topology = tuple[str, frozenset[str]]
"""A label and the values that will do."""


def topologies(volume: Mapping[str, Any]) -> list[Topology]:
    """What the volume's labels demand of nodes; a label with an empty value in its list demands nothing."""
    labels = volume["metadata"].get("labels") or {}
    found = []
    for key in TOPOLOGY_LABELS:
        zones = [zone.strip() for zone in labels.get(key, "").split(SEPARATOR)]
        if all(zones):
            found.append((key, frozenset(zones)))
    return found


def unbound_problem(name: str, objects: Objects) -> str:
    """Why a claim of the class (its name) without a volume cannot wait for the pod; "" when it can."""
    if not name:
        return "PersistentVolumeClaim had no pv name and storageClass name"
    mode = binding_mode(objects, name)
    if mode is None:
        return not_found("storageclass.storage.k8s.io", name)
    if not mode:
        return f'VolumeBindingMode not set for StorageClass "{name}"'
    return "" if mode == WAIT_FOR_FIRST_CONSUMER else "PersistentVolume had no name"


def demands(pod: PodInfo, objects: Objects) -> list[Topology] | str:
    """What the volumes of the pod's claims demand; a text when that cannot be known."""
    found: list[Topology] = []
    for reference in pod.shape.volumes.claims:
        if reference.is_ephemeral:
            continue
        if not reference.name:
            return "PersistentVolumeClaim had no name"
        claim = claim_of(pod, reference, objects)
        if claim is None:
            return not_found("persistentvolumeclaim", reference.name)
        name = volume_name(claim)
        if not name:
            problem = unbound_problem(class_name(claim), objects)
            if problem:
                return problem
            continue
        volume = objects.get("PersistentVolume", name)
        if volume is None:
            return not_found("persistentvolume", name)
        found += topologies(volume)
    return found


class VolumeZone(Plugin):
    name = "VolumeZone"

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        found = demands(pod, world.objects)
        if isinstance(found, str):
            return Refuse("UnschedulableAndUnresolvable", found)
        return Run(found) if found else Skip()

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        labels = node.facts.labels
        if not any(key in labels for key in TOPOLOGY_LABELS):
            # A cluster of one zone may have no such labels at all.
            return None
        for key, values in state:
            value = labels.get(key, labels.get(CURRENT.get(key, key)))
            if value is None or value not in values:
                return Rejection("UnschedulableAndUnresolvable", [REASON])
        return None

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case NodeAdded():
                return True
            case NodeUpdated(old, node):
                return old.labels != node.labels
            case ObjectChanged("StorageClass", None, new) if new is not None:
                return new.get("volumeBindingMode") == WAIT_FOR_FIRST_CONSUMER
            case ObjectChanged("PersistentVolume", old, new) if new is not None:
                return old is None or topologies(old) != topologies(new)
        return is_own_claim(pod, event, with_ephemeral=False)
