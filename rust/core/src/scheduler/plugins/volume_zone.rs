//! VolumeZone: a volume labelled with zones or regions is used only by pods in one of them.

use crate::scheduler::claims::{
    binding_mode, claim_of, class_name, is_own_claim, not_found, text, volume_name, WAIT_FOR_FIRST_CONSUMER,
};
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{state_of, Code, CycleState, Plugin, PreFilter, Reach, Rejection, World};
use crate::scheduler::interner::{Interner, Symbol};
use crate::scheduler::node::{NodeInfo, REGION_LABELS, ZONE_LABELS};
use crate::scheduler::objects::Objects;
use crate::scheduler::pod::PodInfo;
use serde_json::Value;

const REASON: &str = "node(s) had no available volume zone";
/// Each with today's label for it.
const TOPOLOGY_LABELS: [(&str, &str); 4] = [
    (ZONE_LABELS[1], ZONE_LABELS[0]),
    (REGION_LABELS[1], REGION_LABELS[0]),
    (ZONE_LABELS[0], ZONE_LABELS[0]),
    (REGION_LABELS[0], REGION_LABELS[0]),
];
const SEPARATOR: &str = "__";

pub struct VolumeZone {
    /// Of `TOPOLOGY_LABELS`.
    labels: [(Symbol, Symbol); 4],
}

/// A label (its place in `TOPOLOGY_LABELS`) and the values that will do.
#[derive(Clone, PartialEq, Eq)]
struct Topology {
    label: usize,
    values: Vec<Symbol>,
}

/// What the volume's labels demand of nodes; a label with an empty value in its list demands nothing.
fn topologies(volume: &Value) -> Vec<(usize, Vec<&str>)> {
    let mut found = Vec::new();
    for (place, (key, _)) in TOPOLOGY_LABELS.iter().enumerate() {
        let mut zones: Vec<&str> =
            text(&volume["metadata"]["labels"][*key]).split(SEPARATOR).map(str::trim).collect();
        if !zones.contains(&"") {
            zones.sort_unstable();
            zones.dedup();
            found.push((place, zones));
        }
    }
    found
}

/// Why a claim of the class without a volume cannot wait for the pod; None when it can.
fn unbound_problem(name: &str, objects: &Objects) -> Option<String> {
    if name.is_empty() {
        return Some("PersistentVolumeClaim had no pv name and storageClass name".into());
    }
    match binding_mode(objects, name) {
        None => Some(not_found("storageclass.storage.k8s.io", name)),
        Some("") => Some(format!("VolumeBindingMode not set for StorageClass \"{name}\"")),
        Some(WAIT_FOR_FIRST_CONSUMER) => None,
        Some(_) => Some("PersistentVolume had no name".into()),
    }
}

/// What the volumes of the pod's claims demand; a text when that cannot be known.
fn demands(pod: &PodInfo, objects: &Objects, symbols: &Interner) -> Result<Vec<Topology>, String> {
    let mut found = Vec::new();
    for reference in pod.shape.volumes.named_claims() {
        if reference.name.is_empty() {
            return Err("PersistentVolumeClaim had no name".into());
        }
        let claim = claim_of(pod, reference, objects)
            .ok_or_else(|| not_found("persistentvolumeclaim", &reference.name))?;
        let name = volume_name(claim);
        if name.is_empty() {
            unbound_problem(class_name(claim), objects).map_or(Ok(()), Err)?;
            continue;
        }
        let volume =
            objects.get("PersistentVolume", name).ok_or_else(|| not_found("persistentvolume", name))?;
        // A value that no text of the engine has is no node's label.
        let known = |values: Vec<&str>| values.into_iter().filter_map(|v| symbols.find(v)).collect();
        found.extend(topologies(volume).into_iter().map(|(label, v)| Topology { label, values: known(v) }));
    }
    Ok(found)
}

impl VolumeZone {
    pub fn new(symbols: &mut Interner) -> Self {
        VolumeZone {
            labels: TOPOLOGY_LABELS.map(|(key, current)| (symbols.intern(key), symbols.intern(current))),
        }
    }
}

impl Plugin for VolumeZone {
    fn name(&self) -> &str {
        "VolumeZone"
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        match demands(pod, world.objects, world.symbols) {
            Err(message) => PreFilter::Refuse(Code::UnschedulableAndUnresolvable, message),
            Ok(found) if found.is_empty() => PreFilter::Skip,
            Ok(found) => PreFilter::Run(Some(Box::new(found))),
        }
    }

    fn filter(
        &self,
        _pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let facts = &node.facts;
        if !self.labels.iter().any(|(key, _)| facts.label(*key).is_some()) {
            // A cluster of one zone may have no such labels at all.
            return true;
        }
        let demands = state_of::<Vec<Topology>>(state).expect("pre_filter made one");
        let holds = |topology: &Topology| {
            let (key, current) = self.labels[topology.label];
            let label = facts.label(key).or_else(|| facts.label(current));
            label.is_some_and(|label| topology.values.contains(&label.value))
        };
        demands.iter().all(holds) || rejection.refuse(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        pod.shape.volumes.named_claims().next().map_or(Reach::Nothing, |_| Reach::World)
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::NodeUpdated { old, node } => old.labels != node.labels,
            ClusterEvent::ObjectChanged { kind: "StorageClass", old: None, new: Some(new) } => {
                text(&new["volumeBindingMode"]) == WAIT_FOR_FIRST_CONSUMER
            }
            ClusterEvent::ObjectChanged { kind: "PersistentVolume", old, new: Some(new) } => {
                old.is_none_or(|old| topologies(old) != topologies(new))
            }
            _ => is_own_claim(pod, event, false),
        }
    }
}
