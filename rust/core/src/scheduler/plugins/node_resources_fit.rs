//! NodeResourcesFit: what a pod asks for must be free; emptier nodes score higher (LeastAllocated, cpu and memory
//! alike).

use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    Code, CycleState, Plugin, Reach, Reason, Rejection, World, NODE_SCORE_MAX,
};
use crate::scheduler::interner::{Interner, Symbol};
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::resources::Resources;

const TOO_MANY_PODS: Reason = Reason::Text("Too many pods");

pub struct NodeResourcesFit {
    cpu: Symbol,
    memory: Symbol,
    ephemeral_storage: Symbol,
}

impl NodeResourcesFit {
    pub fn new(symbols: &mut Interner) -> Self {
        NodeResourcesFit {
            cpu: symbols.intern("cpu"),
            memory: symbols.intern("memory"),
            ephemeral_storage: symbols.intern("ephemeral-storage"),
        }
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

    fn fits_empty(&self, pod: &PodInfo, node: &NodeFacts) -> bool {
        let none = Resources::default();
        node.allocatable.pods >= 1
            && self
                .asked(&pod.shape.requests.spec, &node.allocatable, &none)
                .all(|(_, amount, has, _)| amount <= has)
    }

    /// True when a resource the pod asks for, or the number of pods, grew.
    fn has_grown(&self, pod: &PodInfo, old: &NodeFacts, node: &NodeFacts) -> bool {
        node.allocatable.pods > old.allocatable.pods
            || self
                .asked(&pod.shape.requests.spec, &node.allocatable, &old.allocatable)
                .any(|(_, _, has, had)| has > had)
    }
}

/// 100 for an unused, 0 for a full (or overfull) resource; None when the node has none of it.
fn least_requested(capacity: i64, requested: i64) -> Option<i64> {
    if capacity <= 0 {
        return None;
    }
    if requested > capacity {
        return Some(0);
    }
    let free = i128::from(capacity) - i128::from(requested);
    Some((free * i128::from(NODE_SCORE_MAX) / i128::from(capacity)) as i64)
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
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let (wanted, has) = (&pod.shape.requests.spec, &node.facts.allocatable);
        rejection.code = Code::Unschedulable;
        if node.pod_count + 1 > has.pods {
            rejection.reasons.push(TOO_MANY_PODS);
        }
        for (resource, amount, has, used) in self.asked(wanted, has, &node.requested) {
            if amount > has.saturating_sub(used) {
                rejection.reasons.push(Reason::Insufficient(resource));
                if amount > has {
                    rejection.code = Code::UnschedulableAndUnresolvable;
                }
            }
        }
        rejection.reasons.is_empty()
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, _world: &World) -> i64 {
        let (wanted, has) = (&pod.shape.requests, &node.facts.allocatable);
        let cpu = node.non_zero_milli_cpu.saturating_add(wanted.scored_milli_cpu);
        let memory = node.non_zero_memory_bytes.saturating_add(wanted.scored_memory_bytes);
        match (least_requested(has.milli_cpu, cpu), least_requested(has.memory_bytes, memory)) {
            (Some(cpu), Some(memory)) => (cpu + memory) / 2,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 0,
        }
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Node
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { node } => self.fits_empty(pod, node),
            ClusterEvent::NodeUpdated { old, node } => {
                self.fits_empty(pod, node) && self.has_grown(pod, old, node)
            }
            ClusterEvent::AssignedPodDeleted { .. } => true,
            ClusterEvent::AssignedPodUpdated { old, pod: shrunk } => {
                let (before, after) = (&old.shape.requests.requested, &shrunk.shape.requests.requested);
                self.asked(&pod.shape.requests.spec, before, after).any(|(_, _, was, is)| was > is)
            }
            _ => false,
        }
    }
}
