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
mod labels;
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
use labels::LabelKeys;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use topology::Topologies;

/// All classes together keep no more cells (one a node and class) than this; the one unused for longest goes first.
const CELLS_MAX: usize = 1 << 26;
/// And no more classes.
const CLASSES_MAX: usize = 4_096;
/// A shape that fewer references than this hold is the pod's own: scanning once is cheaper than a class. (The table of
/// shapes holds one, the pod one, its template one.)
const SHARED_MIN: usize = 4;
/// The same for a shape that names its nodes: looking at these alone is as cheap as a class, until there are many pods.
const NAMING_SHARED_MIN: usize = 64;
/// So many shapes of pods that are alone in theirs are remembered, less the labels that do not matter.
const REDUCED_MAX: usize = 4_096;

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
    /// The shape lacks labels that did not matter when the class was made.
    is_reduced: bool,
    /// None: known to need the scan.
    class: Option<Class>,
    used_at: u64,
}

#[derive(Default)]
pub struct Index {
    classes: FxHashMap<(usize, usize), Entry>,
    topologies: Topologies,
    label_keys: LabelKeys,
    reduced: FxHashSet<Arc<PodShape>>,
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
        let guests = world.cache.guests(pod);
        // Only pods of lower priority can make room; which nodes they could make it on matters only then.
        let lists_nodes = world.cache.has_lower(pod.priority) && !pod.is_never_preempting;
        let Some(shape) = self.shape_of(&query) else { return Answer::Unknown };
        let key = (Arc::as_ptr(&shape) as usize, program);
        self.uses += 1;
        if !self.classes.contains_key(&key) {
            self.make_room(world.cache.slot_count());
            let is_reduced = !Arc::ptr_eq(&shape, &pod.shape);
            let class = Class::build(&query, &mut self.topologies, now);
            self.classes.insert(key, Entry { _shape: shape, is_reduced, class, used_at: 0 });
        }
        let entry = self.classes.get_mut(&key).expect("made above when it was missing");
        entry.used_at = self.uses;
        let Some(class) = &mut entry.class else { return Answer::Unknown };
        if !class.catch_up(&query, &mut self.topologies, now) {
            entry.class = Class::build(&query, &mut self.topologies, now);
        }
        let Some(class) = &mut entry.class else { return Answer::Unknown };
        let Some(undo) = class.admit_guests(&guests, &query) else { return Answer::Unknown };
        self.answer_count += 1;
        let answer = match class.decide(&query, draw) {
            Some((slot, is_drawn)) => Answer::Chosen { slot, is_drawn },
            None => Answer::Nothing(class.refused(&query, lists_nodes)),
        };
        class.restore(undo);
        answer
    }

    /// The shape that stands for the pod's class; None for a pod that seems to be alone in its class.
    fn shape_of(&mut self, query: &Query) -> Option<Arc<PodShape>> {
        let shape = &query.pod.shape;
        let (is_naming, holder_count) = (shape.names_nodes(), Arc::strong_count(shape));
        if holder_count >= if is_naming { NAMING_SHARED_MIN } else { SHARED_MIN } {
            return Some(shape.clone());
        }
        if is_naming {
            return None;
        }
        let before = self.label_keys.generation();
        self.label_keys.learn_owners(query);
        self.drop_reduced(before);
        let reduced = self.label_keys.reduced(shape);
        if let Some(known) = self.reduced.get(&reduced) {
            return Some(known.clone());
        }
        if self.reduced.len() >= REDUCED_MAX {
            self.reduced.clear();
        }
        self.reduced.insert(Arc::new(reduced));
        None
    }

    /// Classes of reduced shapes end when more labels matter than before.
    fn drop_reduced(&mut self, generation_before: u64) {
        if self.label_keys.generation() != generation_before {
            self.reduced.clear();
            self.classes.retain(|_, entry| !entry.is_reduced);
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
        let facts = |slot| cache.present(slot).map(|node| &node.facts);
        let Some(changes) = changes else {
            self.classes.clear();
            self.topologies = Topologies::default();
            self.reduced.clear();
            self.label_keys = LabelKeys::default();
            for pod in cache.with_affinity().flat_map(|node| &node.pods_with_affinity) {
                self.label_keys.learn_terms(&pod.shape.affinity);
            }
            return;
        };
        let before = self.label_keys.generation();
        for change in changes {
            match change {
                Change::Node(slot) => self.topologies.set_node(*slot, facts(*slot)),
                Change::NodeMoved(slot) => {
                    self.topologies.set_node(*slot, facts(*slot));
                    for pod in cache.present(*slot).iter().flat_map(|node| &node.pods_with_affinity) {
                        self.label_keys.learn_terms(&pod.shape.affinity);
                    }
                }
                Change::PodAdded(_, pod) if pod.shape.affinity.has_terms() => {
                    self.label_keys.learn_terms(&pod.shape.affinity);
                }
                Change::PodAdded(..) | Change::PodRemoved(..) => {}
            }
        }
        self.drop_reduced(before);
    }

    fn make_room(&mut self, slot_count: usize) {
        let kept_max = CLASSES_MAX.min(CELLS_MAX / slot_count.max(1)).max(1);
        while self.classes.len() >= kept_max {
            let oldest = self.classes.iter().min_by_key(|(_, entry)| entry.used_at).map(|(key, _)| *key);
            self.classes.remove(&oldest.expect("there is at least one class"));
        }
    }
}
