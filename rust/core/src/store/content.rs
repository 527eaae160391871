//! Content: what a store holds at one revision, without its history; what a snapshot saves.
//!
//! Invariant: it is a copy that shares everything; the store goes on while it is read.
//! Not here: files (see `snapshot`), filling a store from it (see `Store::restore`).

use std::sync::Arc;

use super::lease::{Lease, LeaseTable};
use super::state::State;
use super::store::Store;
use super::tree::Tree;
use super::version::Version;

pub struct Content {
    pub revision: i64,
    living: Tree<Arc<str>, Arc<Version>>,
    leases: LeaseTable,
}

impl Content {
    pub(super) fn of(state: &State) -> Self {
        Content { revision: state.revision, living: state.index.living.clone(), leases: state.leases.clone() }
    }

    /// Living versions in byte order of their keys.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.living.iter().map(|(_, version)| version)
    }

    pub fn version_count(&self) -> usize {
        self.living.len()
    }

    /// Highest lease id that was ever granted, 0 for none.
    pub fn last_lease_id(&self) -> i64 {
        self.leases.last_id()
    }

    /// (id, ttl, expiry) of every lease, by id.
    pub fn leases(&self) -> impl Iterator<Item = (i64, f64, f64)> + '_ {
        self.leases.iter().map(|(id, Lease { ttl_s, expires_s, .. })| (id, *ttl_s, *expires_s))
    }
}

impl Store {
    /// Cost: O(1).
    pub fn content(&self) -> Content {
        Content::of(&self.state.read())
    }
}
