//! NodeResourcesFit: what a pod asks for must be free; a strategy says which use of nodes scores higher.
//!
//! Not here: the strategies (see `scoring_strategy`).

use super::resource_allocation::parse_args;
use super::scoring_strategy::{Strategy, StrategyArgs};
use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, Reach, Reason, Rejection, World};
use crate::scheduler::interner::{Interner, Symbol};
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::resources::Resources;
use crate::scheduler::SchedulerError;
use serde::Deserialize;
use serde_json::Value;

const TOO_MANY_PODS: Reason = Reason::Text("Too many pods");

pub struct NodeResourcesFit {
    cpu: Symbol,
    memory: Symbol,
    ephemeral_storage: Symbol,
    strategy: Strategy,
    /// Extended resources that Filter leaves to others, and the groups of such.
    ignored: Vec<String>,
    ignored_groups: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Args {
    scoring_strategy: Option<StrategyArgs>,
    ignored_resources: Option<Vec<String>>,
    ignored_resource_groups: Option<Vec<String>>,
}

impl NodeResourcesFit {
    pub fn new(args: &Value, symbols: &mut Interner) -> Result<Self, SchedulerError> {
        let args: Args = parse_args("NodeResourcesFit", args)?;
        Ok(NodeResourcesFit {
            cpu: symbols.intern("cpu"),
            memory: symbols.intern("memory"),
            ephemeral_storage: symbols.intern("ephemeral-storage"),
            strategy: Strategy::parse(args.scoring_strategy.as_ref(), symbols)?,
            ignored: args.ignored_resources.unwrap_or_default(),
            ignored_groups: args.ignored_resource_groups.unwrap_or_default(),
        })
    }

    /// Extended resources only: kubernetes.io's own, and those without a group, always count.
    fn is_ignored(&self, resource: Symbol, symbols: &Interner) -> bool {
        if self.ignored.is_empty() && self.ignored_groups.is_empty() {
            return false;
        }
        let text = symbols.text(resource);
        let Some((group, _)) = text.split_once('/') else { return false };
        !text.contains("kubernetes.io/")
            && (self.ignored.iter().any(|r| r == text) || self.ignored_groups.iter().any(|g| g == group))
    }

    /// (resource, asked, allocatable, already requested) of all that the pod asks for, zeros left out.
    fn asked<'a>(
        &self,
        wanted: &'a Resources,
        has: &'a Resources,
        used: &'a Resources,
    ) -> impl Iterator<Item = (Symbol, i64, i64, i64)> + 'a {
        let native = [
            (self.cpu, wanted.milli_cpu, has.milli_cpu, used.milli_cpu),
            (self.memory, wanted.memory_bytes, has.memory_bytes, used.memory_bytes),
            (
                self.ephemeral_storage,
                wanted.ephemeral_storage_bytes,
                has.ephemeral_storage_bytes,
                used.ephemeral_storage_bytes,
            ),
        ];
        let scalars =
            wanted.scalars.iter().map(|(name, n)| (*name, *n, has.scalar(*name), used.scalar(*name)));
        native.into_iter().chain(scalars).filter(|(_, amount, _, _)| *amount > 0)
    }

    fn fits_empty(&self, pod: &PodInfo, node: &NodeFacts, symbols: &Interner) -> bool {
        let none = Resources::default();
        node.allocatable.pods >= 1
            && self
                .asked(&pod.shape.requests.spec, &node.allocatable, &none)
                .all(|(name, amount, has, _)| amount <= has || self.is_ignored(name, symbols))
    }

    /// True when a resource the pod asks for, or the number of pods, grew.
    fn has_grown(&self, pod: &PodInfo, old: &NodeFacts, node: &NodeFacts) -> bool {
        node.allocatable.pods > old.allocatable.pods
            || self
                .asked(&pod.shape.requests.spec, &node.allocatable, &old.allocatable)
                .any(|(_, _, has, had)| has > had)
    }
}

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &str {
        "NodeResourcesFit"
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let (wanted, has) = (&pod.shape.requests.spec, &node.facts.allocatable);
        rejection.code = Code::Unschedulable;
        if node.pod_count + 1 > has.pods {
            rejection.reasons.push(TOO_MANY_PODS);
        }
        for (resource, amount, has, used) in self.asked(wanted, has, &node.requested) {
            if amount > has.saturating_sub(used) && !self.is_ignored(resource, world.symbols) {
                rejection.reasons.push(Reason::Insufficient(resource));
                if amount > has {
                    rejection.code = Code::UnschedulableAndUnresolvable;
                }
            }
        }
        rejection.reasons.is_empty()
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, _world: &World) -> i64 {
        self.strategy.score(pod, node)
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Node
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODES | kinds::ASSIGNED_POD_DELETED | kinds::ASSIGNED_POD_UPDATED
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { node } => self.fits_empty(pod, node, world.symbols),
            ClusterEvent::NodeUpdated { old, node } => {
                self.fits_empty(pod, node, world.symbols) && self.has_grown(pod, old, node)
            }
            ClusterEvent::AssignedPodDeleted { .. } => true,
            ClusterEvent::AssignedPodUpdated { old, pod: shrunk } => {
                let (before, after) = (&old.shape.requests.requested, &shrunk.shape.requests.requested);
                self.asked(&pod.shape.requests.spec, before, after).any(|(_, _, was, is)| was > is)
            }
            ClusterEvent::PodUpdated { old, pod } => {
                let (before, after) = (&old.shape.requests.spec, &pod.shape.requests.spec);
                self.asked(before, before, after).any(|(_, _, was, is)| was > is)
            }
            _ => false,
        }
    }
}
