//! Versions of keys: what the store keeps per write, and what watchers are told about it.
//!
//! Invariant: a version never changes once committed; the index, the log and every reader share the same one.
//! Not here: where versions are kept (see `key_index`), how they become bytes for a client (see `encode`).

use std::sync::{Arc, OnceLock};

use crate::object::envelope::{Envelope, FieldSpec};
use crate::selector::Selection;

/// What an object store knows of a value: its envelope, and the fields that envelope was parsed with.
#[derive(Clone, Debug)]
pub struct ObjectMeta {
    pub envelope: Envelope,
    pub specs: Arc<[FieldSpec]>,
}

/// One version of one key, as etcd's mvccpb.KeyValue.
#[derive(Clone, Debug)]
pub struct Version {
    pub key: Arc<str>,
    pub value: Arc<[u8]>,
    pub create_revision: i64,
    pub mod_revision: i64,
    /// Number of writes since the key was created; 1 after the create.
    pub version: i64,
    /// 0 for none.
    pub lease: i64,
    /// `None` outside of object stores.
    pub object: Option<ObjectMeta>,
}

impl Version {
    pub fn is_selected(&self, selection: Option<&Selection>) -> bool {
        match (selection, &self.object) {
            (None, _) => true,
            (Some(selection), Some(object)) => selection.matches_envelope(&object.envelope, &object.specs),
            (Some(selection), None) => selection.matches(|_| None, |_| ""),
        }
    }

    /// The last state as a deletion at `revision` tells it: that revision also stands in the object.
    pub fn removed_at(&self, revision: i64) -> Version {
        let mut last = Version { mod_revision: revision, ..self.clone() };
        if let Some(object) = &mut last.object {
            last.value = object.envelope.write_revision(&self.value, revision).into();
        }
        last
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Added,
    Modified,
    Deleted,
}

impl EventKind {
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Added => "ADDED",
            EventKind::Modified => "MODIFIED",
            EventKind::Deleted => "DELETED",
        }
    }
}

/// One committed write: the key's state before and after it; `current` is `None` for a deletion.
#[derive(Debug)]
pub struct Change {
    pub revision: i64,
    pub previous: Option<Arc<Version>>,
    pub current: Option<Arc<Version>>,
    /// Built once, for all the watchers who see a deletion or see the object leave their selection.
    removed: OnceLock<Arc<Version>>,
}

impl Change {
    pub fn new(revision: i64, previous: Option<Arc<Version>>, current: Option<Arc<Version>>) -> Self {
        debug_assert!(previous.is_some() || current.is_some(), "a change has a state before or after it");
        Self { revision, previous, current, removed: OnceLock::new() }
    }

    pub fn key(&self) -> &Arc<str> {
        let version = self.current.as_ref().or(self.previous.as_ref());
        &version.expect("a change has a state before or after it").key
    }

    /// The previous state with this change's revision. `previous` must be there.
    pub fn removed(&self) -> &Arc<Version> {
        self.removed.get_or_init(|| {
            let previous = self.previous.as_ref().expect("only what was there can be removed");
            Arc::new(previous.removed_at(self.revision))
        })
    }

    /// What a watcher with this selection is told, `None` when it is no concern of it.
    pub fn seen_through(&self, selection: Option<&Selection>) -> Option<EventKind> {
        let was_selected = self.previous.as_ref().is_some_and(|version| version.is_selected(selection));
        let is_selected = self.current.as_ref().is_some_and(|version| version.is_selected(selection));
        match (was_selected, is_selected) {
            (false, true) => Some(EventKind::Added),
            (true, true) => Some(EventKind::Modified),
            (true, false) => Some(EventKind::Deleted),
            (false, false) => None,
        }
    }
}

/// One change as one watcher sees it.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: EventKind,
    pub change: Arc<Change>,
}

impl Event {
    /// The new state; of a DELETED event the last one, with the deletion's revision.
    pub fn version(&self) -> &Arc<Version> {
        match (self.kind, &self.change.current) {
            (EventKind::Added | EventKind::Modified, Some(current)) => current,
            _ => self.change.removed(),
        }
    }

    pub fn revision(&self) -> i64 {
        self.change.revision
    }
}
