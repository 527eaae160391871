//! What scores of resources look at: how much of each configured resource a node has, and how much would be in use.
//!
//! Invariant: a resource that the node does not have is left out, weight and all; so is one beyond cpu, memory and
//! ephemeral storage that the pod does not ask for.
//! Not here: what the amounts are worth (see `scoring_strategy`, `node_resources_balanced_allocation`).

use crate::scheduler::interner::Interner;
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;
use crate::scheduler::resources::ResourceKey;
use crate::scheduler::SchedulerError;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoredResource {
    pub key: ResourceKey,
    pub weight: i64,
}

pub const DEFAULT_RESOURCES: [ScoredResource; 2] = [
    ScoredResource { key: ResourceKey::Cpu, weight: 1 },
    ScoredResource { key: ResourceKey::Memory, weight: 1 },
];

#[derive(Debug, Default, Deserialize)]
pub struct ResourceArgs {
    name: Option<String>,
    weight: Option<i64>,
}

/// A plugin's section of pluginConfig.
pub fn parse_args<T: DeserializeOwned + Default>(plugin: &str, args: &Value) -> Result<T, SchedulerError> {
    if args.is_null() {
        return Ok(T::default());
    }
    T::deserialize(args)
        .map_err(|_| SchedulerError::Decode(format!("pluginConfig.{plugin}: has the wrong shape")))
}

/// The `resources` of a plugin's arguments: none means cpu and memory alike; a weight of 0 means 1.
pub fn parse_resources(
    listed: &[ResourceArgs],
    path: &str,
    symbols: &mut Interner,
) -> Result<Vec<ScoredResource>, SchedulerError> {
    let mut resources = Vec::new();
    for (i, entry) in listed.iter().enumerate() {
        let name = entry.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(SchedulerError::Decode(format!("{path}[{i}].name: a resource is needed")));
        }
        let weight = entry.weight.filter(|w| *w != 0).unwrap_or(1);
        if !(1..=100).contains(&weight) {
            return Err(SchedulerError::Decode(format!("{path}[{i}].weight: must be 1 to 100")));
        }
        resources.push(ScoredResource { key: ResourceKey::of(name, symbols), weight });
    }
    if resources.is_empty() {
        resources.extend(DEFAULT_RESOURCES);
    }
    Ok(resources)
}

/// In use on the node, and asked by the pod; with fallbacks for containers that do not name cpu or memory.
#[inline]
pub fn counted(resource: ResourceKey, pod: &PodInfo, node: &NodeInfo) -> (i64, i64) {
    let requests = &pod.shape.requests;
    match resource {
        ResourceKey::Cpu => (node.non_zero_milli_cpu, requests.scored_milli_cpu),
        ResourceKey::Memory => (node.non_zero_memory_bytes, requests.scored_memory_bytes),
        _ => as_requested(resource, pod, node),
    }
}

/// The same without fallbacks.
#[inline]
pub fn as_requested(resource: ResourceKey, pod: &PodInfo, node: &NodeInfo) -> (i64, i64) {
    (node.requested.get(resource), pod.shape.requests.requested.get(resource))
}

/// One resource on one node.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub weight: i64,
    pub capacity: i64,
    /// In use without the pod.
    pub before: i64,
    /// In use with it.
    pub after: i64,
}

#[inline]
pub fn shares<'a>(
    resources: &'a [ScoredResource],
    amount: impl Fn(ResourceKey, &PodInfo, &NodeInfo) -> (i64, i64) + Copy + 'a,
    pod: &'a PodInfo,
    node: &'a NodeInfo,
) -> impl Iterator<Item = Share> + Clone + 'a {
    resources.iter().filter_map(move |resource| {
        let capacity = node.facts.allocatable.get(resource.key);
        let (before, asked) = amount(resource.key, pod, node);
        let is_counted = capacity > 0 && (asked != 0 || resource.key.is_native());
        is_counted.then(|| Share {
            weight: resource.weight,
            capacity,
            before,
            after: before.saturating_add(asked),
        })
    })
}
