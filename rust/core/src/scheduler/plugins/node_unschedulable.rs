//! NodeUnschedulable: cordoned nodes take only pods that tolerate it.

use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, Reach, Rejection, World};
use crate::scheduler::interner::{Interner, EMPTY};
use crate::scheduler::node::{Effect, NodeFacts, NodeInfo, Taint};
use crate::scheduler::pod::PodInfo;

const REASON: &str = "node(s) were unschedulable";

pub struct NodeUnschedulable {
    taint: Taint,
}

impl NodeUnschedulable {
    pub fn new(symbols: &mut Interner) -> Self {
        let key = symbols.intern("node.kubernetes.io/unschedulable");
        NodeUnschedulable { taint: Taint { key, value: EMPTY, number: None, effect: Effect::NoSchedule } }
    }

    fn admits(&self, pod: &PodInfo, node: &NodeFacts) -> bool {
        !node.is_unschedulable || pod.shape.tolerates(&self.taint)
    }
}

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &str {
        "NodeUnschedulable"
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        self.admits(pod, &node.facts) || rejection.refuse(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Facts
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODES
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::PodUpdated { old, pod } => {
                pod.shape.tolerates(&self.taint) && !old.shape.tolerates(&self.taint)
            }
            _ => event.makes_true(|node| self.admits(pod, node)),
        }
    }
}
