//! What happened to nodes since an index last looked, so that it revisits only those.
//!
//! Always true: a position handed out stays valid until the log has forgotten it; `since` then says so.
//! Not here: what an index does about a change (see `class`).

use super::super::cache::Slot;
use super::super::pod::PodInfo;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub enum Change {
    /// The pod now counts on the node.
    PodAdded(Slot, Arc<PodInfo>),
    /// The pod no longer counts on the node.
    PodRemoved(Slot, Arc<PodInfo>),
    /// The node's object came, before any pod, or it changed in something else than labels and taints.
    Node(Slot),
    /// The node's object came when pods were there already, went, or changed its labels or taints.
    NodeMoved(Slot),
}

/// Changes are kept up to twice the number of nodes, and at least so many: who is further behind rebuilds anyway.
const CHANGES_KEPT_MIN: usize = 16_384;

#[derive(Debug, Default)]
pub struct ChangeLog {
    changes: Vec<Change>,
    /// The position of `changes[0]`.
    base: u64,
    /// False until an index asks for a position: nothing is kept for nobody.
    is_followed: bool,
}

impl ChangeLog {
    /// `node_count` bounds what is kept.
    pub fn push(&mut self, node_count: usize, change: impl FnOnce() -> Change) {
        if !self.is_followed {
            self.base += 1;
            return;
        }
        let kept_max = CHANGES_KEPT_MIN.max(2 * node_count);
        if self.changes.len() >= kept_max {
            let forgotten = self.changes.len() - kept_max / 2;
            self.changes.drain(..forgotten);
            self.base += forgotten as u64;
        }
        self.changes.push(change());
    }

    /// The position after the last change; from now on changes are kept.
    pub fn follow(&mut self) -> u64 {
        self.is_followed = true;
        self.base + self.changes.len() as u64
    }

    /// The changes from a position on; None when the log has forgotten some of them.
    pub fn since(&self, position: u64) -> Option<&[Change]> {
        let from = usize::try_from(position.checked_sub(self.base)?).ok()?;
        self.changes.get(from..)
    }
}
