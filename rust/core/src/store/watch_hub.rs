//! Watch hub: hands every committed change to the watchers whose prefix holds its key.
//!
//! Invariant: all of it happens under the store's lock, so every watcher sees the changes in commit order.
//! Invariant: a watcher stands in exactly one list of exactly one group until it is closed or cut.
//! Invariant: a watcher that demands one value of a label or field is only looked at for changes that carry it.
//! Not here: matching and queues (see `watch`), bookmarks (the API server makes them).

use std::hash::BuildHasher;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::version::{Change, Version};
use super::watch::{Offer, WatchOptions, Watcher};
use crate::selector::{Operator, Selection};

type Watchers = IndexMap<u64, Arc<Watcher>, FxBuildHasher>;

#[derive(Default)]
pub struct WatchHub {
    groups: FxHashMap<Box<[u8]>, Group>,
    /// The lengths of the groups' prefixes, rising, with how many groups have each.
    lengths: Vec<(usize, usize)>,
    watcher_count: usize,
    last_id: u64,
}

/// The watchers of one prefix.
#[derive(Default)]
struct Group {
    /// Those that want everything, or whose selection names no single value.
    always: Watchers,
    /// The others, by the hash of one value that their selection demands.
    by_term: FxHashMap<u64, Watchers>,
}

impl WatchHub {
    /// Open watches that have not been cut.
    pub fn watcher_count(&self) -> usize {
        self.watcher_count
    }

    pub fn add(&mut self, options: WatchOptions, current_revision: i64) -> Arc<Watcher> {
        self.last_id += 1;
        let watcher = Arc::new(Watcher::new(self.last_id, options, current_revision));
        let prefix = watcher.options.prefix.as_bytes();
        if !self.groups.contains_key(prefix) {
            self.groups.insert(prefix.into(), Group::default());
            match self.lengths.binary_search_by_key(&prefix.len(), |(length, _)| *length) {
                Ok(at) => self.lengths[at].1 += 1,
                Err(at) => self.lengths.insert(at, (prefix.len(), 1)),
            }
        }
        let group = self.groups.get_mut(prefix).expect("inserted above when it was missing");
        let list = match demanded_term(watcher.options.selection.as_deref()) {
            None => &mut group.always,
            Some(term) => group.by_term.entry(term).or_default(),
        };
        list.insert(watcher.id, watcher.clone());
        self.watcher_count += 1;
        watcher
    }

    /// Takes a watcher out; nothing happens when it is out already.
    pub fn remove(&mut self, watcher: &Watcher) {
        let prefix = watcher.options.prefix.as_bytes();
        let Some(group) = self.groups.get_mut(prefix) else { return };
        let removed = match demanded_term(watcher.options.selection.as_deref()) {
            None => group.always.swap_remove(&watcher.id),
            Some(term) => {
                let list = group.by_term.entry(term).or_default();
                let removed = list.swap_remove(&watcher.id);
                if list.is_empty() {
                    group.by_term.remove(&term);
                }
                removed
            }
        };
        self.watcher_count -= usize::from(removed.is_some());
        if group.always.is_empty() && group.by_term.is_empty() {
            self.groups.remove(prefix);
            self.forget_length(prefix.len());
        }
    }

    fn forget_length(&mut self, length: usize) {
        if let Ok(at) = self.lengths.binary_search_by_key(&length, |(length, _)| *length) {
            self.lengths[at].1 -= 1;
            if self.lengths[at].1 == 0 {
                self.lengths.remove(at);
            }
        }
    }

    /// Offers a committed change to every watcher it may concern.
    pub fn publish(&mut self, change: &Arc<Change>) {
        if self.groups.is_empty() {
            return;
        }
        let key = change.key().as_bytes();
        let mut cut = Vec::new();
        for (length, _) in self.lengths.iter().take_while(|(length, _)| *length <= key.len()) {
            if let Some(group) = self.groups.get(&key[..*length]) {
                group.offer(change, &mut cut);
            }
        }
        for watcher in cut {
            self.remove(&watcher);
        }
    }

    pub fn close(&mut self) {
        for (_, group) in self.groups.drain() {
            group
                .always
                .values()
                .chain(group.by_term.values().flat_map(|list| list.values()))
                .for_each(|w| w.close());
        }
        self.lengths.clear();
        self.watcher_count = 0;
    }
}

impl Group {
    fn offer(&self, change: &Arc<Change>, cut: &mut Vec<Arc<Watcher>>) {
        offer_all(&self.always, change, cut);
        if self.by_term.is_empty() {
            return;
        }
        let mut terms = Vec::new();
        for version in [&change.previous, &change.current].into_iter().flatten() {
            hash_terms(version, &mut terms);
        }
        terms.sort_unstable();
        terms.dedup();
        for list in terms.iter().filter_map(|term| self.by_term.get(term)) {
            offer_all(list, change, cut);
        }
    }
}

fn offer_all(list: &Watchers, change: &Arc<Change>, cut: &mut Vec<Arc<Watcher>>) {
    for watcher in list.values() {
        if watcher.offer(change) == Offer::Cut {
            cut.push(watcher.clone());
        }
    }
}

/// The hash of one label or field value without which nothing is selected; fields come first, they are rarer.
fn demanded_term(selection: Option<&Selection>) -> Option<u64> {
    let selection = selection?;
    let field = selection.field_terms().iter().find(|term| term.is_equal && !term.value.is_empty());
    if let Some(term) = field {
        return Some(hash_term('f', &term.field, &term.value));
    }
    let is_one_value = |operator| matches!(operator, Operator::Equals | Operator::DoubleEquals);
    let label = selection.label_requirements().iter().find(|label| is_one_value(label.operator()))?;
    Some(hash_term('l', label.key(), label.values().first()?))
}

fn hash_terms(version: &Version, into: &mut Vec<u64>) {
    let Some(object) = &version.object else { return };
    let envelope = &object.envelope;
    into.push(hash_term('f', "metadata.name", envelope.name()));
    into.push(hash_term('f', "metadata.namespace", envelope.namespace()));
    let fields = object.specs.iter().enumerate();
    into.extend(fields.map(|(index, spec)| hash_term('f', &spec.label, envelope.field(index))));
    into.extend(envelope.labels().map(|(key, value)| hash_term('l', key, value)));
}

fn hash_term(kind: char, key: &str, value: &str) -> u64 {
    FxBuildHasher.hash_one((kind, key, value))
}
