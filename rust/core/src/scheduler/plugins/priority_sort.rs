//! PrioritySort: higher priority first, then who came to the queue earlier.
//!
//! Invariant: keys are unique, for the last part counts every arrival.

use std::cmp::Reverse;

/// Position in the active queue; the smallest is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActiveKey {
    priority: Reverse<i32>,
    /// The enqueue time in microseconds.
    timestamp_us: i64,
    arrival: u64,
}

impl ActiveKey {
    pub fn new(priority: i32, timestamp_s: f64, arrival: u64) -> ActiveKey {
        // Whole microseconds, so that the order is total and the same in both twins.
        ActiveKey { priority: Reverse(priority), timestamp_us: (timestamp_s * 1e6) as i64, arrival }
    }
}
