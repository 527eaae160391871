//! State: everything the store's lock guards, and the one place that changes it.
//!
//! Invariant: index, select index, log, leases and hub all stand at `revision`.
//! Invariant: changes happen in `apply`, in order of revision.
//! Not here: checks and waiting (see `write`), reading (see `read`).

use std::sync::Arc;

use super::compaction::RevisionClock;
use super::error::StoreError;
use super::event_log::EventLog;
use super::key_index::KeyIndex;
use super::lease::LeaseTable;
use super::mutation::{Mutation, Write};
use super::select_index::SelectIndex;
use super::version::{Change, ObjectMeta, Version};
use super::watch_hub::WatchHub;

/// An empty store's revision, as etcd's.
pub const FIRST_REVISION: i64 = 1;

pub struct State {
    pub revision: i64,
    pub compact_revision: i64,
    pub index: KeyIndex,
    pub select: SelectIndex,
    pub log: EventLog,
    pub leases: LeaseTable,
    pub clock: RevisionClock,
    pub hub: WatchHub,
    pub is_closed: bool,
    /// Whether changes wait for `publish` before watchers are told of them.
    pub is_publishing_late: bool,
}

/// A value on its way into the store.
pub struct Draft {
    pub value: Arc<[u8]>,
    pub lease: i64,
    pub object: Option<ObjectMeta>,
}

impl State {
    pub fn new() -> Self {
        Self {
            revision: FIRST_REVISION,
            compact_revision: 0,
            index: KeyIndex::default(),
            select: SelectIndex::default(),
            log: EventLog::new(),
            leases: LeaseTable::default(),
            clock: RevisionClock::new(),
            hub: WatchHub::default(),
            is_closed: false,
            is_publishing_late: false,
        }
    }

    pub fn check_open(&self) -> Result<(), StoreError> {
        if self.is_closed {
            return Err(StoreError::invalid("store is closed"));
        }
        Ok(())
    }

    /// The revision to read at: the present one for 0.
    pub fn readable(&self, revision: i64) -> Result<i64, StoreError> {
        let current = self.revision;
        match revision {
            ..=0 => Ok(current),
            _ if revision > current => Err(StoreError::FutureRevision { revision, current }),
            _ if revision < self.compact_revision => {
                Err(StoreError::Compacted { revision, compact_revision: self.compact_revision })
            }
            _ => Ok(revision),
        }
    }

    /// The version that a put makes of its key, whose living version is given, at the next revision.
    pub fn next_version(&self, key: &str, living: Option<&Version>, draft: Draft) -> Version {
        let revision = self.revision + 1;
        Version {
            key: living.map_or_else(|| Arc::from(key), |living| living.key.clone()),
            value: draft.value,
            create_revision: living.map_or(revision, |living| living.create_revision),
            mod_revision: revision,
            version: living.map_or(1, |living| living.version + 1),
            lease: draft.lease,
            object: draft.object,
        }
    }

    /// Applies a mutation and tells the watchers; returns the deleted keys' count.
    pub fn apply(&mut self, mutation: Mutation) -> usize {
        match mutation {
            Mutation::Commit { revision, writes } => self.apply_writes(revision, writes),
            Mutation::LeaseGrant { lease, ttl_s, expires_s } => {
                self.leases.grant(lease, ttl_s, expires_s);
                0
            }
            Mutation::LeaseRevoke { lease, revision } => {
                let keys = self.leases.remove(lease).into_iter();
                let writes: Vec<_> = keys.map(|key| Write { key, version: None }).collect();
                if writes.is_empty() {
                    return 0;
                }
                self.apply_writes(revision, writes)
            }
            Mutation::Compaction { revision } => {
                self.compact_revision = revision;
                let index = &mut self.index;
                self.log.compact(revision, |change| index.forget(change));
                0
            }
        }
    }

    fn apply_writes(&mut self, revision: i64, writes: Vec<Write>) -> usize {
        assert_eq!(revision, self.revision + 1, "revisions rise one by one");
        self.revision = revision;
        let mut deleted_count = 0;
        for write in writes {
            deleted_count += usize::from(write.version.is_none());
            let previous = self.index.apply(&write.key, revision, write.version.as_ref());
            let change = Arc::new(Change::new(revision, previous, write.version));
            self.select.apply(&change);
            self.leases.follow(change.previous.as_deref(), change.current.as_deref());
            self.log.push(change.clone());
            if !self.is_publishing_late {
                self.hub.publish(&change);
                self.log.visible_revision = revision;
            }
        }
        deleted_count
    }

    /// Tells the watchers of the changes up to `durable`, as far as they have not been told.
    pub fn publish(&mut self, durable: i64) {
        let visible = self.log.visible_revision;
        let reached = durable.min(self.revision);
        if reached <= visible {
            return;
        }
        let unseen = self.log.since(visible + 1).take_while(|change| change.revision <= reached);
        unseen.for_each(|change| self.hub.publish(change));
        self.log.visible_revision = reached;
    }

    /// Takes back every change after `revision`; for a fork of the past.
    pub fn rewind(&mut self, revision: i64) {
        for change in self.log.pop_after(revision) {
            self.index.undo(&change);
            self.select.follow(change.current.as_deref(), change.previous.as_deref());
            self.leases.follow(change.current.as_deref(), change.previous.as_deref());
        }
        self.clock.forget_after(revision);
        self.revision = revision;
        self.log.visible_revision = revision;
    }

    /// A copy that shares all content and has no watchers.
    pub fn share(&self) -> Self {
        let mut log = self.log.clone();
        log.visible_revision = self.revision;
        Self {
            revision: self.revision,
            compact_revision: self.compact_revision,
            index: self.index.clone(),
            select: self.select.clone(),
            log,
            leases: self.leases.clone(),
            clock: self.clock.clone(),
            hub: WatchHub::default(),
            is_closed: false,
            is_publishing_late: false,
        }
    }

    /// Puts re-parsed versions in the place of all; `parse` is called once for each.
    pub fn replace_versions(&mut self, mut parse: impl FnMut(&Version) -> Option<Version>) {
        let mut parsed = rustc_hash::FxHashMap::default();
        let mut anew = |version: &Arc<Version>| {
            let entry = parsed
                .entry(Arc::as_ptr(version))
                .or_insert_with(|| parse(version).map_or_else(|| version.clone(), Arc::new));
            entry.clone()
        };
        self.index.replace_versions(&mut anew);
        self.log.replace_versions(&mut anew);
        self.select = SelectIndex::default();
        for (_, version) in self.index.living.iter() {
            self.select.follow(None, Some(version));
        }
    }
}
