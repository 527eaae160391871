//! The cache: nodes in the scheduler's order, and the pods that hold their resources, assumed ones included.
//!
//! Invariant: every pod in `pods` is counted on exactly one node; a node without an object stays while pods are on it.
//! Invariant: the order is node 0 of each zone, then node 1 of each zone …, zones by first appearance.
//! Invariant: a node's slot is its place in the order of first appearance of all names; slots close up when more than
//! half of many are empty (`epoch` counts that).
//! Not here: pending pods (see `queue`).

use super::evictions::Evictions;
use super::groups::Groups;
use super::images::ImageCounts;
use super::index::{Change, ChangeLog};
use super::interner::{Symbol, EMPTY};
use super::node::{NodeFacts, NodeInfo};
use super::node_order::NodeOrder;
use super::pod::PodInfo;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A node's place in the order of first appearance.
pub type Slot = u32;

const SLOTS_BEFORE_CLOSING_UP: usize = 64;

#[derive(Debug)]
struct CachedPod {
    info: Arc<PodInfo>,
    slot: Slot,
}

#[derive(Debug, Default)]
pub struct Cache {
    nodes: Vec<NodeInfo>,
    empty_count: usize,
    epoch: u64,
    by_name: FxHashMap<Symbol, Slot>,
    order: NodeOrder,
    pods: FxHashMap<Arc<str>, CachedPod>,
    /// Pods for which room is being made, by the node's name.
    nominated: FxHashMap<Symbol, Vec<Arc<PodInfo>>>,
    nominations: FxHashMap<Arc<str>, Symbol>,
    /// How many of the nominated pods have each priority.
    nominated_priorities: BTreeMap<i32, usize>,
    pub evictions: Evictions,
    pub groups: Groups,
    /// Nodes with pods that have affinity terms of any kind.
    with_affinity: BTreeSet<Slot>,
    /// How many pods on nodes have which priority.
    priorities: BTreeMap<i32, usize>,
    /// What the index has to revisit.
    changes: ChangeLog,
    image_counts: ImageCounts,
    /// Nodes with images that changed since an attempt last looked.
    changed: FxHashSet<Slot>,
    /// How many nodes there were then.
    looked_node_count: usize,
}

impl Cache {
    /// Stores a node's facts; returns what it was before, None when it is new.
    pub fn set_node(&mut self, facts: NodeFacts) -> Option<NodeFacts> {
        let slot = self.slot(facts.name);
        let node = &mut self.nodes[slot as usize];
        let (name, zone) = (facts.name, facts.zone);
        let has_moved = match node.is_present {
            true => facts.labels != node.facts.labels || facts.taints != node.facts.taints,
            false => node.pod_count > 0,
        };
        let has_images = !facts.images.is_empty() || !node.images.is_empty();
        if node.is_present {
            self.image_counts.remove(&node.facts.images);
        }
        self.image_counts.add(&facts.images);
        if has_images {
            self.changed.insert(slot);
        }
        let old = std::mem::replace(&mut node.facts, facts);
        let was_present = std::mem::replace(&mut node.is_present, true);
        self.note(|| if has_moved { Change::NodeMoved(slot) } else { Change::Node(slot) });
        if was_present {
            if old.zone != zone {
                self.order.leave(slot);
                self.order.enter(slot, zone);
            }
            return Some(old);
        }
        debug_assert_eq!(self.by_name.get(&name), Some(&slot), "a slot belongs to one name");
        self.order.enter(slot, zone);
        None
    }

    /// Forgets the node's object; returns what it was.
    pub fn remove_node(&mut self, name: Symbol) -> Option<NodeFacts> {
        let slot = self.by_name.get(&name).copied()?;
        let node = &mut self.nodes[slot as usize];
        if !std::mem::replace(&mut node.is_present, false) {
            return None;
        }
        let facts = node.facts.clone();
        self.image_counts.remove(&facts.images);
        self.changed.remove(&slot);
        self.note(|| Change::NodeMoved(slot));
        self.order.leave(slot);
        self.drop_if_unused(slot);
        Some(facts)
    }

    /// The node was told again, as it is.
    pub fn touch(&mut self, name: Symbol) {
        if let Some(slot) = self.slot_of(name) {
            self.mark_changed(slot);
        }
    }

    #[inline]
    fn mark_changed(&mut self, slot: Slot) {
        if !self.nodes[slot as usize].facts.images.is_empty() {
            self.changed.insert(slot);
        }
    }

    /// An attempt begins: nodes that changed since the last one learn how widespread their images are.
    ///
    /// The others keep what they learned then, as kube-scheduler's snapshot does.
    pub fn look(&mut self) {
        if self.image_counts.is_empty() && self.changed.is_empty() {
            return;
        }
        let mut seen: Vec<Slot> = Vec::new();
        for slot in self.changed.drain() {
            let node = &mut self.nodes[slot as usize];
            let images = self.image_counts.spread(&node.facts.images);
            if node.images != images {
                node.images = images;
                seen.push(slot);
            }
        }
        let node_count = self.node_count();
        if std::mem::replace(&mut self.looked_node_count, node_count) != node_count {
            // Shares of all nodes have changed everywhere.
            let slots = (0..self.nodes.len()).filter(|slot| !self.nodes[*slot].images.is_empty());
            seen = slots.map(|slot| slot as Slot).collect();
        }
        seen.sort_unstable();
        for slot in seen {
            self.note(|| Change::Node(slot));
        }
    }

