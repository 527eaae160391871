//! SchedulingGates: a pod with gates waits until they are removed.

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
    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Nothing
    }
}
