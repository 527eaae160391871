//! NodePorts: two pods of one node never share a host port.

use crate::scheduler::cache::Cache;
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{Code, Plugin, Point, PreFilter, Rejection};
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter]
    }

    fn pre_filter(&self, pod: &PodInfo, _cache: &Cache) -> PreFilter {
        if pod.shape.ports.is_empty() {
            PreFilter::Skip
        } else {
            PreFilter::Run
        }
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, rejection: &mut Rejection) -> bool {
        let is_free = !pod.shape.ports.iter().any(|port| node.has_conflict(port));
        is_free || rejection.refuse(Code::Unschedulable, REASON)
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::AssignedPodDeleted { pod: gone } => {
                gone.shape.ports.iter().any(|used| pod.shape.ports.iter().any(|p| p.conflicts_with(used)))
            }
            _ => false,
        }
    }
}
