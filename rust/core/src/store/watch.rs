//! One watcher: first it reads the log until it has caught up, then the hub hands it each change.
//!
//! Invariant: it is either unsynced (a position in the log, no queue) or synced (a queue, no position).
//! Invariant: it delivers strictly rising revisions, none twice, none left out; else it says so with an error.
//! Invariant: a watch that still has something to poll is in its notifier, or was told by it since the last poll.
//! Invariant: the store's lock is taken before `state`, never after.
//! Not here: which watches a change concerns (see `watch_hub`).

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::encode::line_len;
use super::error::StoreError;
use super::event_log::EventLog;
use super::notifier::Notifier;
use super::version::{Change, Event};
use crate::selector::Selection;

/// Changes read from the log in one go, while writers wait: well under a millisecond.
const SLICE_LEN: usize = 4096;

/// What a watcher asks for.
pub struct WatchOptions {
    pub prefix: String,
    /// First revision to be told of.
    pub start_revision: i64,
    pub selection: Option<Arc<Selection>>,
    pub notifier: Option<Arc<Notifier>>,
    /// Events queued before the watch is cut.
    pub backlog_max: usize,
}

pub struct Watcher {
    pub id: u64,
    pub options: WatchOptions,
    state: Mutex<State>,
}

struct State {
    is_synced: bool,
    is_closed: bool,
    /// While unsynced: the next revision to read, and how many of its changes were read already.
    next_revision: i64,
    skip_count: usize,
    queue: VecDeque<Event>,
    /// The revision at which the backlog was full; 0 while it was not.
    cut_revision: i64,
}

/// How a watcher took a change.
#[derive(PartialEq, Eq)]
pub enum Offer {
    Taken,
    /// The backlog is full: nothing more is to be offered.
    Cut,
}

/// What limits one poll.
pub enum Budget {
    Count(usize),
    /// Bytes of encoded lines; one event is always within it.
    Bytes(usize),
}

impl Budget {
    fn admits(&mut self, events: &[Event], event: &Event) -> bool {
        match self {
            Budget::Count(count) => events.len() < *count,
            Budget::Bytes(left) => {
                let size = line_len(event);
                let fits = events.is_empty() || size <= *left;
                *left = left.saturating_sub(size);
                fits
            }
        }
    }
}

impl Watcher {
    pub fn new(id: u64, options: WatchOptions, current_revision: i64) -> Self {
        let is_synced = options.start_revision > current_revision;
        let state = State {
            is_synced,
            is_closed: false,
            next_revision: options.start_revision,
            skip_count: 0,
            queue: VecDeque::new(),
            cut_revision: 0,
        };
        let watcher = Self { id, options, state: Mutex::new(state) };
        if !is_synced {
            watcher.signal();
        }
        watcher
    }

    /// Queues a change that has just been committed; an unsynced watcher will find it in the log.
    pub fn offer(&self, change: &Arc<Change>) -> Offer {
        let mut state = self.state.lock();
        if state.is_closed || !state.is_synced || change.revision < state.next_revision {
            return Offer::Taken;
        }
        if state.cut_revision > 0 {
            return Offer::Cut;
        }
        let Some(kind) = change.seen_through(self.options.selection.as_deref()) else { return Offer::Taken };
        let was_empty = state.queue.is_empty();
        let offer = if state.queue.len() >= self.options.backlog_max {
            state.cut_revision = change.revision;
            Offer::Cut
        } else {
            state.queue.push_back(Event { kind, change: change.clone() });
            Offer::Taken
        };
        drop(state);
        if was_empty {
            self.signal();
        }
        offer
    }

    /// The next events from the queue; `None` when the watcher must first read the log (`poll_logged`).
    pub fn poll_queued(&self, budget: &mut Budget) -> Result<Option<Vec<Event>>, StoreError> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Ok(Some(Vec::new()));
        }
        if !state.is_synced {
            return Ok(None);
        }
        if state.cut_revision > 0 && state.queue.is_empty() {
            return Err(StoreError::WatchOverflow { backlog_max: self.options.backlog_max });
        }
        let events = state.take_queued(budget);
        if !state.queue.is_empty() || (state.cut_revision > 0 && !events.is_empty()) {
            self.signal();
        }
        Ok(Some(events))
    }

    /// Reads one slice of the log into `events`; true when the poll is over. The caller holds the store's lock.
    pub fn poll_logged(
        &self,
        log: &EventLog,
        compact_revision: i64,
        budget: &mut Budget,
        events: &mut Vec<Event>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        if state.is_closed || state.is_synced {
            return Ok(true);
        }
        if state.next_revision < log.first_revision {
            // What was read before compaction overtook this poll is still worth having.
            let compacted = StoreError::Compacted { revision: state.next_revision, compact_revision };
            if events.is_empty() {
                return Err(compacted);
            }
            self.signal();
            return Ok(true);
        }
        let visible =
            log.since(state.next_revision).take_while(|change| change.revision <= log.visible_revision);
        let mut unread = visible.skip(state.skip_count).peekable();
        for _ in 0..SLICE_LEN {
            let Some(change) = unread.next() else {
                state.is_synced = true;
                return Ok(true);
            };
            if let Some(event) = self.see(change) {
                if !budget.admits(events, &event) {
                    self.signal();
                    return Ok(true);
                }
                events.push(event);
            }
            let is_followed = unread.peek().is_some_and(|following| following.revision == change.revision);
            state.step_over(change.revision, is_followed);
        }
        Ok(false)
    }

    fn see(&self, change: &Arc<Change>) -> Option<Event> {
        if !change.key().starts_with(&self.options.prefix) {
            return None;
        }
        let kind = change.seen_through(self.options.selection.as_deref())?;
        Some(Event { kind, change: change.clone() })
    }

    /// Every event up to this revision was polled or is none of this watcher's concern; `published` is the newest
    /// revision that was offered to every watcher, read before this call.
    pub fn progress_revision(&self, published: i64) -> i64 {
        let state = self.state.lock();
        match state.queue.front() {
            _ if !state.is_synced => state.next_revision - 1,
            Some(event) => event.revision() - 1,
            None if state.cut_revision > 0 => state.cut_revision - 1,
            None => published,
        }
    }

    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.queue = VecDeque::new();
        drop(state);
        if let Some(notifier) = &self.options.notifier {
            notifier.discard(self.id);
        }
    }

    fn signal(&self) {
        if let Some(notifier) = &self.options.notifier {
            notifier.add(self.id);
        }
    }
}

impl State {
    fn take_queued(&mut self, budget: &mut Budget) -> Vec<Event> {
        if let Budget::Count(count) = budget {
            if *count >= self.queue.len() {
                return self.queue.drain(..).collect();
            }
        }
        let mut events = Vec::new();
        while self.queue.front().is_some_and(|event| budget.admits(&events, event)) {
            events.extend(self.queue.pop_front());
        }
        events
    }

    /// Moves the position behind a change: to the next of its transaction, or to the next revision.
    fn step_over(&mut self, revision: i64, is_followed: bool) {
        if !is_followed {
            (self.next_revision, self.skip_count) = (revision + 1, 0);
        } else if self.next_revision == revision {
            self.skip_count += 1;
        } else {
            (self.next_revision, self.skip_count) = (revision, 1);
        }
    }
}
