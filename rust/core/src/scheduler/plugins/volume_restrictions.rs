//! VolumeRestrictions: a disk is not used by two pods of a node, a ReadWriteOncePod claim not by two pods at all.

use crate::scheduler::claims::{claim_of, is_own_claim, not_found};
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    state_of, state_of_mut, Code, CycleState, Plugin, PreFilter, Reach, Rejection, World,
};
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;

const REASON_DISK: &str = "node(s) had no available disk";
const REASON_CLAIM: &str =
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
const READ_WRITE_ONCE_POD: &str = "ReadWriteOncePod";

pub struct VolumeRestrictions;

/// The pod's ReadWriteOncePod claims, and how often other pods use them.
#[derive(Clone, Default)]
struct Uses {
    claims: Vec<Box<str>>,
    count: i64,
}

impl Uses {
    /// How often a pod uses the claims, which are in `namespace`.
    fn of(&self, pod: &PodInfo, namespace: &str) -> i64 {
        if pod.shape.volumes.claims.is_empty() || *pod.namespace != *namespace {
            return 0;
        }
        pod.shape.volumes.named_claims().filter(|claim| self.claims.contains(&claim.name)).count() as i64
    }
}

/// Whether the two want one disk.
fn has_conflict(pod: &PodInfo, other: &PodInfo) -> bool {
    let its = &other.shape.volumes.disks;
    pod.shape.volumes.disks.iter().any(|mine| its.iter().any(|its| mine.conflicts_with(its)))
}

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &str {
        "VolumeRestrictions"
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        let volumes = &pod.shape.volumes;
        let mut uses = Uses::default();
        for reference in volumes.named_claims() {
            let Some(claim) = claim_of(pod, reference, world.objects) else {
                let message = not_found("persistentvolumeclaim", &reference.name);
                return PreFilter::Refuse(Code::UnschedulableAndUnresolvable, message);
            };
            let mut modes = claim["spec"]["accessModes"].as_array().into_iter().flatten();
            if modes.any(|mode| mode == READ_WRITE_ONCE_POD) {
                uses.claims.push(reference.name.clone());
            }
        }
        if !uses.claims.is_empty() {
            let nodes = world.cache.order().iter().map(|slot| world.cache.info(*slot));
            uses.count = nodes.flat_map(|node| &node.pods).map(|other| uses.of(other, &pod.namespace)).sum();
        }
        if volumes.disks.is_empty() && uses.count == 0 {
            return PreFilter::Skip;
        }
        PreFilter::Run(Some(Box::new(uses)))
    }

    fn add_pod(
        &self,
        pod: &PodInfo,
        other: &PodInfo,
        _node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        let uses: &mut Uses = state_of_mut(state);
        uses.count += uses.of(other, &pod.namespace);
    }

    fn remove_pod(
        &self,
        pod: &PodInfo,
        other: &PodInfo,
        _node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        let uses: &mut Uses = state_of_mut(state);
        uses.count -= uses.of(other, &pod.namespace);
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        if !pod.shape.volumes.disks.is_empty() && node.pods.iter().any(|other| has_conflict(pod, other)) {
            return rejection.refuse(Code::Unschedulable, REASON_DISK);
        }
        let is_free = state_of::<Uses>(state).is_none_or(|uses| uses.count <= 0);
        is_free || rejection.refuse(Code::Unschedulable, REASON_CLAIM)
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        let volumes = &pod.shape.volumes;
        match (volumes.named_claims().next(), volumes.disks.is_empty()) {
            (Some(_), _) => Reach::World,
            (None, false) => Reach::Node,
            (None, true) => Reach::Nothing,
        }
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::AssignedPodDeleted { pod: gone } => {
                let mut mine = pod.shape.volumes.named_claims();
                gone.namespace == pod.namespace
                    && (has_conflict(pod, gone)
                        || mine.any(|claim| gone.shape.volumes.claims.contains(claim)))
            }
            ClusterEvent::ObjectChanged { old: None, .. } => is_own_claim(pod, event, false),
            _ => false,
        }
    }
}
