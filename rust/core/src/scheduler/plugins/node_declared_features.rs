//! NodeDeclaredFeatures: a pod whose spec needs a feature fits only nodes that declare it.

use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, PreFilter, Reach, Rejection, World};
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::pod::PodInfo;

const REASON: &str = "node(s) didn't match Pod's required features";

pub struct NodeDeclaredFeatures;

fn admits(pod: &PodInfo, node: &NodeFacts) -> bool {
    pod.shape.features.iter().all(|feature| node.declared_features.contains(feature))
}

impl Plugin for NodeDeclaredFeatures {
    fn name(&self) -> &str {
        "NodeDeclaredFeatures"
    }

    fn pre_filter(&self, pod: &PodInfo, _world: &World) -> PreFilter {
        if pod.shape.features.is_empty() {
            PreFilter::Skip
        } else {
            PreFilter::Run(None)
        }
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        admits(pod, &node.facts) || rejection.refuse(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        if pod.shape.features.is_empty() {
            Reach::Nothing
        } else {
            Reach::Facts
        }
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODES
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::PodUpdated { old, pod } => old.shape.features != pod.shape.features,
            _ => event.makes_true(|node| admits(pod, node)),
        }
    }
}
