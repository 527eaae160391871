//! Select index: which living keys carry a label or field value, so that a selective list visits only those.
//!
//! Invariant: a living key stands under each of its labels and each of its registered fields, and nowhere else.
//! Invariant: it only narrows; whoever lists matches every candidate against the whole selection.
//! Not here: metadata.name and metadata.namespace, which keys tell already; versions of the past.

use std::sync::Arc;

use super::key_index::{KeyIndex, KeyRange};
use super::tree::Tree;
use super::version::{Change, Version};
use crate::selector::{Operator, Selection};

/// Values a key's existence may be spread over before visiting every object is as good.
const EXISTS_VALUES_MAX: usize = 1000;

type Keys = Tree<Arc<str>, ()>;

#[derive(Clone, Default)]
pub struct SelectIndex {
    terms: Tree<Arc<str>, Keys>,
}

impl SelectIndex {
    /// Moves a key from the terms of its old state to those of its new one.
    pub fn follow(&mut self, before: Option<&Version>, after: Option<&Version>) {
        if [before, after].into_iter().flatten().all(|version| version.object.is_none()) {
            return;
        }
        // Most changes leave most terms as they are: only the others cost a walk into their lists.
        let old: Vec<Term> = before.into_iter().flat_map(terms_of).collect();
        let new: Vec<Term> = after.into_iter().flat_map(terms_of).collect();
        let mut name = String::new();
        for term in old.iter().filter(|term| !new.contains(term)) {
            term.write(&mut name);
            self.remove(&name, &before.expect("its terms are walked").key);
        }
        for term in new.iter().filter(|term| !old.contains(term)) {
            term.write(&mut name);
            self.insert(&name, &after.expect("its terms are walked").key);
        }
    }

    pub fn apply(&mut self, change: &Change) {
        self.follow(change.previous.as_deref(), change.current.as_deref());
    }

    fn insert(&mut self, term: &str, key: &Arc<str>) {
        match self.terms.get_mut_by(term.as_bytes(), |stored| (**stored).cmp(term)) {
            Some(keys) => drop(keys.insert(key.clone(), ())),
            None => drop(self.terms.insert(term.into(), [(key.clone(), ())].into_iter().collect())),
        }
    }

    fn remove(&mut self, term: &str, key: &Arc<str>) {
        if let Some(keys) = self.terms.get_mut_by(term.as_bytes(), |stored| (**stored).cmp(term)) {
            keys.remove(key);
            if keys.is_empty() {
                self.terms.remove(&Arc::from(term));
            }
        }
    }

    /// Keys of the range among which every selected one is, in order; `None` when the terms know no better than
    /// all of the `total` keys.
    pub fn candidates(
        &self,
        selection: &Selection,
        range: KeyRange<'_>,
        index: &KeyIndex,
        total: usize,
    ) -> Option<Vec<Arc<str>>> {
        let Some(postings) = self.narrowest(selection, range, total) else {
            return self.all_but(selection, range, index, total);
        };
        let keys = postings.iter().flat_map(|keys| keys_in(keys, range));
        let mut keys: Vec<_> = keys.cloned().collect();
        if postings.len() > 1 {
            keys.sort_unstable();
        }
        Some(keys)
    }

    /// The keys without those under a value that is not wanted, when most are. The walk compares pointers: a key's
    /// text is the same one everywhere.
    fn all_but(
        &self,
        selection: &Selection,
        range: KeyRange<'_>,
        index: &KeyIndex,
        total: usize,
    ) -> Option<Vec<Arc<str>>> {
        let labels = selection
            .label_requirements()
            .iter()
            .filter(|requirement| matches!(requirement.operator(), Operator::NotEquals | Operator::NotIn));
        let labels = labels.flat_map(|requirement| {
            let values = requirement.values().iter();
            values.map(|value| Term { kind: LABEL, key: requirement.key(), value })
        });
        let fields =
            selection.field_terms().iter().filter(|term| !term.is_equal && !is_told_by_key(&term.field));
        let fields = fields.map(|term| Term { kind: FIELD, key: &term.field, value: &term.value });
        let unwanted = labels.chain(fields).filter_map(|term| self.under(term));
        let (count, unwanted) =
            unwanted.map(|keys| (count_in(keys, range), keys)).max_by_key(|(count, _)| *count)?;
        if count < total - total / 3 {
            return None;
        }
        let mut unwanted = keys_in(unwanted, range).peekable();
        let living = index.living.iter_from(|key| range.order_to_start(key)).take(total);
        let is_wanted = |key: &&Arc<str>| match unwanted.peek() {
            Some(other) if Arc::ptr_eq(other, key) || other == key => {
                unwanted.next();
                false
            }
            _ => true,
        };
        Some(living.map(|(key, _)| key).filter(is_wanted).cloned().collect())
    }

