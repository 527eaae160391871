//! The scheduler's order of nodes: node 0 of each zone, then node 1 of each zone …
//!
//! Invariant: zones stand in order of first appearance, nodes of a zone in order of arrival; a zone without nodes is
//! forgotten. Entering and leaving cost a logarithm; the list is made when it is asked for.
//! Not here: what the nodes are (see `cache`).

use super::cache::Slot;
use super::interner::Symbol;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// (region, zone).
pub type ZoneKey = (Symbol, Symbol);

#[derive(Debug, Default)]
pub struct NodeOrder {
    /// By arrival; of each zone its nodes by arrival.
    zones: BTreeMap<u64, BTreeMap<u64, Slot>>,
    zone_arrivals: FxHashMap<ZoneKey, u64>,
    node_arrivals: FxHashMap<Slot, (ZoneKey, u64)>,
    arrivals: u64,
    order: Vec<Slot>,
    is_stale: bool,
}

impl NodeOrder {
    pub fn len(&self) -> usize {
        self.node_arrivals.len()
    }

    pub fn enter(&mut self, slot: Slot, zone: ZoneKey) {
        self.arrivals += 1;
        let zone_arrival = *self.zone_arrivals.entry(zone).or_insert(self.arrivals);
        self.zones.entry(zone_arrival).or_default().insert(self.arrivals, slot);
        self.node_arrivals.insert(slot, (zone, self.arrivals));
        self.is_stale = true;
    }

    pub fn leave(&mut self, slot: Slot) {
        let Some((zone, arrival)) = self.node_arrivals.remove(&slot) else { return };
        let zone_arrival = self.zone_arrivals[&zone];
        let nodes = self.zones.get_mut(&zone_arrival).expect("a node's zone is there");
        nodes.remove(&arrival);
        if nodes.is_empty() {
            self.zones.remove(&zone_arrival);
            self.zone_arrivals.remove(&zone);
        }
        self.is_stale = true;
    }

    /// Slots have been given anew: `moved[old]` is the new one.
    pub fn renumber(&mut self, moved: &[Slot]) {
        for slot in self.zones.values_mut().flat_map(BTreeMap::values_mut) {
            *slot = moved[*slot as usize];
        }
        let old = std::mem::take(&mut self.node_arrivals);
        self.node_arrivals = old.into_iter().map(|(slot, at)| (moved[slot as usize], at)).collect();
        self.is_stale = true;
    }

    /// Brings the list up to date; call before `list`.
    pub fn refresh(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        self.order.clear();
        let mut zones: Vec<_> = self.zones.values().map(BTreeMap::values).collect();
        while !zones.is_empty() {
            let order = &mut self.order;
            zones.retain_mut(|nodes| nodes.next().map(|slot| order.push(*slot)).is_some());
        }
    }

    pub fn list(&self) -> &[Slot] {
        debug_assert!(!self.is_stale, "refresh comes before");
        &self.order
    }
}
