//! The cache: nodes in the scheduler's order, and the pods that hold their resources, assumed ones included.
//!
//! Invariant: every pod in `pods` is counted on exactly one node; a node without an object stays while pods are on it.
//! Invariant: the order is node 0 of each zone, then node 1 of each zone …, zones by first appearance.
//! Not here: pending pods (see `queue`).

use super::interner::Symbol;
use super::node::{NodeFacts, NodeInfo};
use super::pod::PodInfo;
use rustc_hash::FxHashMap;
use std::sync::Arc;

type Slot = u32;
type ZoneKey = (Symbol, Symbol);

#[derive(Debug)]
struct CachedPod {
    info: Arc<PodInfo>,
    slot: Slot,
}

#[derive(Debug, Default)]
pub struct Cache {
    nodes: Vec<NodeInfo>,
    free: Vec<Slot>,
    by_name: FxHashMap<Symbol, Slot>,
    zones: Vec<(ZoneKey, Vec<Slot>)>,
    order: Vec<Slot>,
    is_order_stale: bool,
    pods: FxHashMap<Arc<str>, CachedPod>,
}

impl Cache {
    /// Stores a node's facts; returns what it was before, None when it is new.
    pub fn set_node(&mut self, facts: NodeFacts) -> Option<NodeFacts> {
        let slot = self.slot(facts.name);
        let node = &mut self.nodes[slot as usize];
        let (name, zone) = (facts.name, facts.zone);
        let old = std::mem::replace(&mut node.facts, facts);
        if std::mem::replace(&mut node.is_present, true) {
            if old.zone != zone {
                self.leave_zone(slot, old.zone);
                self.enter_zone(slot, zone);
            }
            return Some(old);
        }
        debug_assert_eq!(self.by_name.get(&name), Some(&slot), "a slot belongs to one name");
        self.enter_zone(slot, zone);
        None
    }

    /// Forgets the node's object; true when it was there.
    pub fn remove_node(&mut self, name: Symbol) -> bool {
        let Some(slot) = self.by_name.get(&name).copied() else { return false };
        let node = &mut self.nodes[slot as usize];
        if !std::mem::replace(&mut node.is_present, false) {
            return false;
        }
        let zone = node.facts.zone;
        self.leave_zone(slot, zone);
        self.drop_if_unused(slot);
        true
    }

    pub fn node(&self, name: Symbol) -> Option<&NodeInfo> {
        self.by_name.get(&name).map(|slot| &self.nodes[*slot as usize]).filter(|n| n.is_present)
    }

    /// Number of nodes that have an object.
    pub fn node_count(&self) -> usize {
        self.zones.iter().map(|(_, slots)| slots.len()).sum()
    }

    /// Brings the order up to date; call before `at`.
    pub fn refresh_order(&mut self) {
        if !std::mem::take(&mut self.is_order_stale) {
            return;
        }
        self.order.clear();
        let deepest = self.zones.iter().map(|(_, slots)| slots.len()).max().unwrap_or(0);
        for depth in 0..deepest {
            self.order.extend(self.zones.iter().filter_map(|(_, slots)| slots.get(depth)));
        }
    }

    /// The node at a position of the order.
    pub fn at(&self, position: usize) -> &NodeInfo {
        &self.nodes[self.order[position] as usize]
    }

    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// Counts a pod on its node, moving it there when it was elsewhere; returns what it was before.
    pub fn set_pod(&mut self, pod: Arc<PodInfo>, node_name: Symbol) -> Option<Arc<PodInfo>> {
        let old = self.remove_pod(&pod.uid);
        let slot = self.slot(node_name);
        self.nodes[slot as usize].add_pod(&pod);
        self.pods.insert(pod.uid.clone(), CachedPod { info: pod, slot });
        old
    }

    pub fn remove_pod(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        let cached = self.pods.remove(uid)?;
        self.nodes[cached.slot as usize].remove_pod(&cached.info);
        self.drop_if_unused(cached.slot);
        Some(cached.info)
    }

    /// The slot of a name, made when there is none.
    fn slot(&mut self, name: Symbol) -> Slot {
        if let Some(slot) = self.by_name.get(&name) {
            return *slot;
        }
        let node = NodeInfo { facts: NodeFacts { name, ..NodeFacts::default() }, ..NodeInfo::default() };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.nodes[slot as usize] = node;
                slot
            }
            None => {
                self.nodes.push(node);
                Slot::try_from(self.nodes.len() - 1).expect("fewer than 2^32 nodes fit in memory")
            }
        };
        self.by_name.insert(name, slot);
        slot
    }

    fn drop_if_unused(&mut self, slot: Slot) {
        let node = &self.nodes[slot as usize];
        if !node.is_present && node.pod_count == 0 {
            self.by_name.remove(&node.facts.name);
            self.free.push(slot);
        }
    }

    fn enter_zone(&mut self, slot: Slot, zone: ZoneKey) {
        self.is_order_stale = true;
        match self.zones.iter_mut().find(|(key, _)| *key == zone) {
            Some((_, slots)) => slots.push(slot),
            None => self.zones.push((zone, vec![slot])),
        }
    }

    fn leave_zone(&mut self, slot: Slot, zone: ZoneKey) {
        self.is_order_stale = true;
        for (key, slots) in &mut self.zones {
            if *key == zone {
                slots.retain(|s| *s != slot);
            }
        }
        self.zones.retain(|(_, slots)| !slots.is_empty());
    }
}
