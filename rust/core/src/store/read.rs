//! Reading: single keys, and pages of a range, at any revision that is kept.
//!
//! Invariant: a page is read from a snapshot that no writer touches; the lock is held only while it is taken.
//! Not here: a page's bytes (see `encode`).

use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::StoreError;
use super::key_index::{KeyIndex, KeyRange};
use super::select_index::SelectIndex;
use super::store::{narrowing, Store};
use super::version::Version;
use crate::selector::Selection;

/// What is to be read.
#[derive(Clone, Copy, Default)]
pub struct RangeQuery<'a> {
    pub prefix: &'a str,
    /// Go on behind this key; "" is before every key.
    pub start_after: &'a str,
    /// Selected keys per page; 0 is no limit.
    pub limit: usize,
    /// 0 is now.
    pub revision: i64,
    pub selection: Option<&'a Selection>,
}

pub struct Page {
    pub items: Vec<Arc<Version>>,
    /// The limit cut the answer short.
    pub more: bool,
    /// The revision that was read.
    pub revision: i64,
    query: PageCounts,
}

/// What is needed to count afterwards; counting a past revision costs a walk, and not every caller asks.
struct PageCounts {
    index: KeyIndex,
    is_current: bool,
}

impl Page {
    /// Keys in the query's range, whatever its limit and selection.
    pub fn count(&self, query: RangeQuery<'_>) -> usize {
        self.count_range(KeyRange { prefix: query.prefix, after: query.start_after })
    }

    /// Key of the last item, "" when there is none.
    pub fn last_key(&self) -> &str {
        self.items.last().map_or("", |version| &version.key)
    }

    /// Keys after this page, before selection; 0 for the last page.
    pub fn remaining_count(&self, query: RangeQuery<'_>) -> usize {
        if !self.more {
            return 0;
        }
        self.count_range(KeyRange { prefix: query.prefix, after: self.last_key() })
    }

    fn count_range(&self, range: KeyRange<'_>) -> usize {
        let PageCounts { index, is_current } = &self.query;
        if *is_current {
            return index.count(range);
        }
        let mut count = 0;
        index.visit_at(range, self.revision, |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        count
    }
}

impl Store {
    /// The key at `revision` (0: now).
    pub fn get(&self, key: &str, revision: i64) -> Result<Option<Arc<Version>>, StoreError> {
        let state = self.state.read();
        if revision <= 0 {
            return Ok(state.index.get(key).cloned());
        }
        let revision = state.readable(revision)?;
        Ok(state.index.get_at(key, revision).cloned())
    }

    /// Keys in byte order. Cost: O(page) and O(log n); a selection that the index does not narrow walks the range.
    pub fn range(&self, query: RangeQuery<'_>) -> Result<Page, StoreError> {
        let state = self.state.read();
        let revision = state.readable(query.revision)?;
        let is_current = revision == state.revision;
        let selection = narrowing(query.selection);
        let index = state.index.clone();
        let select = selection.map(|_| state.select.clone());
        drop(state);

        let mut reader =
            Reader { query: RangeQuery { selection, revision, ..query }, items: Vec::new(), more: false };
        match select.filter(|_| is_current) {
            Some(select) => reader.read_selected(&index, &select),
            None if is_current => index.visit(reader.range(), |version| reader.take(version)),
            None => index.visit_at(reader.range(), revision, |version| reader.take(version)),
        }
        let Reader { items, more, .. } = reader;
        Ok(Page { items, more, revision, query: PageCounts { index, is_current } })
    }

    /// Living keys under the prefix. Cost: O(log n).
    pub fn count(&self, prefix: &str) -> usize {
        self.state.read().index.count(KeyRange { prefix, after: "" })
    }
}

/// Collects one page.
struct Reader<'a> {
    query: RangeQuery<'a>,
    items: Vec<Arc<Version>>,
    more: bool,
}

impl<'a> Reader<'a> {
    fn range(&self) -> KeyRange<'a> {
        KeyRange { prefix: self.query.prefix, after: self.query.start_after }
    }

    fn take(&mut self, version: &Arc<Version>) -> ControlFlow<()> {
        if !version.is_selected(self.query.selection) {
            return ControlFlow::Continue(());
        }
        if self.query.limit > 0 && self.items.len() == self.query.limit {
            self.more = true;
            return ControlFlow::Break(());
        }
        self.items.push(version.clone());
        ControlFlow::Continue(())
    }

    fn read_selected(&mut self, index: &KeyIndex, select: &SelectIndex) {
        let range = self.range();
        let selection = self.query.selection.expect("there is a selection where its index is read");
        let Some(keys) = select.candidates(selection, range, index, index.count(range)) else {
            return index.visit(range, |version| self.take(version));
        };
        for version in keys.iter().filter_map(|key| index.get(key)) {
            if self.take(version).is_break() {
                return;
            }
        }
    }
}
