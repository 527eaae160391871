//! NodeVolumeLimits: no node gets more volumes of a CSI driver than the driver can attach there.

use crate::scheduler::claims::{
    claim_of, class_name, foreign_message, is_made_for, is_own_claim, not_found, text, volume_name,
};
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    state_of, Code, CycleState, Plugin, PreFilter, Reach, Reason, Rejection, World,
};
use crate::scheduler::manifest;
use crate::scheduler::node::NodeInfo;
use crate::scheduler::objects::{key_of, Objects};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::volumes::{migrated, migrated_plugin, Attachable};
use rustc_hash::FxHashSet;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

const REASON: &str = "node(s) exceed max volume count";
const FILTER_FAILED: &str = "running \"NodeVolumeLimits\" filter plugin: ";
pub const MIGRATED_PLUGINS: &str = "storage.alpha.kubernetes.io/migrated-plugins";

pub struct NodeVolumeLimits;

/// What the pod would have attached, or why that cannot be told.
#[derive(Clone)]
enum Wanted {
    Volumes(Vec<Attachable>),
    Refused(Code, Arc<str>),
}

/// How many volumes each driver can attach to the node, where it says so.
fn limits(csi_node: &Value) -> Vec<(&str, i64)> {
    let drivers = csi_node["spec"]["drivers"].as_array().into_iter().flatten();
    drivers.filter_map(|d| Some((text(&d["name"]), d["allocatable"]["count"].as_i64()?))).collect()
}

fn limit_of(limits: &[(&str, i64)], driver: &str) -> Option<i64> {
    limits.iter().rev().find(|(name, _)| *name == driver).map(|(_, count)| *count)
}

/// The claim's volume as its driver knows it; one that does not exist yet goes by the claim's name.
fn attachable(claim: &Value, objects: &Objects) -> Option<Attachable> {
    let volume =
        objects.get("PersistentVolume", volume_name(claim)).filter(|_| !volume_name(claim).is_empty());
    if let Some(volume) = volume {
        let csi = &volume["spec"]["csi"];
        if csi.is_null() {
            return migrated(&manifest::Volume::deserialize(&volume["spec"]).unwrap_or_default());
        }
        let (driver, handle) = (text(&csi["driver"]).into(), text(&csi["volumeHandle"]).into());
        return Some(Attachable { driver, handle, plugin: "" });
    }
    let class_name = Some(class_name(claim)).filter(|name| !name.is_empty())?;
    let provisioner = text(&objects.get("StorageClass", class_name)?["provisioner"]);
    // No volume's handle has a space in it, so none can be taken for a volume that is yet to be made.
    let handle = format!("to be made for {}", key_of(claim)).into();
    let (plugin, driver) = migrated_plugin(provisioner).unwrap_or(("", provisioner));
    Some(Attachable { driver: driver.into(), handle, plugin })
}

fn wanted(pod: &PodInfo, objects: &Objects) -> Wanted {
    for reference in &pod.shape.volumes.claims {
        if reference.name.is_empty() {
            let text = format!("{FILTER_FAILED}PersistentVolumeClaim had no name");
            return Wanted::Refused(Code::Error, text.into());
        }
        let Some(claim) = claim_of(pod, reference, objects) else {
            let missing = not_found("persistentvolumeclaim", &reference.name);
            let text = format!("looking up PVC {}/{}: {missing}", pod.namespace, reference.name);
            return Wanted::Refused(Code::UnschedulableAndUnresolvable, text.into());
        };
        if reference.is_ephemeral && !is_made_for(claim, pod) {
            let text = format!("{FILTER_FAILED}{}", foreign_message(reference, pod));
            return Wanted::Refused(Code::Error, text.into());
        }
    }
    Wanted::Volumes(held(pod, objects))
}

/// What the pod has attached on its node; claims that are not there any more do not count.
fn held(pod: &PodInfo, objects: &Objects) -> Vec<Attachable> {
    let claims = pod.shape.volumes.claims.iter().filter_map(|reference| claim_of(pod, reference, objects));
    let volumes = claims.filter_map(|claim| attachable(claim, objects));
    pod.shape.volumes.inline.iter().cloned().chain(volumes).collect()
}

