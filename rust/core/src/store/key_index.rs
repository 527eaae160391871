//! Key index: the living version of every key, and the superseded ones that reads of the past may want.
//!
//! Invariant: at most one version of a key is alive at a revision: the living one from its mod revision on, a
//! superseded one from its mod revision until just before `until`. Deletions leave no mark but that.
//! Invariant: after `forget` of every change up to r no version is left that was superseded at or before r.
//! Not here: revisions and their checks (see `read`), events (see `event_log`), selectors (see `select_index`).

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::tree::Tree;
use super::version::{Change, Version};

#[derive(Clone)]
pub struct Superseded {
    pub version: Arc<Version>,
    pub until: i64,
}

impl Superseded {
    fn is_alive_at(&self, revision: i64) -> bool {
        self.version.mod_revision <= revision && revision < self.until
    }
}

#[derive(Clone, Default)]
pub struct KeyIndex {
    pub living: Tree<Arc<str>, Arc<Version>>,
    pub superseded: Tree<(Arc<str>, i64), Superseded>,
    /// Bytes of the living values.
    pub value_bytes: u64,
}

/// Keys under a prefix and after another key.
#[derive(Clone, Copy)]
pub struct KeyRange<'a> {
    pub prefix: &'a str,
    /// "" is before every key.
    pub after: &'a str,
}

impl KeyRange<'_> {
    /// How a key stands to the range's beginning; never equal.
    pub fn order_to_start(self, key: &str) -> Ordering {
        if key <= self.after || key < self.prefix {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }

    /// How a key stands to the range's end; never equal.
    pub fn order_to_end(self, key: &str) -> Ordering {
        if key <= self.after || key < self.prefix || key.starts_with(self.prefix) {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }
}

impl KeyIndex {
    pub fn get(&self, key: &str) -> Option<&Arc<Version>> {
        self.living.get_by(|stored| (**stored).cmp(key))
    }

    /// The version alive at `revision`.
    pub fn get_at(&self, key: &str, revision: i64) -> Option<&Arc<Version>> {
        if let Some(version) = self.get(key).filter(|version| version.mod_revision <= revision) {
            return Some(version);
        }
        self.superseded
            .iter_from(|(stored, _)| (**stored).cmp(key))
            .take_while(|((stored, _), _)| **stored == *key)
            .map(|(_, old)| old)
            .find(|old| old.is_alive_at(revision))
            .map(|old| &old.version)
    }

    /// Number of living keys in the range. Cost: O(log n).
    pub fn count(&self, range: KeyRange<'_>) -> usize {
        let end = self.living.rank_by(|key| range.order_to_end(key));
        end.saturating_sub(self.living.rank_by(|key| range.order_to_start(key)))
    }

    /// Calls `visit` with the living versions of the range, in byte order of their keys, until it breaks.
    pub fn visit(&self, range: KeyRange<'_>, mut visit: impl FnMut(&Arc<Version>) -> ControlFlow<()>) {
        for (key, version) in self.living.iter_from(|key| range.order_to_start(key)) {
            if !key.starts_with(range.prefix) || visit(version).is_break() {
                return;
            }
        }
    }

    /// As `visit`, with the versions alive at a past revision.
    pub fn visit_at(
        &self,
        range: KeyRange<'_>,
        revision: i64,
        mut visit: impl FnMut(&Arc<Version>) -> ControlFlow<()>,
    ) {
        let mut living = self
            .living
            .iter_from(|key| range.order_to_start(key))
            .take_while(|(key, _)| key.starts_with(range.prefix))
            .map(|(_, version)| version)
            .filter(|version| version.mod_revision <= revision)
            .peekable();
        let mut old = self
            .superseded
            .iter_from(|(key, _)| range.order_to_start(key))
            .take_while(|((key, _), _)| key.starts_with(range.prefix))
            .map(|(_, old)| old)
            .filter(|old| old.is_alive_at(revision))
            .map(|old| &old.version)
            .peekable();
        loop {
            let next = match (living.peek(), old.peek()) {
                (Some(alive), Some(dead)) if alive.key < dead.key => living.next(),
                (_, Some(_)) => old.next(),
                (_, None) => living.next(),
            };
            match next {
                Some(version) if visit(version).is_continue() => {}
                _ => return,
            }
        }
    }

    /// Makes a change the newest state of its key.
    pub fn apply(&mut self, change: &Change) {
        if let Some(previous) = &change.previous {
            let old = Superseded { version: previous.clone(), until: change.revision };
            self.superseded.insert((previous.key.clone(), previous.mod_revision), old);
        }
        self.set_living(change.key(), change.current.as_ref());
    }

    /// Takes back the newest change of a key.
    pub fn undo(&mut self, change: &Change) {
        if let Some(previous) = &change.previous {
            self.superseded.remove(&(previous.key.clone(), previous.mod_revision));
        }
        self.set_living(change.key(), change.previous.as_ref());
    }

    /// Drops the version that a compacted change superseded.
    pub fn forget(&mut self, change: &Change) {
        if let Some(previous) = &change.previous {
            self.superseded.remove(&(previous.key.clone(), previous.mod_revision));
        }
    }

    pub fn set_living(&mut self, key: &Arc<str>, version: Option<&Arc<Version>>) {
        let replaced = match version {
            Some(version) => {
                self.value_bytes += version.value.len() as u64;
                match self.living.get_mut(key) {
                    Some(living) => Some(std::mem::replace(living, version.clone())),
                    None => self.living.insert(version.key.clone(), version.clone()),
                }
            }
            None => self.living.remove(key),
        };
        self.value_bytes -= replaced.map_or(0, |version| version.value.len() as u64);
    }

    /// Puts other versions in the place of all, under the same keys and revisions.
    pub fn replace_versions(&mut self, anew: &mut impl FnMut(&Arc<Version>) -> Arc<Version>) {
        self.living = self.living.iter().map(|(key, version)| (key.clone(), anew(version))).collect();
        let superseded = self.superseded.iter();
        self.superseded = superseded
            .map(|(key, old)| (key.clone(), Superseded { version: anew(&old.version), until: old.until }))
            .collect();
    }
}