    pub fn node(&self, name: Symbol) -> Option<&NodeInfo> {
        self.by_name.get(&name).map(|slot| &self.nodes[*slot as usize]).filter(|n| n.is_present)
    }

    /// Number of nodes that have an object.
    pub fn node_count(&self) -> usize {
        self.order.len()
    }

    /// Brings the order up to date; call before `order`.
    pub fn refresh_order(&mut self) {
        self.order.refresh();
    }

    /// All nodes that have an object, in the scheduler's order.
    pub fn order(&self) -> &[Slot] {
        self.order.list()
    }

    /// The named nodes that there are, in the scheduler's order.
    pub fn in_order(&self, names: &[Symbol]) -> Vec<Slot> {
        let mut slots: Vec<Slot> = names.iter().filter_map(|name| self.slot_of(*name)).collect();
        slots.sort_unstable();
        slots.dedup();
        if slots.len() > 1 {
            // Few names: looking each up in the order is what sampling needs, and it is rare.
            slots = self.order().iter().copied().filter(|slot| slots.binary_search(slot).is_ok()).collect();
        }
        slots
    }

    /// The slot of a node that has an object.
    pub fn slot_of(&self, name: Symbol) -> Option<Slot> {
        self.by_name.get(&name).copied().filter(|slot| self.nodes[*slot as usize].is_present)
    }

    pub fn info(&self, slot: Slot) -> &NodeInfo {
        &self.nodes[slot as usize]
    }

    /// The node in a slot, when it has an object.
    pub fn present(&self, slot: Slot) -> Option<&NodeInfo> {
        self.nodes.get(slot as usize).filter(|node| node.is_present)
    }

    pub fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// From now on changes are kept; the position after the last one.
    pub fn follow_changes(&mut self) -> u64 {
        self.changes.follow()
    }

    fn note(&mut self, change: impl FnOnce() -> Change) {
        self.changes.push(self.nodes.len(), change);
    }

    /// True when some pod on some node is of a lower priority.
    pub fn has_lower(&self, priority: i32) -> bool {
        self.priorities.first_key_value().is_some_and(|(lowest, _)| *lowest < priority)
    }

    /// True when room is being made on some node for some pod of at least this priority.
    pub fn has_nominated(&self, priority: i32) -> bool {
        self.nominated_priorities.last_key_value().is_some_and(|(highest, _)| *highest >= priority)
    }

    /// The nodes on which room is being made for other pods of at least the pod's priority, with those pods.
    pub fn guests(&self, pod: &PodInfo) -> Vec<(Slot, Vec<Arc<PodInfo>>)> {
        if !self.has_nominated(pod.priority) {
            return Vec::new();
        }
        let nodes = self.nominated.keys().filter_map(|name| Some((self.slot_of(*name)?, *name)));
        let mut guests: Vec<_> = nodes.map(|(slot, name)| (slot, self.nominated_to(name, pod))).collect();
        guests.retain(|(_, pods)| !pods.is_empty());
        guests
    }

    /// All slots, empty ones included.
    pub fn slot_count(&self) -> usize {
        self.nodes.len()
    }

    /// Changes when slots have been given anew.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A pod that is on a node.
    pub fn pod(&self, uid: &str) -> Option<&Arc<PodInfo>> {
        self.pods.get(uid).map(|cached| &cached.info)
    }

    /// Remembers that room is being made for the pod; the empty name forgets it. Returns what was remembered before.
    pub fn nominate(&mut self, pod: &Arc<PodInfo>, node_name: Symbol) -> Option<(Arc<PodInfo>, Symbol)> {
        let before = self.nominations.remove(&pod.uid).map(|name| {
            let guests = self.nominated.get_mut(&name).expect("every nomination stands in both tables");
            let at = guests.iter().position(|guest| guest.uid == pod.uid);
            let guest = guests.remove(at.expect("every nomination stands in both tables"));
            if guests.is_empty() {
                self.nominated.remove(&name);
            }
            uncount(&mut self.nominated_priorities, guest.priority);
            (guest, name)
        });
        if node_name != EMPTY {
            *self.nominated_priorities.entry(pod.priority).or_default() += 1;
            self.nominations.insert(pod.uid.clone(), node_name);
            self.nominated.entry(node_name).or_default().push(pod.clone());
        }
        before
    }

    /// Pods of lower priority for which room is being made on the node.
    pub fn nominated_below(&self, node_name: Symbol, pod: &PodInfo) -> Vec<Arc<PodInfo>> {
        let guests = self.nominated.get(&node_name).into_iter().flatten();
        guests.filter(|guest| guest.priority < pod.priority).cloned().collect()
    }

