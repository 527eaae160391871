"""NodeVolumeLimits: no node gets more volumes of a CSI driver than the driver can attach there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pyk8s.reference.scheduler.claims import (
    claim_of,
    class_name,
    foreign_message,
    is_made_for,
    is_own_claim,
    not_found,
    volume_name,
)
from pyk8s.reference.scheduler.event import AssignedPodDeleted, ClusterEvent, ObjectChanged
from pyk8s.reference.scheduler.framework import Plugin, PreFilter, Rejection, Run, Skip, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.objects import Objects, key_of
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.volumes import MIGRATED, Attachable, PodVolumes, migrated

Json = Mapping[str, Any]

REASON = "node(s) exceed max volume count"
FILTER_FAILED = 'running "NodeVolumeLimits" filter plugin: '
MIGRATED_PLUGINS = "storage.alpha.kubernetes.io/migrated-plugins"


def limits(csi_node: Json | None) -> dict[str, int]:
    """How many volumes each driver can attach to the node, where it says so."""
    drivers = ((csi_node or {}).get("spec") or {}).get("drivers") or ()
    counts = {driver.get("name") or "": (driver.get("allocatable") or {}).get("count") for driver in drivers}
    return {name: count for name, count in counts.items() if count is not None}


def attachable(claim: dict[str, Any], objects: Objects) -> Attachable | None:
    """The claim's volume as its driver knows it; one that does not exist yet goes by the claim's name."""
    volume = objects.get("PersistentVolume", volume_name(claim)) if volume_name(claim) else None
    if volume is not None:
        spec = volume.get("spec") or {}
        csi = spec.get("csi")
        return migrated(spec) if csi is None else Attachable(csi.get("driver") or "", csi.get("volumeHandle") or "")
    storage_class = objects.get("StorageClass", class_name(claim)) if class_name(claim) else None
    if storage_class is None:
        return None
    provisioner = storage_class.get("provisioner") or ""
    # No volume's handle has a space in it, so none can be taken for a volume that is yet to be made.
    handle = f"to be made for {key_of(claim)}"
    for plugin, driver, _ in MIGRATED.values():
        if provisioner == plugin:
            return Attachable(driver, handle, plugin)
    return Attachable(provisioner, handle)


def wanted(pod: PodInfo, objects: Objects) -> list[Attachable] | Rejection:
    """What the pod would have attached; a rejection when it cannot be told."""
    for reference in pod.shape.volumes.claims:
        if not reference.name:
            return Rejection("Error", [FILTER_FAILED + "PersistentVolumeClaim had no name"])
        claim = claim_of(pod, reference, objects)
        if claim is None:
            text = f"looking up PVC {pod.namespace}/{reference.name}: "
            text += not_found("persistentvolumeclaim", reference.name)
            return Rejection("UnschedulableAndUnresolvable", [text])
        if reference.is_ephemeral and not is_made_for(claim, pod):
            return Rejection("Error", [FILTER_FAILED + foreign_message(reference, pod)])
    return held(pod, objects)


def held(pod: PodInfo, objects: Objects) -> list[Attachable]:
    """What the pod has attached on its node; claims that are not there any more do not count."""
    claims = [claim_of(pod, reference, objects) for reference in pod.shape.volumes.claims]
    volumes = [attachable(claim, objects) for claim in claims if claim is not None]
    return [*pod.shape.volumes.inline, *(volume for volume in volumes if volume is not None)]


def attached(node_name: str, objects: Objects) -> list[Attachable]:
    """What VolumeAttachments say is attached to the node."""
    found = []
    for _, obj in objects.all("VolumeAttachment"):
        spec = obj.get("spec") or {}
        if spec.get("nodeName") == node_name and spec.get("attacher"):
            volume = objects.get("PersistentVolume", (spec.get("source") or {}).get("persistentVolumeName") or "")
            handle = (((volume or {}).get("spec") or {}).get("csi") or {}).get("volumeHandle")
            if handle:
                found.append(Attachable(spec["attacher"], handle))
    return found


class NodeVolumeLimits(Plugin):
    name = "NodeVolumeLimits"

    def pre_filter(self, pod: PodInfo, world: World) -> PreFilter:
        if not pod.shape.volumes.claims and not pod.shape.volumes.inline:
            return Skip()
        return Run(wanted(pod, world.objects))

    def filter(self, pod: PodInfo, node: NodeInfo, state: State, world: World) -> Rejection | None:
        if isinstance(state, Rejection):
            return state
        csi_node = world.objects.get("CSINode", node.facts.name)
        limit = limits(csi_node)
        plugins = _migrated_plugins(csi_node)
        new = _counted(state, plugins)
        if not new or not limit:
            return None
        there = _counted([v for other in node.pods for v in held(other, world.objects)], plugins)
        there |= _counted(attached(node.facts.name, world.objects), plugins)
        used = Counter(driver for driver, _ in there)
        more = Counter(driver for driver, _ in new - there)
        if any(driver in limit and used[driver] + count > limit[driver] for driver, count in more.items()):
            return Rejection("Unschedulable", [REASON])
        return None

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        match event:
            case AssignedPodDeleted(gone):
                return bool(gone.shape.volumes.claims or gone.shape.volumes.inline)
            case ObjectChanged("CSINode", None, _):
                return True
            case ObjectChanged("CSINode", old, new) if old is not None and new is not None:
                before = limits(old)
                return any(count > before.get(driver, count) for driver, count in limits(new).items())
            case ObjectChanged("PersistentVolumeClaim", None, _):
                return is_own_claim(pod, event)
            case ObjectChanged("VolumeAttachment", old, None):
                return _may_free(old, pod.shape.volumes)
        return False


def _migrated_plugins(csi_node: Json | None) -> set[str]:
    annotations = ((csi_node or {}).get("metadata") or {}).get("annotations") or {}
    return set((annotations.get(MIGRATED_PLUGINS) or "").split(","))


def _counted(volumes: list[Attachable], plugins: set[str]) -> set[tuple[str, str]]:
    """(driver, handle) of each volume that counts on a node with these plugins migrated."""
    return {
        (volume.driver, volume.handle)
        for volume in volumes
        if volume.driver and volume.handle and (not volume.plugin or volume.plugin in plugins)
    }


def _may_free(attachment: Json | None, volumes: PodVolumes) -> bool:
    attacher = ((attachment or {}).get("spec") or {}).get("attacher")
    return bool(volumes.claims) or any(volume.driver == attacher for volume in volumes.inline)
