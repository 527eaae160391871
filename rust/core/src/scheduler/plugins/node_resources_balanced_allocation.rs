//! NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory use the pod brings closer together.
//!
//! 75 means "changes nothing". Uses true requests, without fallbacks. The only plugin that works in floating point.

use crate::scheduler::cache::Slot;
use crate::scheduler::framework::{CycleState, Plugin, PreScore, Reach, World};
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;

pub struct NodeResourcesBalancedAllocation;

/// 100 when both resources are used to the same degree, 50 when one is full and the other empty.
fn balance(milli_cpu: i64, memory_bytes: i64, node: &NodeInfo) -> i64 {
    let has = &node.facts.allocatable;
    let fraction = |used: i64, capacity: i64| (used as f64 / capacity as f64).min(1.0);
    let deviation = if has.milli_cpu > 0 && has.memory_bytes > 0 {
        ((fraction(milli_cpu, has.milli_cpu) - fraction(memory_bytes, has.memory_bytes)) / 2.0).abs()
    } else {
        0.0
    };
    ((1.0 - deviation) * 100.0) as i64
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &str {
        "NodeResourcesBalancedAllocation"
    }

    fn pre_score(
        &self,
        pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> PreScore {
        let wanted = &pod.shape.requests.requested;
        if wanted.milli_cpu != 0 || wanted.memory_bytes != 0 {
            PreScore::Keep
        } else {
            PreScore::Skip
        }
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, _world: &World) -> i64 {
        let (used, wanted) = (&node.requested, &pod.shape.requests.requested);
        let without = balance(used.milli_cpu, used.memory_bytes, node);
        let with = balance(
            used.milli_cpu.saturating_add(wanted.milli_cpu),
            used.memory_bytes.saturating_add(wanted.memory_bytes),
            node,
        );
        50 + (50 + with - without) / 2
    }
    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Node
    }
}
