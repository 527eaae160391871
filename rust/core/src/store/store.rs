//! The store: the lock around the state, and what does not read or write keys.
//!
//! Invariant: `state` is locked before a watcher, a watcher before a notifier; `fields` is never held with another.
//! Invariant: every change goes through `commit`, which journals it, applies it, and tells the watchers.
//! Not here: reading (see `read`), writing (see `write`), files (see `wal`, `snapshot`).

use std::sync::{Arc, OnceLock};

use parking_lot::{RwLock, RwLockWriteGuard};

use super::content::Content;
use super::encode::line_len;
use super::error::StoreError;
use super::fields::FieldTable;
use super::mutation::{Journal, Mutation};
use super::notifier::Notifier;
use super::state::State;
use super::version::{Event, ObjectMeta, Version};
use super::watch::{Budget, WatchOptions, Watcher};
use crate::object::envelope::{self, FieldSpec};
use crate::selector::Selection;

/// A multi-version key-value store with watches: etcd's semantics in process.
pub struct Store {
    pub(super) is_object_store: bool,
    pub(super) state: RwLock<State>,
    pub(super) fields: RwLock<FieldTable>,
    /// Set once, before the first mutation that is to be journalled.
    pub(super) journal: OnceLock<Box<dyn Journal>>,
}

/// Sizes, for metrics.
pub struct Stats {
    pub keys: u64,
    pub revisions: u64,
    pub events: u64,
    pub leases: u64,
    pub watchers: u64,
    pub value_bytes: u64,
    pub wal_bytes: u64,
}

impl Store {
    pub fn new(is_object_store: bool) -> Self {
        Self::with_state(is_object_store, State::new(), FieldTable::new())
    }

    pub(super) fn with_state(is_object_store: bool, state: State, fields: FieldTable) -> Self {
        let (state, fields) = (RwLock::new(state), RwLock::new(fields));
        Self { is_object_store, state, fields, journal: OnceLock::new() }
    }

    pub fn is_object_store(&self) -> bool {
        self.is_object_store
    }

    /// Writes may wait for a disk.
    pub fn is_journalled(&self) -> bool {
        self.journal.get().is_some()
    }

    pub fn revision(&self) -> i64 {
        self.state.read().revision
    }

    pub fn compact_revision(&self) -> i64 {
        self.state.read().compact_revision
    }

    pub fn durable_revision(&self) -> i64 {
        self.journal.get().map_or(0, |journal| journal.durable_revision())
    }

    /// Journals a mutation, applies it, tells the watchers; returns the deleted keys' count. On an error nothing
    /// has changed.
    pub(super) fn commit(&self, state: &mut State, mutation: Mutation) -> Result<usize, StoreError> {
        if let Some(journal) = self.journal.get() {
            journal.append(&mutation)?;
        }
        Ok(state.apply(mutation))
    }

    /// Lets go of the lock and waits until what was committed is durable.
    pub(super) fn settle(&self, state: RwLockWriteGuard<'_, State>) -> Result<(), StoreError> {
        let revision = state.revision;
        drop(state);
        let Some(journal) = self.journal.get() else { return Ok(()) };
        journal.settle(revision)?;
        if journal.is_durable_before_seen() {
            self.state.write().publish(journal.durable_revision());
        }
        if journal.wants_checkpoint() {
            journal.checkpoint(Content::of(&self.state.write()));
        }
        Ok(())
    }

    /// Journals every mutation from now on.
    pub(super) fn attach(&self, journal: Box<dyn Journal>) {
        self.state.write().is_publishing_late = journal.is_durable_before_seen();
        let is_first = self.journal.set(journal).is_ok();
        assert!(is_first, "a store has one journal");
    }

    // -- watching --------------------------------------------------------------------------------------------

    /// Every change under the prefix from `start_revision` on; 0 is the next one.
    pub fn watch(&self, mut options: WatchOptions) -> Result<Arc<Watcher>, StoreError> {
        let mut state = self.state.write();
        state.check_open()?;
        if options.start_revision <= 0 {
            options.start_revision = state.revision + 1;
        }
        let visible = state.log.visible_revision;
        options.selection = options.selection.filter(|selection| !selection.is_everything());
        Ok(state.hub.add(options, visible))
    }

    pub fn notifier(&self) -> Result<Notifier, StoreError> {
        Ok(Notifier::new()?)
    }