    /// Other pods of at least the pod's priority for which room is being made on the node.
    pub fn nominated_to(&self, node_name: Symbol, pod: &PodInfo) -> Vec<Arc<PodInfo>> {
        if !self.has_nominated(pod.priority) {
            return Vec::new();
        }
        let guests = self.nominated.get(&node_name).into_iter().flatten();
        guests.filter(|g| g.uid != pod.uid && g.priority >= pod.priority).cloned().collect()
    }

    /// The nodes, with an object, that have pods with affinity terms.
    pub fn with_affinity(&self) -> impl Iterator<Item = &NodeInfo> {
        self.with_affinity.iter().map(|slot| self.info(*slot)).filter(|node| node.is_present)
    }

    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// Counts a pod on its node, moving it there when it was elsewhere; returns what it was before.
    pub fn set_pod(&mut self, pod: Arc<PodInfo>, node_name: Symbol) -> Option<Arc<PodInfo>> {
        if let Some(old) = self.replace_pod(&pod, node_name) {
            return Some(old);
        }
        let old = self.remove_pod(&pod.uid);
        let slot = self.slot(node_name);
        self.nodes[slot as usize].add_pod(&pod);
        if pod.shape.affinity.has_terms() {
            self.with_affinity.insert(slot);
        }
        self.note(|| Change::PodAdded(slot, pod.clone()));
        *self.priorities.entry(pod.priority).or_insert(0) += 1;
        self.mark_changed(slot);
        self.pods.insert(pod.uid.clone(), CachedPod { info: pod, slot });
        old
    }

    /// A pod told again that means the same to every other pod: nothing to revisit. Most often its own binding, seen.
    fn replace_pod(&mut self, pod: &Arc<PodInfo>, node_name: Symbol) -> Option<Arc<PodInfo>> {
        let cached = self.pods.get_mut(&pod.uid)?;
        let node = &mut self.nodes[cached.slot as usize];
        let is_same = node.facts.name == node_name
            && Arc::ptr_eq(&cached.info.shape, &pod.shape)
            && cached.info.priority == pod.priority
            && cached.info.is_deleted == pod.is_deleted;
        if !is_same {
            return None;
        }
        let slot = cached.slot;
        let old = std::mem::replace(&mut cached.info, pod.clone());
        node.remove_pod(&old);
        node.add_pod(pod);
        self.mark_changed(slot);
        Some(old)
    }

    pub fn remove_pod(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        let cached = self.pods.remove(uid)?;
        let node = &mut self.nodes[cached.slot as usize];
        node.remove_pod(&cached.info);
        if node.pods_with_affinity.is_empty() {
            self.with_affinity.remove(&cached.slot);
        }
        self.mark_changed(cached.slot);
        self.note(|| Change::PodRemoved(cached.slot, cached.info.clone()));
        uncount(&mut self.priorities, cached.info.priority);
        self.drop_if_unused(cached.slot);
        Some(cached.info)
    }

    /// The slot of a name, made when there is none.
    fn slot(&mut self, name: Symbol) -> Slot {
        if let Some(slot) = self.by_name.get(&name) {
            return *slot;
        }
        let node = NodeInfo { facts: NodeFacts { name, ..NodeFacts::default() }, ..NodeInfo::default() };
        self.nodes.push(node);
        let slot = Slot::try_from(self.nodes.len() - 1).expect("fewer than 2^32 nodes fit in memory");
        self.by_name.insert(name, slot);
        slot
    }

    fn drop_if_unused(&mut self, slot: Slot) {
        let node = &self.nodes[slot as usize];
        if !node.is_present && node.pod_count == 0 {
            self.by_name.remove(&node.facts.name);
            self.changed.remove(&slot);
            self.nodes[slot as usize] = NodeInfo::default();
            self.empty_count += 1;
            if self.nodes.len() > SLOTS_BEFORE_CLOSING_UP && self.empty_count * 2 > self.nodes.len() {
                self.close_up();
            }
        }
    }

    /// Gives the nodes slots without gaps, in their old order.
    fn close_up(&mut self) {
        let mut moved: Vec<Slot> = vec![0; self.nodes.len()];
        let mut kept = Vec::with_capacity(self.nodes.len() - self.empty_count);
        for (slot, node) in std::mem::take(&mut self.nodes).into_iter().enumerate() {
            if node.is_present || node.pod_count > 0 {
                moved[slot] = kept.len() as Slot;
                kept.push(node);
            }
        }
        self.nodes = kept;
        self.changed = self.changed.iter().map(|slot| moved[*slot as usize]).collect();
        self.empty_count = 0;
        self.epoch += 1;
        self.order.renumber(&moved);
        let pods = self.pods.values_mut().map(|pod| &mut pod.slot);
        for slot in self.by_name.values_mut().chain(pods) {
            *slot = moved[*slot as usize];
        }
        let with_affinity = std::mem::take(&mut self.with_affinity);
        self.with_affinity = with_affinity.into_iter().map(|slot| moved[slot as usize]).collect();
    }
}

fn uncount(counts: &mut BTreeMap<i32, usize>, priority: i32) {
    let count = counts.get_mut(&priority).expect("every pod's priority is counted");
    *count -= 1;
    if *count == 0 {
        counts.remove(&priority);
    }
}
