//! TaintToleration: untolerated NoSchedule and NoExecute taints refuse, PreferNoSchedule ones cost score.

use super::normalize_by_max;
use crate::scheduler::cache::Slot;
use crate::scheduler::config::Profile;
use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, Reach, Rejection, World};
use crate::scheduler::node::{Effect, NodeFacts, NodeInfo};
use crate::scheduler::pod::{PodInfo, PodShape};

const REASON: &str = "node(s) had untolerated taint(s)";

const COMPARISON_GATE: &str = "TaintTolerationComparisonOperators";

pub(super) fn admits(pod: &PodInfo, node: &NodeFacts, is_comparing: bool) -> bool {
    let hard = |effect| matches!(effect, Effect::NoSchedule | Effect::NoExecute);
    let tolerated = |taint| pod.shape.tolerates_comparing(taint, is_comparing);
    node.taints.iter().all(|taint| !hard(taint.effect) || tolerated(taint))
}

/// Whether Lt and Gt tolerations count.
pub(super) fn is_comparing(profile: &Profile) -> bool {
    profile.gates.get(COMPARISON_GATE).copied().unwrap_or(false)
}

pub struct TaintToleration {
    is_comparing: bool,
}

impl TaintToleration {
    pub fn new(profile: &Profile) -> Self {
        TaintToleration { is_comparing: is_comparing(profile) }
    }

    /// PreferNoSchedule taints that no toleration for this effect (or for all) matches.
    fn untolerated_count(&self, shape: &PodShape, node: &NodeFacts) -> i64 {
        let soft = node.taints.iter().filter(|taint| taint.effect == Effect::PreferNoSchedule);
        soft.filter(|taint| !shape.tolerates_comparing(taint, self.is_comparing)).count() as i64
    }
}

impl Plugin for TaintToleration {
    fn name(&self) -> &str {
        "TaintToleration"
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        admits(pod, &node.facts, self.is_comparing)
            || rejection.refuse(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, _world: &World) -> i64 {
        self.untolerated_count(&pod.shape, &node.facts)
    }

    fn normalize(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
        scores: &mut [i64],
    ) {
        normalize_by_max(scores, true);
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Facts
    }

    fn is_normalizing(&self) -> bool {
        true
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODES
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::PodUpdated { old, pod } => old.shape.tolerations != pod.shape.tolerations,
            _ => event.makes_true(|node| admits(pod, node, self.is_comparing)),
        }
    }
}
