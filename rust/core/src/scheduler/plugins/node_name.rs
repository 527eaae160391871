//! NodeName: a pod that names its node fits no other.

use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, Reach, Rejection, World};
use crate::scheduler::interner::{Symbol, EMPTY};
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;

const REASON: &str = "node(s) didn't match the requested node name";

pub struct NodeName;

fn admits(pod: &PodInfo, node: Symbol) -> bool {
    pod.node_name == EMPTY || pod.node_name == node
}

impl Plugin for NodeName {
    fn name(&self) -> &str {
        "NodeName"
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        admits(pod, node.facts.name) || rejection.refuse(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        if pod.node_name == EMPTY {
            Reach::Nothing
        } else {
            Reach::World
        }
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODE_ADDED
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        matches!(event, ClusterEvent::NodeAdded { node } if admits(pod, node.name))
    }
}
