//! Key index: the living version of every key, and the superseded ones that reads of the past may want.
//!
//! Invariant: at most one version of a key is alive at a revision: the living one from its mod revision on, a
//! superseded one from its mod revision until just before `until`. Deletions leave no mark but that.
//! Invariant: after `forget` of every change up to r no version is left that was superseded at or before r.
//! Not here: revisions and their checks (see `read`), events (see `event_log`), selectors (see `select_index`).

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::tree::Tree;
use super::version::{Change, Version};

#[derive(Clone)]
struct Superseded {
    version: Arc<Version>,
    until: i64,
}

/// The one of a key's superseded versions that was alive at `revision`.
fn alive_at(versions: &VecDeque<Superseded>, revision: i64) -> Option<&Arc<Version>> {
    let old = versions.get(versions.partition_point(|old| old.until <= revision))?;
    (old.version.mod_revision <= revision).then_some(&old.version)
}

#[derive(Clone, Default)]
pub struct KeyIndex {
    pub living: Tree<Arc<str>, Arc<Version>>,
    /// By key, oldest first; no list is empty.
    superseded: Tree<Arc<str>, Arc<VecDeque<Superseded>>>,
    superseded_count: usize,
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
        self.living.get_by(key.as_bytes(), |stored| (**stored).cmp(key))
    }

    /// The version alive at `revision`.
    pub fn get_at(&self, key: &str, revision: i64) -> Option<&Arc<Version>> {
        if let Some(version) = self.get(key).filter(|version| version.mod_revision <= revision) {
            return Some(version);
        }
        alive_at(self.superseded.get_by(key.as_bytes(), |stored| (**stored).cmp(key))?, revision)
    }

    /// Versions that are kept for reads of the past.
    pub fn superseded_count(&self) -> usize {
        self.superseded_count
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
            .iter_from(|key| range.order_to_start(key))
            .take_while(|(key, _)| key.starts_with(range.prefix))
            .filter_map(|(_, versions)| alive_at(versions, revision))
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

    /// Makes a version, or none, the newest state of its key at `revision`; returns the state before.
    pub fn apply(
        &mut self,
        key: &Arc<str>,
        revision: i64,
        current: Option<&Arc<Version>>,
    ) -> Option<Arc<Version>> {
        let previous = self.set_living(key, current)?;
        let old = Superseded { version: previous.clone(), until: revision };
        self.superseded_count += 1;
        match self.superseded.get_mut(key) {
            Some(versions) => Arc::make_mut(versions).push_back(old),
            None => {
                self.superseded.insert(previous.key.clone(), Arc::new(VecDeque::from([old])));
            }
        }
        Some(previous)
    }

    /// Takes back the newest change of a key.
    pub fn undo(&mut self, change: &Change) {
        if change.previous.is_some() {
            self.drop_superseded(change.key(), VecDeque::pop_back);
        }
        self.set_living(change.key(), change.previous.as_ref());
    }

    /// Drops the version that a compacted change superseded; changes are compacted in order.
    pub fn forget(&mut self, change: &Change) {
        if change.previous.is_some() {
            self.drop_superseded(change.key(), |versions| {
                let is_old = versions.front().is_some_and(|oldest| oldest.until <= change.revision);
                if is_old {
                    versions.pop_front()
                } else {
                    None
                }
            });
        }
    }

    fn drop_superseded(
        &mut self,
        key: &Arc<str>,
        pop: impl FnOnce(&mut VecDeque<Superseded>) -> Option<Superseded>,
    ) {
        let Some(versions) = self.superseded.get_mut(key) else { return };
        let versions = Arc::make_mut(versions);
        self.superseded_count -= usize::from(pop(versions).is_some());
        if versions.is_empty() {
            self.superseded.remove(key);
        }
    }

    /// Changes what is alive without keeping the past; returns the version that is no longer.
    pub fn set_living(&mut self, key: &Arc<str>, version: Option<&Arc<Version>>) -> Option<Arc<Version>> {
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
        self.value_bytes -= replaced.as_ref().map_or(0, |version| version.value.len() as u64);
        replaced
    }

    /// Puts other versions in the place of all, under the same keys and revisions.
    pub fn replace_versions(&mut self, anew: &mut impl FnMut(&Arc<Version>) -> Arc<Version>) {
        self.living = self.living.iter().map(|(key, version)| (key.clone(), anew(version))).collect();
        let superseded = self.superseded.iter().map(|(key, versions)| {
            let old = versions.iter();
            let old = old.map(|old| Superseded { version: anew(&old.version), until: old.until });
            (key.clone(), Arc::new(old.collect()))
        });
        self.superseded = superseded.collect();
    }
}
