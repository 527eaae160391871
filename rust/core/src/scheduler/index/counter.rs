//! Counters: a number per domain of a topology key, and how the groups' keys show it.
//!
//! A key with few domains shows the domain itself: a count changes without moving any node to another group. A key with
//! many domains (host names) shows the count: nodes with equal counts share a group, and a change moves the few nodes of
//! one domain.
//! Always true: a node's group key shows `read`'s answer for the node's domain.
//! Not here: what is counted (see `spread`, `affinity`).

use super::super::cache::Slot;
use super::topology::{Domain, Topologies, NO_DOMAIN};

/// In a group's key: the node has no label of the key.
pub const MISSING: i64 = i64::MIN;
/// A key shows its domains as long as their number, squared, is below so many times the number of nodes.
const NODES_PER_SQUARED_DOMAIN: usize = 16;
const DOMAINS_ALWAYS_SHOWN: usize = 16;
/// Domains shown may become so many times too many before the class is built anew.
const OUTGROWN_FACTOR: usize = 4;

pub type CounterId = usize;

/// What is shown of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Value,
    /// Only whether it is above zero.
    Sign,
    /// The domain, whatever the count: for scores that ask how many domains there are.
    Domain,
}

#[derive(Debug)]
struct Counter {
    topology: usize,
    counts: Vec<i64>,
    total: i64,
    view: View,
    /// The domain is shown because there are few, and a count would do.
    is_by_choice: bool,
    /// Which part of the group's key shows it.
    part: usize,
}

/// Where a part of the key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Domain { topology: usize },
    Count { counter: CounterId },
}

/// All counters of one class.
#[derive(Debug, Default)]
pub struct Counters {
    counters: Vec<Counter>,
    parts: Vec<Part>,
}

impl Counters {
    /// A new counter over a key; `node_count` decides whether domains are shown.
    pub fn create(
        &mut self,
        topology: usize,
        view: View,
        topologies: &Topologies,
        node_count: usize,
    ) -> CounterId {
        let id = self.counters.len();
        let is_by_choice =
            view != View::Domain && is_few(topologies.get(topology).domain_count(), node_count);
        let view = if is_by_choice { View::Domain } else { view };
        let wanted = match view {
            View::Domain => Part::Domain { topology },
            _ => Part::Count { counter: id },
        };
        let part = self.parts.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            self.parts.push(wanted);
            self.parts.len() - 1
        });
        self.counters.push(Counter { topology, counts: Vec::new(), total: 0, view, is_by_choice, part });
        id
    }

    pub fn len(&self) -> usize {
        self.counters.len()
    }

    /// True when a key that shows its domains has come to have too many of them.
    pub fn is_outgrown(&self, topologies: &Topologies, node_count: usize) -> bool {
        self.counters.iter().filter(|counter| counter.is_by_choice).any(|counter| {
            !is_few(topologies.get(counter.topology).domain_count() / OUTGROWN_FACTOR, node_count)
        })
    }

    /// The sum over all domains.
    pub fn total(&self, id: CounterId) -> i64 {
        self.counters[id].total
    }

    pub fn topology(&self, id: CounterId) -> usize {
        self.counters[id].topology
    }

    /// Appends what the group key of a node shows.
    pub fn show(&self, slot: Slot, topologies: &Topologies, key: &mut Vec<i64>) {
        for part in &self.parts {
            key.push(match part {
                Part::Domain { topology } => match topologies.get(*topology).domain_of(slot) {
                    NO_DOMAIN => MISSING,
                    domain => i64::from(domain),
                },
                Part::Count { counter } => {
                    let counter = &self.counters[*counter];
                    match topologies.get(counter.topology).domain_of(slot) {
                        NO_DOMAIN => MISSING,
                        domain => counter.shown(counter.at(domain)),
                    }
                }
            });
        }
    }

    /// What a counter says for the nodes of a group (`key`: the parts that `show` appended); None: they lack the label.
    /// Of a counter seen as a sign, only the sign is meant.
    pub fn read(&self, id: CounterId, key: &[i64]) -> Option<i64> {
        let counter = &self.counters[id];
        match (key[counter.part], counter.view) {
            (MISSING, _) => None,
            (domain, View::Domain) => Some(counter.at(domain as Domain)),
            (count, _) => Some(count),
        }
    }

    /// The part of the key that tells the nodes' domain apart, for a counter that shows domains.
    pub fn domain(&self, id: CounterId, key: &[i64]) -> Option<i64> {
        Some(key[self.counters[id].part]).filter(|domain| *domain != MISSING)
    }

    pub fn count(&self, id: CounterId, domain: Domain) -> i64 {
        self.counters[id].at(domain)
    }

    /// Adds to a domain's count; true when the domain's nodes now belong to other groups.
    pub fn add(&mut self, id: CounterId, domain: Domain, delta: i64) -> bool {
        let counter = &mut self.counters[id];
        if counter.counts.len() <= domain as usize {
            counter.counts.resize(domain as usize + 1, 0);
        }
        let count = &mut counter.counts[domain as usize];
        let old = *count;
        *count += delta;
        counter.total += delta;
        let new = *count;
        counter.view != View::Domain && counter.shown(old) != counter.shown(new)
    }
}

fn is_few(domain_count: usize, node_count: usize) -> bool {
    domain_count <= DOMAINS_ALWAYS_SHOWN
        || domain_count * domain_count <= NODES_PER_SQUARED_DOMAIN * node_count
}

impl Counter {
    fn at(&self, domain: Domain) -> i64 {
        self.counts.get(domain as usize).copied().unwrap_or(0)
    }

    fn shown(&self, count: i64) -> i64 {
        match self.view {
            View::Sign => i64::from(count > 0),
            _ => count,
        }
    }
}
