//! Topology keys in use: which domain (value of the key) each node is in, and the nodes of each domain.
//!
//! One table a key, shared by all classes; kept up as nodes change, not per decision.
//! Always true: a slot is in the list of its domain and in no other; domains keep their number for good.
//! Not here: counts of pods per domain (see `counter`).

use super::super::cache::{Cache, Slot};
use super::super::interner::Symbol;
use super::super::node::NodeFacts;
use rustc_hash::FxHashMap;

pub type Domain = u32;
/// The node has no label of the key, or there is no such node.
pub const NO_DOMAIN: Domain = Domain::MAX;
const NO_SLOT: Slot = Slot::MAX;

/// What one slot knows: its domain, and its neighbours in the list of the domain's nodes.
#[derive(Debug, Clone, Copy)]
struct Place {
    domain: Domain,
    previous: Slot,
    next: Slot,
}

const NOWHERE: Place = Place { domain: NO_DOMAIN, previous: NO_SLOT, next: NO_SLOT };

/// What makes the domains of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domains {
    /// The values of the key.
    Values(Symbol),
    /// The nodes that have the key: each is its own domain, whatever the value.
    Nodes(Symbol),
}

impl Domains {
    fn key(self) -> Symbol {
        let (Domains::Values(key) | Domains::Nodes(key)) = self;
        key
    }
}

#[derive(Debug)]
pub struct Topology {
    domains: Domains,
    places: Vec<Place>,
    by_value: FxHashMap<Symbol, Domain>,
    /// The first node of each domain.
    heads: Vec<Slot>,
}

impl Topology {
    pub fn domain_of(&self, slot: Slot) -> Domain {
        self.places.get(slot as usize).map_or(NO_DOMAIN, |place| place.domain)
    }

    /// Domains seen so far, those without nodes included.
    pub fn domain_count(&self) -> usize {
        self.heads.len()
    }

    /// The nodes of a domain.
    pub fn members(&self, domain: Domain) -> impl Iterator<Item = Slot> + '_ {
        let step = |slot: &Slot| Some(self.places[*slot as usize].next).filter(|next| *next != NO_SLOT);
        std::iter::successors(Some(self.heads[domain as usize]).filter(|head| *head != NO_SLOT), step)
    }

    fn set(&mut self, slot: Slot, facts: Option<&NodeFacts>) {
        let value = facts.and_then(|f| f.label(self.domains.key())).map(|label| match self.domains {
            Domains::Values(_) => label.value,
            Domains::Nodes(_) => slot,
        });
        let domain = value.map_or(NO_DOMAIN, |value| self.domain(value));
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, NOWHERE);
        }
        let old = self.places[slot as usize].domain;
        if old == domain {
            return;
        }
        if old != NO_DOMAIN {
            self.unlink(slot);
        }
        if domain != NO_DOMAIN {
            self.link(slot, domain);
        }
    }

    fn domain(&mut self, value: Symbol) -> Domain {
        *self.by_value.entry(value).or_insert_with(|| {
            self.heads.push(NO_SLOT);
            (self.heads.len() - 1) as Domain
        })
    }

    fn link(&mut self, slot: Slot, domain: Domain) {
        let next = std::mem::replace(&mut self.heads[domain as usize], slot);
        if next != NO_SLOT {
            self.places[next as usize].previous = slot;
        }
        self.places[slot as usize] = Place { domain, previous: NO_SLOT, next };
    }

    fn unlink(&mut self, slot: Slot) {
        let Place { domain, previous, next } = std::mem::replace(&mut self.places[slot as usize], NOWHERE);
        match previous {
            NO_SLOT => self.heads[domain as usize] = next,
            _ => self.places[previous as usize].next = next,
        }
        if next != NO_SLOT {
            self.places[next as usize].previous = previous;
        }
    }
}

#[derive(Debug, Default)]
pub struct Topologies {
    tables: Vec<Topology>,
    ids: FxHashMap<Domains, usize>,
}

impl Topologies {
    pub fn get(&self, id: usize) -> &Topology {
        &self.tables[id]
    }

    /// The table of these domains; filled from the cache when it is new.
    pub fn of(&mut self, domains: Domains, cache: &Cache) -> usize {
        if let Some(id) = self.ids.get(&domains) {
            return *id;
        }
        let (places, by_value, heads) = (Vec::new(), FxHashMap::default(), Vec::new());
        let mut table = Topology { domains, places, by_value, heads };
        for slot in 0..cache.slot_count() as Slot {
            table.set(slot, cache.present(slot).map(|node| &node.facts));
        }
        self.tables.push(table);
        self.ids.insert(domains, self.tables.len() - 1);
        self.tables.len() - 1
    }

    /// The node in a slot as it is now; None: there is none any more.
    pub fn set_node(&mut self, slot: Slot, facts: Option<&NodeFacts>) {
        for table in &mut self.tables {
            table.set(slot, facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::node::Label;

    fn facts(value: Symbol) -> NodeFacts {
        NodeFacts { labels: vec![Label { key: 1, value, number: None }], ..NodeFacts::default() }
    }

    fn members(topologies: &Topologies, domain: Domain) -> Vec<Slot> {
        let mut slots: Vec<Slot> = topologies.get(0).members(domain).collect();
        slots.sort_unstable();
        slots
    }

    #[test]
    fn a_node_is_listed_in_its_domain_alone() {
        let mut topologies = Topologies::default();
        topologies.of(Domains::Values(1), &Cache::default());
        for (slot, value) in [(0, 10), (1, 20), (2, 10)] {
            topologies.set_node(slot, Some(&facts(value)));
        }
        assert_eq!((members(&topologies, 0), members(&topologies, 1)), (vec![0, 2], vec![1]));
        topologies.set_node(0, Some(&facts(20)));
        topologies.set_node(1, None);
        assert_eq!((members(&topologies, 0), members(&topologies, 1)), (vec![2], vec![0]));
        assert_eq!((topologies.get(0).domain_of(0), topologies.get(0).domain_of(1)), (1, NO_DOMAIN));
    }
}