/// What VolumeAttachments say is attached to the node.
fn attached(node_name: &str, objects: &Objects) -> Vec<Attachable> {
    let mut found = Vec::new();
    for (_, object) in objects.all("VolumeAttachment") {
        let spec = &object["spec"];
        if text(&spec["nodeName"]) != node_name || text(&spec["attacher"]).is_empty() {
            continue;
        }
        let volume = objects.get("PersistentVolume", text(&spec["source"]["persistentVolumeName"]));
        let handle = volume.map_or("", |volume| text(&volume["spec"]["csi"]["volumeHandle"]));
        if !handle.is_empty() {
            let driver = text(&spec["attacher"]).into();
            found.push(Attachable { driver, handle: handle.into(), plugin: "" });
        }
    }
    found
}

/// The volumes that count on a node, by driver and handle.
struct Counted<'a> {
    plugins: Vec<&'a str>,
    volumes: FxHashSet<(Box<str>, Box<str>)>,
}

impl Counted<'_> {
    fn extend(&mut self, volumes: impl IntoIterator<Item = Attachable>) {
        for volume in volumes {
            let is_named = !volume.driver.is_empty() && !volume.handle.is_empty();
            if is_named && (volume.plugin.is_empty() || self.plugins.contains(&volume.plugin)) {
                self.volumes.insert((volume.driver, volume.handle));
            }
        }
    }
}

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &str {
        "NodeVolumeLimits"
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        let volumes = &pod.shape.volumes;
        if volumes.claims.is_empty() && volumes.inline.is_empty() {
            return PreFilter::Skip;
        }
        PreFilter::Run(Some(Box::new(wanted(pod, world.objects))))
    }

    fn filter(
        &self,
        _pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let wanted = match state_of::<Wanted>(state).expect("pre_filter made one") {
            Wanted::Volumes(wanted) => wanted,
            Wanted::Refused(code, text) => {
                rejection.code = *code;
                rejection.reasons.push(Reason::Told(text.clone()));
                return false;
            }
        };
        let name = world.symbols.text(node.facts.name);
        let csi_node = world.objects.get("CSINode", name).map_or(&Value::Null, |object| object);
        let limits = limits(csi_node);
        if limits.is_empty() {
            return true;
        }
        let plugins: Vec<&str> =
            text(&csi_node["metadata"]["annotations"][MIGRATED_PLUGINS]).split(',').collect();
        let mut new = Counted { plugins: plugins.clone(), volumes: FxHashSet::default() };
        new.extend(wanted.iter().cloned());
        let mut there = Counted { plugins, volumes: FxHashSet::default() };
        for other in &node.pods {
            there.extend(held(other, world.objects));
        }
        there.extend(attached(name, world.objects));
        let count = |volumes: &mut dyn Iterator<Item = &(Box<str>, Box<str>)>, driver: &str| {
            volumes.filter(|(its, _)| **its == *driver).count() as i64
        };
        let has_room = new.volumes.difference(&there.volumes).all(|(driver, _)| {
            let more = count(&mut new.volumes.difference(&there.volumes), driver);
            limit_of(&limits, driver).is_none_or(|l| count(&mut there.volumes.iter(), driver) + more <= l)
        });
        has_room || rejection.refuse(Code::Unschedulable, REASON)
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        let volumes = &pod.shape.volumes;
        if volumes.claims.is_empty() && volumes.inline.is_empty() {
            Reach::Nothing
        } else {
            Reach::World
        }
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::AssignedPodDeleted { pod: gone } => {
                !gone.shape.volumes.claims.is_empty() || !gone.shape.volumes.inline.is_empty()
            }
            ClusterEvent::ObjectChanged { kind: "CSINode", old: None, .. } => true,
            ClusterEvent::ObjectChanged { kind: "CSINode", old: Some(old), new: Some(new) } => {
                let (before, now) = (limits(old), limits(new));
                now.iter().any(|(driver, count)| limit_of(&before, driver).is_some_and(|old| *count > old))
            }
            ClusterEvent::ObjectChanged { kind: "PersistentVolumeClaim", old: None, .. } => {
                is_own_claim(pod, event, true)
            }
            ClusterEvent::ObjectChanged { kind: "VolumeAttachment", old: Some(old), new: None } => {
                let attacher = text(&old["spec"]["attacher"]);
                let volumes = &pod.shape.volumes;
                !volumes.claims.is_empty() || volumes.inline.iter().any(|v| *v.driver == *attacher)
            }
            _ => false,
        }
    }
}