    /// The watcher's next events within the budget; none when there are none yet.
    pub fn poll(&self, watcher: &Watcher, mut budget: Budget) -> Result<Vec<Event>, StoreError> {
        if let Some(events) = watcher.poll_queued(&mut budget)? {
            return Ok(events);
        }
        let mut events = Vec::new();
        loop {
            let state = self.state.read();
            if watcher.poll_logged(&state.log, state.compact_revision, &mut budget, &mut events)? {
                debug_assert!(events.iter().all(|event| line_len(event) > 0));
                return Ok(events);
            }
        }
    }

    pub fn progress_revision(&self, watcher: &Watcher) -> i64 {
        watcher.progress_revision(self.state.read().log.visible_revision)
    }

    pub fn close_watch(&self, watcher: &Watcher) {
        self.state.write().hub.remove(watcher);
        watcher.close();
    }

    // -- configuration of an object store ----------------------------------------------------------------------

    /// Names the selectable fields of objects under `prefix`; objects that are there are parsed again.
    pub fn set_fields(&self, prefix: &str, specs: Vec<FieldSpec>) -> Result<(), StoreError> {
        let is_news = self.fields.write().register(prefix, specs);
        if !is_news || !self.is_object_store {
            return Ok(());
        }
        let mut state = self.state.write();
        if state.index.living.is_empty() && state.log.len() == 0 {
            return Ok(());
        }
        let fields = self.fields.read().clone();
        state.replace_versions(|version| {
            if !version.key.starts_with(prefix) {
                return None;
            }
            let specs = fields.of(&version.key);
            let envelope = envelope::parse(&version.value, specs).ok()?;
            let object = Some(ObjectMeta { envelope, specs: specs.clone() });
            Some(Version { object, ..version.clone() })
        });
        Ok(())
    }

    /// The envelope of a value that is to be put under `key`.
    pub(super) fn parse(&self, key: &str, value: &[u8]) -> Result<Option<ObjectMeta>, StoreError> {
        if !self.is_object_store {
            return Ok(None);
        }
        let specs = self.fields.read().of(key).clone();
        Ok(Some(ObjectMeta { envelope: envelope::parse(value, &specs)?, specs }))
    }

    // -- history ---------------------------------------------------------------------------------------------

    /// Forgets every version superseded at or before `revision`.
    pub fn compact(&self, revision: i64) -> Result<(), StoreError> {
        // Watchers are told of everything before it is forgotten.
        self.settle(self.state.write())?;
        let mut state = self.state.write();
        state.check_open()?;
        if revision > state.revision {
            return Err(StoreError::FutureRevision { revision, current: state.revision });
        }
        if revision <= state.compact_revision {
            let compact_revision = state.compact_revision;
            return Err(StoreError::Compacted { revision, compact_revision });
        }
        self.commit(&mut state, Mutation::Compaction { revision })?;
        Ok(())
    }

    /// An independent in-memory store as this one was at `revision` (0: now); leases granted or renewed since are
    /// as they are now. Cost: O(1) and the changes since `revision`; content is shared until one side writes.
    pub fn fork(&self, revision: i64) -> Result<Store, StoreError> {
        let state = self.state.read();
        let revision = state.readable(revision)?;
        let mut twin = state.share();
        drop(state);
        if revision < twin.revision {
            twin.rewind(revision);
        }
        Ok(Store::with_state(self.is_object_store, twin, self.fields.read().clone()))
    }

    // -- files -----------------------------------------------------------------------------------------------

    /// Makes everything written so far durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        match self.journal.get() {
            Some(journal) => Ok(journal.sync()?),
            None => Ok(()),
        }
    }

    /// Refuses writes and watches from now on, and closes the watches and the journal.
    pub fn close(&self) -> Result<(), StoreError> {
        let mut state = self.state.write();
        if state.is_closed {
            return Ok(());
        }
        state.is_closed = true;
        state.hub.close();
        drop(state);
        match self.journal.get() {
            Some(journal) => Ok(journal.close()?),
            None => Ok(()),
        }
    }

    pub fn stats(&self) -> Stats {
        let state = self.state.read();
        let keys = state.index.living.len() as u64;
        Stats {
            keys,
            revisions: keys + state.index.superseded_count() as u64,
            events: state.log.len() as u64,
            leases: state.leases.len() as u64,
            watchers: state.hub.watcher_count() as u64,
            value_bytes: state.index.value_bytes,
            wal_bytes: self.journal.get().map_or(0, |journal| journal.wal_bytes()),
        }
    }
}

/// The selection of a read or watch, `None` when it selects everything.
pub fn narrowing(selection: Option<&Selection>) -> Option<&Selection> {
    selection.filter(|selection| !selection.is_everything())
}
