//! Slots ordered by a small number (a sum of scores), the highest at hand.
//!
//! Always true: `filled` is sorted by points and holds no empty set.
//! Not here: which scores are summed (see `class`).

use super::super::cache::Slot;
use super::slot_set::SlotSet;

/// Emptied sets kept for the next bucket, so that a node that moves between two buckets allocates nothing.
const SPARE_SETS_MAX: usize = 8;

#[derive(Debug, Default)]
pub struct Buckets {
    filled: Vec<(u32, SlotSet)>,
    spare: Vec<SlotSet>,
}

impl Buckets {
    pub fn insert(&mut self, points: u32, slot: Slot) {
        let at = match self.find(points) {
            Ok(at) => at,
            Err(at) => {
                self.filled.insert(at, (points, self.spare.pop().unwrap_or_default()));
                at
            }
        };
        self.filled[at].1.insert(slot);
    }

    pub fn remove(&mut self, points: u32, slot: Slot) {
        let at = self.find(points).expect("a slot leaves the bucket that it is in");
        self.filled[at].1.remove(slot);
        if self.filled[at].1.is_empty() {
            let (_, set) = self.filled.remove(at);
            if self.spare.len() < SPARE_SETS_MAX {
                self.spare.push(set);
            }
        }
    }

    /// The highest points that any slot has, with the slots that have them.
    pub fn highest(&self) -> Option<(u32, &SlotSet)> {
        self.filled.last().map(|(points, set)| (*points, set))
    }

    fn find(&self, points: u32) -> Result<usize, usize> {
        self.filled.binary_search_by_key(&points, |(filled, _)| *filled)
    }
}
