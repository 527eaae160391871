//! The index: the scan's answers without looking at every node.
//!
//! Pods of one shape under one profile are a class. A class keeps a verdict per node and revisits only nodes that the
//! change log names; nodes with equal keys form groups, and within a group nodes are ordered by points. A decision judges
//! groups, takes the best bucket and finds the first slot from the draw on.
//! Always true: where the index answers, it answers what the scan would.
//! Not here: the scan (see `cycle`), preemption.

mod affinity;
mod buckets;
mod cells;
mod change_log;
mod choice;
mod class;
mod counter;
mod groups;
mod plan;
mod refused;
mod slot_set;
mod spread;
mod tally;
mod topology;

pub use change_log::{Change, ChangeLog};
pub use refused::Refused;

use super::cache::Slot;
use super::framework::{Framework, World};
use super::pod::{PodInfo, PodShape};
use class::{Class, Query};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use topology::Topologies;

/// All classes together keep no more cells (one a node and class) than this; the one unused for longest goes first.
const CELLS_MAX: usize = 1 << 26;
/// And no more classes.
const CLASSES_MAX: usize = 4_096;
/// A shape that fewer references than this hold is the pod's own: scanning once is cheaper than a class. (The table of
/// shapes holds one, the pod one, its template one.)
const SHARED_MIN: usize = 4;

/// What the index says about a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The node; `is_drawn`: there was a choice among several.
    Chosen { slot: Slot, is_drawn: bool },
    /// No node is feasible. None: why not, only the scan can tell.
    Nothing(Option<Refused>),
    /// The index does not cover such pods: scan.
    Unknown,
}

struct Entry {
    /// Keeps the shape's address taken, which is the key.
    _shape: Arc<PodShape>,
    /// None: known to need the scan.
    class: Option<Class>,
    used_at: u64,
}

#[derive(Default)]
pub struct Index {
    classes: FxHashMap<(usize, usize), Entry>,
    topologies: Topologies,
    /// The change log's position up to which the topologies are right.
    position: u64,
    /// The epoch of the slots that all this is about.
    epoch: u64,
    uses: u64,
    answer_count: u64,
}

impl Index {
    /// `program`: which profile; `now`: the end of the change log; `draw`: the number that settles a tie.
    pub fn decide(
        &mut self,
        pod: &PodInfo,
        (program, framework): (usize, &Framework),
        world: &World,
        (now, draw): (u64, u64),
    ) -> Answer {
        self.catch_up(world, now);
        let query = Query { pod, framework, world };
        let key = (Arc::as_ptr(&pod.shape) as usize, program);
        self.uses += 1;
        if !self.classes.contains_key(&key) {
            if Arc::strong_count(&pod.shape) < SHARED_MIN {
                return Answer::Unknown;
            }
            self.make_room(world.cache.slot_count());
            let class = Class::build(&query, &mut self.topologies, now);
            self.classes.insert(key, Entry { _shape: pod.shape.clone(), class, used_at: 0 });
        }
        let entry = self.classes.get_mut(&key).expect("made above when it was missing");
        entry.used_at = self.uses;
        let Some(class) = &mut entry.class else { return Answer::Unknown };
        if !class.catch_up(&query, &mut self.topologies, now) {
            entry.class = Class::build(&query, &mut self.topologies, now);
        }
        let Some(class) = &mut entry.class else { return Answer::Unknown };
        self.answer_count += 1;
        match class.decide(&query, draw) {
            Some((slot, is_drawn)) => Answer::Chosen { slot, is_drawn },
            None => Answer::Nothing(class.refused(&query)),
        }
    }

    /// How often the index knew what to say.
    pub fn answer_count(&self) -> u64 {
        self.answer_count
    }

    /// Brings the topologies up to date.
    fn catch_up(&mut self, world: &World, now: u64) {
        let cache = world.cache;
        let changes = cache.changes().since(self.position).filter(|_| cache.epoch() == self.epoch);
        (self.position, self.epoch) = (now, cache.epoch());
        let Some(changes) = changes else {
            self.classes.clear();
            self.topologies = Topologies::default();
            return;
        };
        for change in changes {
            if let Change::Node(slot) | Change::NodeMoved(slot) = change {
                self.topologies.set_node(*slot, cache.present(*slot).map(|node| &node.facts));
            }
        }
    }

    fn make_room(&mut self, slot_count: usize) {
        let kept_max = CLASSES_MAX.min(CELLS_MAX / slot_count.max(1)).max(1);
        while self.classes.len() >= kept_max {
            let oldest = self.classes.iter().min_by_key(|(_, entry)| entry.used_at).map(|(key, _)| *key);
            self.classes.remove(&oldest.expect("there is at least one class"));
        }
    }
}
