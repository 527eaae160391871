//! Nodes: what each is (from its object), and what its pods use of it.
//!
//! Invariant: `NodeInfo`'s sums are those of the pods in it, no more and no less.
//! Not here: which nodes there are and in which order (see `cache`).

use super::images::{node_images, ImageState};
use super::interner::{Interner, Symbol, EMPTY};
use super::manifest;
use super::node_selector::decimal;
use super::pod::{HostPort, PodInfo};
use super::resources::Resources;
use super::SchedulerError;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub key: Symbol,
    pub value: Symbol,
    /// The value as an integer, for Gt and Lt.
    pub number: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
    Other,
}

impl Effect {
    pub fn parse(text: &str) -> Effect {
        match text {
            "NoSchedule" => Effect::NoSchedule,
            "PreferNoSchedule" => Effect::PreferNoSchedule,
            "NoExecute" => Effect::NoExecute,
            _ => Effect::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taint {
    pub key: Symbol,
    pub value: Symbol,
    /// The value as an integer, for tolerations with Gt and Lt.
    pub number: Option<i64>,
    pub effect: Effect,
}

/// What a Node object says, as far as scheduling goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    pub name: Symbol,
    pub is_unschedulable: bool,
    /// Sorted by key.
    pub labels: Vec<Label>,
    /// In the object's order: the first that is not tolerated counts.
    pub taints: Vec<Taint>,
    pub allocatable: Resources,
    /// (region, zone); both empty when the node has no such labels.
    pub zone: (Symbol, Symbol),
    /// Sizes in bytes of the images that are on the node, sorted by name.
    pub images: Vec<(Symbol, i64)>,
    pub declared_features: Vec<Symbol>,
}

pub const REGION_LABELS: [&str; 2] =
    ["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"];
pub const ZONE_LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

impl NodeFacts {
    pub fn parse(json: &[u8], symbols: &mut Interner) -> Result<NodeFacts, SchedulerError> {
        let node: manifest::Node = serde_json::from_slice(json)
            .map_err(|_| SchedulerError::Decode("node: not the JSON of a Node".into()))?;
        let meta = node.metadata.unwrap_or_default();
        let name = meta.name.filter(|n| !n.is_empty());
        let name = name.ok_or_else(|| SchedulerError::Decode("node: metadata.name is missing".into()))?;
        let spec = node.spec.unwrap_or_default();
        let status = node.status.unwrap_or_default();
        let images = node_images(&status, symbols);
        let features = status.declared_features.unwrap_or_default();
        let allocatable = status.allocatable.unwrap_or_default();
        let texts = meta.labels.unwrap_or_default();
        let first = |keys: &[&str; 2]| keys.iter().find_map(|k| texts.get(*k)).cloned().unwrap_or_default();
        let zone = (symbols.intern(&first(&REGION_LABELS)), symbols.intern(&first(&ZONE_LABELS)));
        let label = |(key, value): (&String, &String)| Label {
            key: symbols.intern(key),
            value: symbols.intern(value),
            number: value.parse().ok(),
        };
        let mut labels: Vec<Label> = texts.iter().map(label).collect();
        labels.sort_unstable_by_key(|l| l.key);
        let taints = spec.taints.iter().flatten().map(|t| Taint {
            key: symbols.intern(t.key.as_deref().unwrap_or_default()),
            value: symbols.intern(t.value.as_deref().unwrap_or_default()),
            number: decimal(t.value.as_deref().unwrap_or_default()),
            effect: Effect::parse(t.effect.as_deref().unwrap_or_default()),
        });
        Ok(NodeFacts {
            is_unschedulable: spec.unschedulable.unwrap_or(false),
            labels,
            taints: taints.collect(),
            allocatable: Resources::parse(&allocatable, symbols, &format!("node {name}"))?,
            zone,
            images,
            declared_features: features.iter().map(|feature| symbols.intern(feature)).collect(),
            name: symbols.intern(&name),
        })
    }

    /// Becomes what the other is; keeps its own allocations.
    fn copy_from(&mut self, other: &NodeFacts) {
        (self.name, self.is_unschedulable, self.zone) = (other.name, other.is_unschedulable, other.zone);
        self.labels.clone_from(&other.labels);
        self.taints.clone_from(&other.taints);
        self.allocatable.copy_from(&other.allocatable);
        self.images.clone_from(&other.images);
        self.declared_features.clone_from(&other.declared_features);
    }

    pub fn label(&self, key: Symbol) -> Option<&Label> {
        self.labels.binary_search_by_key(&key, |l| l.key).ok().map(|at| &self.labels[at])
    }
}

/// A node and the sums over its pods.
#[derive(Clone, Debug, Default)]
pub struct NodeInfo {
    pub facts: NodeFacts,
    /// False for a node that pods are bound to but whose object is not there (not yet, or not any more).
    pub is_present: bool,
    pub requested: Resources,
    pub non_zero_milli_cpu: i64,
    pub non_zero_memory_bytes: i64,
    pub pod_count: i64,
    pub ports: Vec<HostPort>,
    /// In the order in which they came.
    pub pods: Vec<Arc<PodInfo>>,
    /// Those of the pods that have affinity terms of any kind.
    pub pods_with_affinity: Vec<Arc<PodInfo>>,
    pub pods_with_required_anti_affinity: Vec<Arc<PodInfo>>,
    /// The node's images as they stood when an attempt last looked at the changed node, sorted by name.
    pub images: Vec<(Symbol, ImageState)>,
}

impl NodeInfo {
    /// Becomes what the other is; keeps its own allocations.
    pub fn copy_from(&mut self, other: &NodeInfo) {
        self.facts.copy_from(&other.facts);
        self.is_present = other.is_present;
        self.requested.copy_from(&other.requested);
        self.non_zero_milli_cpu = other.non_zero_milli_cpu;
        self.non_zero_memory_bytes = other.non_zero_memory_bytes;
        self.pod_count = other.pod_count;
        self.ports.clone_from(&other.ports);
        self.pods.clone_from(&other.pods);
        self.pods_with_affinity.clone_from(&other.pods_with_affinity);
        self.pods_with_required_anti_affinity.clone_from(&other.pods_with_required_anti_affinity);
        self.images.clone_from(&other.images);
    }

    /// Has the room that the other has, and nothing else of it.
    pub fn copy_room(&mut self, other: &NodeInfo) {
        self.facts.allocatable.copy_from(&other.facts.allocatable);
        self.requested.copy_from(&other.requested);
        (self.pod_count, self.facts.name) = (other.pod_count, other.facts.name);
    }

    pub fn take_room(&mut self, pod: &PodInfo) {
        self.requested.add(&pod.shape.requests.requested);
        self.pod_count += 1;
    }

    pub fn leave_room(&mut self, pod: &PodInfo) {
        self.requested.subtract(&pod.shape.requests.requested);
        self.pod_count -= 1;
    }

    pub fn add_pod(&mut self, pod: &Arc<PodInfo>) {
        let requests = &pod.shape.requests;
        self.requested.add(&requests.requested);
        self.non_zero_milli_cpu = self.non_zero_milli_cpu.saturating_add(requests.non_zero_milli_cpu);
        self.non_zero_memory_bytes =
            self.non_zero_memory_bytes.saturating_add(requests.non_zero_memory_bytes);
        self.pod_count += 1;
        self.ports.extend_from_slice(&pod.shape.ports);
        self.pods.push(pod.clone());
        if pod.shape.affinity.has_terms() {
            self.pods_with_affinity.push(pod.clone());
        }
        if !pod.shape.affinity.required_anti.is_empty() {
            self.pods_with_required_anti_affinity.push(pod.clone());
        }
    }

    pub fn remove_pod(&mut self, pod: &PodInfo) {
        let requests = &pod.shape.requests;
        self.requested.subtract(&requests.requested);
        self.non_zero_milli_cpu = self.non_zero_milli_cpu.saturating_sub(requests.non_zero_milli_cpu);
        self.non_zero_memory_bytes =
            self.non_zero_memory_bytes.saturating_sub(requests.non_zero_memory_bytes);
        self.pod_count -= 1;
        assert!(self.pod_count >= 0, "a pod leaves only the node that it was added to");
        take_out(&mut self.pods, pod);
        if pod.shape.affinity.has_terms() {
            take_out(&mut self.pods_with_affinity, pod);
            take_out(&mut self.pods_with_required_anti_affinity, pod);
        }
        for port in &pod.shape.ports {
            if let Some(at) = self.ports.iter().position(|p| p == port) {
                self.ports.swap_remove(at);
            }
        }
    }

    pub fn image(&self, name: Symbol) -> Option<&ImageState> {
        self.images.binary_search_by_key(&name, |image| image.0).ok().map(|at| &self.images[at].1)
    }

    /// True when a wanted host port is taken; the wildcard address conflicts with every other.
    pub fn has_conflict(&self, wanted: &HostPort) -> bool {
        self.ports.iter().any(|used| used.conflicts_with(wanted))
    }
}

fn take_out(pods: &mut Vec<Arc<PodInfo>>, pod: &PodInfo) {
    if let Some(at) = pods.iter().rposition(|other| other.uid == pod.uid) {
        pods.remove(at);
    }
}

impl HostPort {
    pub fn conflicts_with(&self, other: &HostPort) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || self.ip == EMPTY || other.ip == EMPTY)
    }
}
