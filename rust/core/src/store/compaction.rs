//! Compaction by age: remembers which revision the store was at when.
//!
//! Invariant: marks rise in time and in revision, and there are at most a little over `MARKS_PER_HISTORY` of them.
//! Not here: forgetting versions (see `key_index`, `event_log`).

/// Marks kept per span of history: it may be kept 1/128 longer than asked.
const MARKS_PER_HISTORY: f64 = 128.0;

#[derive(Clone)]
pub struct RevisionClock {
    pub now_s: f64,
    marks: Vec<(f64, i64)>,
}

impl RevisionClock {
    pub fn new() -> Self {
        Self { now_s: f64::NEG_INFINITY, marks: Vec::new() }
    }

    /// Notes that `revision` was reached by `now_s`.
    pub fn mark(&mut self, now_s: f64, revision: i64, history_s: f64) {
        self.now_s = now_s;
        let is_due = self.marks.last().is_none_or(|(last_s, last_revision)| {
            revision != *last_revision && now_s - last_s >= history_s / MARKS_PER_HISTORY
        });
        if is_due {
            self.marks.push((now_s, revision));
        }
    }

    /// The newest revision reached by `than_s`, 0 when none is known; forgets the marks up to it.
    pub fn take_older(&mut self, than_s: f64) -> i64 {
        let count = self.marks.partition_point(|(time_s, _)| *time_s <= than_s);
        self.marks.drain(..count).next_back().map_or(0, |(_, revision)| revision)
    }

    /// Drops the marks of revisions that a fork does not have.
    pub fn forget_after(&mut self, revision: i64) {
        self.marks.retain(|(_, marked)| *marked <= revision);
    }
}
