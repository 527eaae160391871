"""What a pod's volumes ask of scheduling: claims, disks that exclude each other, in-tree volumes that drivers attach.

Always true: a claim's name is told here even for ephemeral volumes, whose claims are named after pod and volume.
Not here: the claims and volumes themselves (see `claims`, `volume_matching`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

MIGRATED = {
    "awsElasticBlockStore": ("kubernetes.io/aws-ebs", "ebs.csi.aws.com", "volumeID"),
    "gcePersistentDisk": ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io", "pdName"),
    "azureDisk": ("kubernetes.io/azure-disk", "disk.csi.azure.com", "diskURI"),
    "azureFile": ("kubernetes.io/azure-file", "file.csi.azure.com", "shareName"),
    "cinder": ("kubernetes.io/cinder", "cinder.csi.openstack.org", "volumeID"),
    "vsphereVolume": ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com", "volumePath"),
    "portworxVolume": ("kubernetes.io/portworx-volume", "pxd.portworx.com", "volumeID"),
}
"""In-tree sources that CSI drivers have taken over: the plugin, the driver, the field that tells volumes apart."""

EXCLUSIVE = {
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "iscsi": ("iqn",),
    "rbd": ("pool", "image"),
}
"""Sources that two pods of a node cannot both use, with the fields that make two of them the same disk."""


@dataclass(frozen=True, slots=True)
class ClaimReference:
    name: str
    is_ephemeral: bool
    """True when the claim is made for this pod's volume, and must belong to the pod."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume source of `EXCLUSIVE`."""

    source: str
    identity: tuple[str, ...]
    monitors: frozenset[str]
    """Of an rbd image; two images are the same only where their clusters share a monitor."""
    is_read_only: bool

    def conflicts_with(self, other: Disk) -> bool:
        if self.source != other.source or self.identity != other.identity:
            return False
        if self.source == "rbd" and self.monitors.isdisjoint(other.monitors):
            return False
        return self.source == "awsElasticBlockStore" or not (self.is_read_only and other.is_read_only)


@dataclass(frozen=True, slots=True)
class Attachable:
    """A volume that counts against a driver's limit on a node."""

    driver: str
    handle: str
    plugin: str = ""
    """The in-tree plugin: it counts only on nodes where the driver has taken over from it. "" for true CSI volumes."""


@dataclass(frozen=True, slots=True)
class PodVolumes:
    claims: tuple[ClaimReference, ...] = ()
    """In the pod's order, each once."""
    disks: tuple[Disk, ...] = ()
    inline: tuple[Attachable, ...] = ()
    """In-tree volumes written into the pod, of the kinds that drivers have taken over."""

    @classmethod
    def parse(cls, pod: Json) -> PodVolumes:
        volumes = (pod.get("spec") or {}).get("volumes") or ()
        name = (pod.get("metadata") or {}).get("name") or ""
        claims = [reference for volume in volumes if (reference := _claim(name, volume)) is not None]
        disks = [disk for volume in volumes for disk in _disks(volume)]
        inline = [each for volume in volumes if (each := migrated(volume)) is not None]
        return cls(tuple(dict.fromkeys(claims)), tuple(disks), tuple(inline))


def migrated(source: Json) -> Attachable | None:
    """The volume as its driver sees it, when the pod's volume or the PersistentVolume's spec is of a migrated kind."""
    for kind, (plugin, driver, key) in MIGRATED.items():
        if source.get(kind) is not None:
            return Attachable(driver, source[kind].get(key) or "", plugin)
    return None


def _claim(pod_name: str, volume: Json) -> ClaimReference | None:
    if volume.get("persistentVolumeClaim") is not None:
        return ClaimReference(volume["persistentVolumeClaim"].get("claimName") or "", is_ephemeral=False)
    if volume.get("ephemeral") is not None:
        return ClaimReference(f"{pod_name}-{volume.get('name') or ''}", is_ephemeral=True)
    return None


def _disks(volume: Json) -> list[Disk]:
    found = []
    for source, keys in EXCLUSIVE.items():
        disk = volume.get(source)
        if disk is not None:
            identity = tuple(disk.get(key) or "" for key in keys)
            found.append(Disk(source, identity, frozenset(disk.get("monitors") or ()), bool(disk.get("readOnly"))))
    return found
