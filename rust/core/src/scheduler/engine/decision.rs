//! Decisions: what came of one attempt, and what somebody has to do about it.

use super::*;

/// (namespace, name, uid) of a pod that a decision concerns.
pub type PodReference = (String, String, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Scheduled,
    Unschedulable,
    /// A plugin failed: the pod is tried again after its backoff.
    Error,
    /// The pod is being deleted: it was not tried, and is out of the queue.
    Skipped,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Scheduled => "scheduled",
            Outcome::Unschedulable => "unschedulable",
            Outcome::Error => "error",
            Outcome::Skipped => "skipped",
        }
    }
}

/// What came of one attempt.
#[derive(Debug, Clone)]
pub struct Decision {
    pub pod: Arc<PodInfo>,
    pub outcome: Outcome,
    /// "" unless scheduled.
    pub node_name: String,
    /// "" when scheduled.
    pub message: String,
    /// The plugins that refused the pod on some node, in the profile's order.
    pub plugins: Vec<String>,
    pub attempts: u32,
    /// What must be written before the Binding, as a JSON array; empty when there is nothing.
    pub writes: Vec<u8>,
    /// "" when no room is being made.
    pub nominated_node_name: String,
    pub victims: Vec<PodReference>,
    /// Pods that lose their nomination to that node.
    pub cleared: Vec<PodReference>,
}

impl Decision {
    pub(super) fn of(queued: &QueuedPod, outcome: Outcome) -> Decision {
        Decision {
            pod: queued.info.clone(),
            outcome,
            node_name: String::new(),
            message: String::new(),
            plugins: Vec::new(),
            attempts: queued.attempts,
            writes: Vec::new(),
            nominated_node_name: String::new(),
            victims: Vec::new(),
            cleared: Vec::new(),
        }
    }

    /// The Binding to post; empty unless scheduled.
    pub fn binding(&self) -> Vec<u8> {
        match self.outcome {
            Outcome::Scheduled => plugins::binding(&self.pod, &self.node_name),
            _ => Vec::new(),
        }
    }
}