    /// The lists of keys of the condition that leaves the fewest.
    fn narrowest(&self, selection: &Selection, range: KeyRange<'_>, total: usize) -> Option<Vec<&Keys>> {
        let by_label = selection.label_requirements().iter().filter_map(|requirement| {
            let key = requirement.key();
            match requirement.operator() {
                Operator::Exists => self.under_any(key),
                Operator::Equals | Operator::DoubleEquals | Operator::In => {
                    let values = requirement.values().iter();
                    Some(values.filter_map(|value| self.under(Term { kind: LABEL, key, value })).collect())
                }
                _ => None,
            }
        });
        let by_field = selection.field_terms().iter().filter_map(|term| {
            let is_indexed = term.is_equal && !term.value.is_empty() && !is_told_by_key(&term.field);
            let term = Term { kind: FIELD, key: &term.field, value: &term.value };
            is_indexed.then(|| self.under(term).into_iter().collect::<Vec<_>>())
        });
        let counted = by_label.chain(by_field).map(|postings| {
            let count: usize = postings.iter().map(|keys| count_in(keys, range)).sum();
            (count, postings)
        });
        let (count, postings) = counted.min_by_key(|(count, _)| *count)?;
        // A candidate costs a look-up; past a third of the keys it is cheaper to walk them all.
        (count <= total / 3).then_some(postings)
    }

    fn under(&self, term: Term<'_>) -> Option<&Keys> {
        let mut name = String::new();
        term.write(&mut name);
        self.terms.get_by(name.as_bytes(), |stored| (**stored).cmp(&name))
    }

    /// The lists of every value that a label has.
    fn under_any(&self, key: &str) -> Option<Vec<&Keys>> {
        let mut start = String::new();
        Term { kind: LABEL, key, value: "" }.write(&mut start);
        let values = self.terms.iter_from(|stored| (**stored).cmp(&start));
        let found: Vec<_> = values
            .take_while(|(term, _)| term.starts_with(&start))
            .map(|(_, keys)| keys)
            .take(EXISTS_VALUES_MAX + 1)
            .collect();
        (found.len() <= EXISTS_VALUES_MAX).then_some(found)
    }
}

const LABEL: char = 'l';
const FIELD: char = 'f';

/// A label or field with its value.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Term<'a> {
    kind: char,
    key: &'a str,
    value: &'a str,
}

impl Term<'_> {
    fn write(&self, name: &mut String) {
        name.clear();
        name.push(self.kind);
        for part in [self.key, "\0", self.value] {
            name.push_str(part);
        }
    }
}

fn terms_of(version: &Version) -> impl Iterator<Item = Term<'_>> {
    version.object.iter().flat_map(|object| {
        let labels = object.envelope.labels().map(|(key, value)| Term { kind: LABEL, key, value });
        let specs = object.specs.iter().enumerate();
        let fields = specs.filter(|(_, spec)| !is_told_by_key(&spec.label)).map(|(index, spec)| Term {
            kind: FIELD,
            key: &spec.label,
            value: object.envelope.field(index),
        });
        labels.chain(fields)
    })
}

fn is_told_by_key(field: &str) -> bool {
    field == "metadata.name" || field == "metadata.namespace"
}

fn keys_in<'a>(keys: &'a Keys, range: KeyRange<'a>) -> impl Iterator<Item = &'a Arc<str>> {
    let count = count_in(keys, range);
    keys.iter_from(move |key| range.order_to_start(key)).take(count).map(|(key, ())| key)
}

fn count_in(keys: &Keys, range: KeyRange<'_>) -> usize {
    keys.rank_by(|key| range.order_to_end(key)).saturating_sub(keys.rank_by(|key| range.order_to_start(key)))
}
