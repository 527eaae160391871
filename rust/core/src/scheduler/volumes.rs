//! What a pod's volumes ask of scheduling: claims, disks that exclude each other, in-tree volumes that drivers attach.
//!
//! Invariant: a claim's name is told here even for ephemeral volumes, whose claims are named after pod and volume.
//! Not here: the claims and volumes themselves (see `claims`, `volume_matching`).

use super::manifest::{DiskSource, Pod, Volume};

/// An in-tree source that a CSI driver has taken over: the plugin, the driver, the field that tells volumes apart.
struct Migrated {
    source: fn(&Volume) -> Option<&DiskSource>,
    plugin: &'static str,
    driver: &'static str,
    handle: fn(&DiskSource) -> Option<&String>,
}

const MIGRATED: [Migrated; 7] = [
    Migrated {
        source: |v| v.aws_elastic_block_store.as_ref(),
        plugin: "kubernetes.io/aws-ebs",
        driver: "ebs.csi.aws.com",
        handle: |d| d.volume_id.as_ref(),
    },
    Migrated {
        source: |v| v.gce_persistent_disk.as_ref(),
        plugin: "kubernetes.io/gce-pd",
        driver: "pd.csi.storage.gke.io",
        handle: |d| d.pd_name.as_ref(),
    },
    Migrated {
        source: |v| v.azure_disk.as_ref(),
        plugin: "kubernetes.io/azure-disk",
        driver: "disk.csi.azure.com",
        handle: |d| d.disk_uri.as_ref(),
    },
    Migrated {
        source: |v| v.azure_file.as_ref(),
        plugin: "kubernetes.io/azure-file",
        driver: "file.csi.azure.com",
        handle: |d| d.share_name.as_ref(),
    },
    Migrated {
        source: |v| v.cinder.as_ref(),
        plugin: "kubernetes.io/cinder",
        driver: "cinder.csi.openstack.org",
        handle: |d| d.volume_id.as_ref(),
    },
    Migrated {
        source: |v| v.vsphere_volume.as_ref(),
        plugin: "kubernetes.io/vsphere-volume",
        driver: "csi.vsphere.vmware.com",
        handle: |d| d.volume_path.as_ref(),
    },
    Migrated {
        source: |v| v.portworx_volume.as_ref(),
        plugin: "kubernetes.io/portworx-volume",
        driver: "pxd.portworx.com",
        handle: |d| d.volume_id.as_ref(),
    },
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimReference {
    pub name: Box<str>,
    /// True when the claim is made for this pod's volume, and must belong to the pod.
    pub is_ephemeral: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskKind {
    GcePersistentDisk,
    AwsElasticBlockStore,
    Iscsi,
    Rbd,
}

/// A volume source that two pods of a node cannot both use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    pub source: DiskKind,
    /// What makes two of them the same disk: a name, or pool and image.
    pub identity: [Box<str>; 2],
    /// Of an rbd image; two images are the same only where their clusters share a monitor.
    pub monitors: Box<[Box<str>]>,
    pub is_read_only: bool,
}

impl Disk {
    fn new(source: DiskKind, disk: &DiskSource, identity: [&Option<String>; 2]) -> Disk {
        Disk {
            source,
            identity: identity.map(|text| text.as_deref().unwrap_or_default().into()),
            monitors: disk.monitors.iter().flatten().map(|m| m.as_str().into()).collect(),
            is_read_only: disk.read_only.unwrap_or(false),
        }
    }

    pub fn conflicts_with(&self, other: &Disk) -> bool {
        if self.source != other.source || self.identity != other.identity {
            return false;
        }
        if self.source == DiskKind::Rbd && !self.monitors.iter().any(|m| other.monitors.contains(m)) {
            return false;
        }
        self.source == DiskKind::AwsElasticBlockStore || !(self.is_read_only && other.is_read_only)
    }
}

/// A volume that counts against a driver's limit on a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attachable {
    pub driver: Box<str>,
    pub handle: Box<str>,
    /// The in-tree plugin: it counts only on nodes where the driver has taken over from it. "" for true CSI volumes.
    pub plugin: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodVolumes {
    /// In the pod's order, each once.
    pub claims: Box<[ClaimReference]>,
    pub disks: Box<[Disk]>,
    /// In-tree volumes written into the pod, of the kinds that drivers have taken over.
    pub inline: Box<[Attachable]>,
}

impl PodVolumes {
    pub fn parse(pod: &Pod) -> PodVolumes {
        let volumes = pod.spec.as_ref().and_then(|s| s.volumes.as_deref()).unwrap_or_default();
        if volumes.is_empty() {
            return PodVolumes::default();
        }
        let pod_name = pod.metadata.as_ref().and_then(|m| m.name.as_deref()).unwrap_or_default();
        let mut claims: Vec<ClaimReference> = Vec::new();
        for claim in volumes.iter().filter_map(|volume| claim(pod_name, volume)) {
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
        PodVolumes {
            claims: claims.into(),
            disks: volumes.iter().flat_map(disks).collect(),
            inline: volumes.iter().filter_map(migrated).collect(),
        }
    }

    /// The claims that are not made for the pod.
    pub fn named_claims(&self) -> impl Iterator<Item = &ClaimReference> {
        self.claims.iter().filter(|claim| !claim.is_ephemeral)
    }
}

/// The volume as its driver sees it, when the pod's volume or the PersistentVolume's spec is of a migrated kind.
pub fn migrated(volume: &Volume) -> Option<Attachable> {
    MIGRATED.iter().find_map(|kind| {
        (kind.source)(volume).map(|disk| Attachable {
            driver: kind.driver.into(),
            handle: (kind.handle)(disk).map(String::as_str).unwrap_or_default().into(),
            plugin: kind.plugin,
        })
    })
}

/// The in-tree plugin of that name and the driver that has taken over from it.
pub fn migrated_plugin(name: &str) -> Option<(&'static str, &'static str)> {
    MIGRATED.iter().find(|kind| kind.plugin == name).map(|kind| (kind.plugin, kind.driver))
}

fn claim(pod_name: &str, volume: &Volume) -> Option<ClaimReference> {
    if let Some(source) = &volume.persistent_volume_claim {
        let name = source.claim_name.as_deref().unwrap_or_default();
        return Some(ClaimReference { name: name.into(), is_ephemeral: false });
    }
    volume.ephemeral.as_ref()?;
    let name = format!("{pod_name}-{}", volume.name.as_deref().unwrap_or_default());
    Some(ClaimReference { name: name.into(), is_ephemeral: true })
}

fn disks(volume: &Volume) -> Vec<Disk> {
    let gce = volume.gce_persistent_disk.as_ref();
    let aws = volume.aws_elastic_block_store.as_ref();
    let (iscsi, rbd) = (volume.iscsi.as_ref(), volume.rbd.as_ref());
    let found = [
        gce.map(|d| Disk::new(DiskKind::GcePersistentDisk, d, [&d.pd_name, &None])),
        aws.map(|d| Disk::new(DiskKind::AwsElasticBlockStore, d, [&d.volume_id, &None])),
        iscsi.map(|d| Disk::new(DiskKind::Iscsi, d, [&d.iqn, &None])),
        rbd.map(|d| Disk::new(DiskKind::Rbd, d, [&d.pool, &d.image])),
    ];
    found.into_iter().flatten().collect()
}
