//! NodePorts: two pods of one node never share a host port.

use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, PreFilter, Reach, Rejection, World};
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &str {
        "NodePorts"
    }

    fn pre_filter(&self, pod: &PodInfo, _world: &World) -> PreFilter {
        if pod.shape.ports.is_empty() {
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
        let is_free = !pod.shape.ports.iter().any(|port| node.has_conflict(port));
        is_free || rejection.refuse(Code::Unschedulable, REASON)
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        if pod.shape.ports.is_empty() {
            Reach::Nothing
        } else {
            Reach::Node
        }
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODE_ADDED | kinds::ASSIGNED_POD_DELETED
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::AssignedPodDeleted { pod: gone } => {
                gone.shape.ports.iter().any(|used| pod.shape.ports.iter().any(|p| p.conflicts_with(used)))
            }
            _ => false,
        }
    }
}
