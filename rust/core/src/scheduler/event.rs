//! Cluster events: what changed, as queueing hints see it.
//!
//! Invariant: a node update that changed nothing scheduling looks at (a heartbeat) is no event.
//! Not here: which plugin cares for which event (each plugin's `hint`).

use super::node::NodeFacts;
use super::pod::PodInfo;
use serde_json::Value;

#[derive(Debug)]
pub enum ClusterEvent<'a> {
    NodeAdded {
        node: &'a NodeFacts,
    },
    NodeUpdated {
        old: &'a NodeFacts,
        node: &'a NodeFacts,
    },
    NodeRemoved {
        node: &'a NodeFacts,
    },
    /// A pod is on a node now that was on none before (an assumed pod is no event).
    AssignedPodAdded {
        pod: &'a PodInfo,
    },
    /// A pod on a node changed its shape: labels, requests, tolerations.
    AssignedPodUpdated {
        old: &'a PodInfo,
        pod: &'a PodInfo,
    },
    /// A pod that held a node's resources is gone or has ended.
    AssignedPodDeleted {
        pod: &'a PodInfo,
    },
    /// The waiting pod itself changed.
    PodUpdated {
        old: &'a PodInfo,
        pod: &'a PodInfo,
    },
    /// Any other object: new when `old` is None, gone when `new` is None.
    ObjectChanged {
        kind: &'static str,
        old: Option<&'a Value>,
        new: Option<&'a Value>,
    },
}

impl<'a> ClusterEvent<'a> {
    /// The node as it was (None: it is new) and as it is, for nodes added and updated.
    pub fn node(&self) -> Option<(Option<&'a NodeFacts>, &'a NodeFacts)> {
        match self {
            ClusterEvent::NodeAdded { node } => Some((None, node)),
            ClusterEvent::NodeUpdated { old, node } => Some((Some(old), node)),
            _ => None,
        }
    }

    /// True for a node event that made `fits` true, or found it true on a new node.
    pub fn makes_true(&self, fits: impl Fn(&NodeFacts) -> bool) -> bool {
        self.node().is_some_and(|(old, node)| fits(node) && !old.is_some_and(fits))
    }
}
