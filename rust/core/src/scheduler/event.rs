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
    /// A pod that held a node's resources is gone or has ended; or room is no longer being made for a pod.
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

/// Kinds of events, one bit each.
pub mod kinds {
    pub const NODE_ADDED: u32 = 1;
    pub const NODE_UPDATED: u32 = 1 << 1;
    pub const NODE_REMOVED: u32 = 1 << 2;
    pub const ASSIGNED_POD_ADDED: u32 = 1 << 3;
    pub const ASSIGNED_POD_UPDATED: u32 = 1 << 4;
    pub const ASSIGNED_POD_DELETED: u32 = 1 << 5;
    pub const POD_UPDATED: u32 = 1 << 6;
    pub const OBJECT_CHANGED: u32 = 1 << 7;
    pub const NODES: u32 = NODE_ADDED | NODE_UPDATED;
    pub const ALL: u32 = u32::MAX;
}

impl<'a> ClusterEvent<'a> {
    pub fn kind(&self) -> u32 {
        match self {
            ClusterEvent::NodeAdded { .. } => kinds::NODE_ADDED,
            ClusterEvent::NodeUpdated { .. } => kinds::NODE_UPDATED,
            ClusterEvent::NodeRemoved { .. } => kinds::NODE_REMOVED,
            ClusterEvent::AssignedPodAdded { .. } => kinds::ASSIGNED_POD_ADDED,
            ClusterEvent::AssignedPodUpdated { .. } => kinds::ASSIGNED_POD_UPDATED,
            ClusterEvent::AssignedPodDeleted { .. } => kinds::ASSIGNED_POD_DELETED,
            ClusterEvent::PodUpdated { .. } => kinds::POD_UPDATED,
            ClusterEvent::ObjectChanged { .. } => kinds::OBJECT_CHANGED,
        }
    }

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
