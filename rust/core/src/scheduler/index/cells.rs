//! What one class knows of each node: refused for a reason, or a candidate with its group and points.
//!
//! Always true: a candidate is in the bucket of its points in its group; `Refusals` counts the refused nodes by reason.
//! Not here: how a verdict is found (see `class`).

use super::super::cache::Slot;
use super::super::framework::{Code, Reason};
use super::groups::{GroupId, Groups};

pub type RefusalId = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The slot has no node.
    Absent,
    Refused(RefusalId),
    Candidate {
        group: GroupId,
        points: u32,
    },
}

/// A refusal as many nodes share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub plugin: usize,
    pub code: Code,
    pub reasons: Vec<Reason>,
}

impl Refusal {
    pub fn of(plugin: usize, code: Code, reason: &'static str) -> Refusal {
        Refusal { plugin, code, reasons: vec![Reason::Text(reason)] }
    }
}

/// The distinct refusals of one class, with the number of nodes each holds for.
#[derive(Debug, Default)]
pub struct Refusals {
    all: Vec<(Refusal, usize)>,
}

impl Refusals {
    /// There are few: the reasons a filter can have, and their combinations that occur.
    pub fn of(&mut self, plugin: usize, code: Code, reasons: &[Reason]) -> RefusalId {
        let is_it = |r: &Refusal| r.plugin == plugin && r.code == code && r.reasons == reasons;
        let at = self.all.iter().position(|(known, _)| is_it(known)).unwrap_or_else(|| {
            self.all.push((Refusal { plugin, code, reasons: reasons.to_vec() }, 0));
            self.all.len() - 1
        });
        at as RefusalId
    }

    pub fn get(&self, id: RefusalId) -> &Refusal {
        &self.all[id as usize].0
    }

    /// Those that hold for any node.
    pub fn counted(&self) -> impl Iterator<Item = (&Refusal, usize)> {
        self.all.iter().filter(|(_, count)| *count > 0).map(|(refusal, count)| (refusal, *count))
    }
}

#[derive(Debug, Default)]
pub struct Cells {
    verdicts: Vec<Verdict>,
    pub groups: Groups,
    pub refusals: Refusals,
}

impl Cells {
    pub fn get(&self, slot: Slot) -> Verdict {
        self.verdicts.get(slot as usize).copied().unwrap_or(Verdict::Absent)
    }

    /// All nodes with what is known of them, by slot.
    pub fn all(&self) -> impl Iterator<Item = (Slot, Verdict)> + '_ {
        self.verdicts.iter().enumerate().map(|(slot, verdict)| (slot as Slot, *verdict))
    }

    pub fn set(&mut self, slot: Slot, new: Verdict) {
        if self.verdicts.len() <= slot as usize {
            self.verdicts.resize(slot as usize + 1, Verdict::Absent);
        }
        let old = std::mem::replace(&mut self.verdicts[slot as usize], new);
        if old == new {
            return;
        }
        match (old, new) {
            (Verdict::Candidate { group, points }, Verdict::Candidate { group: same, points: other })
                if group == same =>
            {
                return self.groups.shift(group, (points, other), slot);
            }
            (Verdict::Candidate { group, points }, _) => self.groups.remove(group, points, slot),
            (Verdict::Refused(id), _) => self.refusals.all[id as usize].1 -= 1,
            (Verdict::Absent, _) => {}
        }
        match new {
            Verdict::Candidate { group, points } => self.groups.insert(group, points, slot),
            Verdict::Refused(id) => self.refusals.all[id as usize].1 += 1,
            Verdict::Absent => {}
        }
    }
}
