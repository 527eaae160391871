//! Event log: every change since the oldest revision a watch may start from, in order.
//!
//! Invariant: revisions never fall along the log; changes of one transaction are neighbours; no chunk is empty.
//! Invariant: changes at the compaction revision itself are kept, so a watch from there misses nothing.
//! Not here: who is told (see `watch_hub`).

use std::collections::VecDeque;
use std::sync::Arc;

use super::version::{Change, Version};

/// Changes per chunk: a fork copies one pointer a chunk, and one chunk at its first write.
const CHUNK_LEN: usize = 512;

#[derive(Clone)]
pub struct EventLog {
    /// Oldest revision a watch may start from.
    pub first_revision: i64,
    /// Newest revision that watchers may be told of; later ones are not durable yet.
    pub visible_revision: i64,
    chunks: VecDeque<Arc<Vec<Arc<Change>>>>,
    len: usize,
}

impl EventLog {
    pub fn new() -> Self {
        Self { first_revision: 1, visible_revision: 1, chunks: VecDeque::new(), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, change: Arc<Change>) {
        self.len += 1;
        match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK_LEN) {
            Some(chunk) => Arc::make_mut(chunk).push(change),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK_LEN);
                chunk.push(change);
                self.chunks.push_back(Arc::new(chunk));
            }
        }
    }

    /// Changes at `revision` and later.
    pub fn since(&self, revision: i64) -> impl Iterator<Item = &Arc<Change>> {
        let first = self.chunks.partition_point(|chunk| last_revision(chunk) < revision);
        self.chunks
            .range(first..)
            .flat_map(|chunk| chunk.iter())
            .skip_while(move |change| change.revision < revision)
    }

    /// Calls `forget` with each change up to `revision`, then drops those before it.
    pub fn compact(&mut self, revision: i64, mut forget: impl FnMut(&Change)) {
        self.first_revision = self.first_revision.max(revision);
        while let Some(chunk) = self.chunks.front_mut() {
            let old_count = chunk.partition_point(|change| change.revision < revision);
            chunk[..old_count].iter().for_each(|change| forget(change));
            self.len -= old_count;
            if old_count < chunk.len() {
                if old_count > 0 {
                    Arc::make_mut(chunk).drain(..old_count);
                }
                break;
            }
            self.chunks.pop_front();
        }
        self.since(revision)
            .take_while(|change| change.revision == revision)
            .for_each(|change| forget(change));
    }

    /// Removes and returns the changes after `revision`, newest first.
    pub fn pop_after(&mut self, revision: i64) -> Vec<Arc<Change>> {
        let mut popped = Vec::new();
        while let Some(chunk) = self.chunks.back_mut().filter(|chunk| last_revision(chunk) > revision) {
            let kept_count = chunk.partition_point(|change| change.revision <= revision);
            if kept_count == 0 {
                let chunk = self.chunks.pop_back().expect("its back was looked at two lines up");
                popped.extend(chunk.iter().rev().cloned());
            } else {
                popped.extend(Arc::make_mut(chunk).drain(kept_count..).rev());
            }
        }
        self.len -= popped.len();
        popped
    }

    /// Puts other versions in the place of all, as the index does.
    pub fn replace_versions(&mut self, anew: &mut impl FnMut(&Arc<Version>) -> Arc<Version>) {
        let (first_revision, visible_revision) = (self.first_revision, self.visible_revision);
        let mut log = Self { first_revision, visible_revision, ..Self::new() };
        for change in self.since(i64::MIN) {
            let previous = change.previous.as_ref().map(&mut *anew);
            let current = change.current.as_ref().map(&mut *anew);
            log.push(Arc::new(Change::new(change.revision, previous, current)));
        }
        *self = log;
    }
}

fn last_revision(chunk: &[Arc<Change>]) -> i64 {
    chunk.last().map_or(i64::MIN, |change| change.revision)
}
