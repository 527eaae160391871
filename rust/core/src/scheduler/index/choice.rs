//! The choice among groups: the highest total, then the first slot going round from the draw.
//!
//! Always true: the answer is the one that looking at each node of the groups would give.
//! Not here: which groups are feasible, their scores (see `class`).

use super::super::cache::Slot;
use super::groups::{GroupId, Groups};

/// A feasible group with the part of the total that all its nodes share.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    pub group: GroupId,
    pub base: i64,
}

/// The slot that the draw leads to; `slot_count` is the length of the circle. None without groups.
pub fn choose(groups: &Groups, scored: &[Scored], start: Slot, slot_count: Slot) -> Option<Slot> {
    let total = |one: &Scored| {
        let (points, _) = groups.get(one.group).buckets.highest().expect("a live group has nodes");
        one.base + i64::from(points)
    };
    let best = scored.iter().map(total).max()?;
    let mut nearest: Option<(Slot, Slot)> = None;
    for one in scored.iter().filter(|one| total(one) == best) {
        let (_, slots) = groups.get(one.group).buckets.highest()?;
        let slot = slots.next_cyclic(start)?;
        let distance = if slot >= start { slot - start } else { slot + (slot_count - start) };
        if nearest.is_none_or(|(least, _)| distance < least) {
            nearest = Some((distance, slot));
        }
    }
    nearest.map(|(_, slot)| slot)
}
