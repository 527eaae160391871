//! SchedulingGates: a pod with gates waits until they are removed.

use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Plugin, Reach, World};
use crate::scheduler::pod::PodInfo;

pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &str {
        "SchedulingGates"
    }

    fn pre_enqueue(&self, pod: &PodInfo, _world: &World) -> Option<String> {
        (!pod.gates.is_empty()).then(|| format!("waiting for scheduling gates: [{}]", pod.gates.join(" ")))
    }

    fn hoped_for(&self) -> u32 {
        kinds::POD_UPDATED
    }

    fn hint(&self, _pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        matches!(event, ClusterEvent::PodUpdated { pod, .. } if pod.gates.is_empty())
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Nothing
    }
}
