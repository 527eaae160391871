//! PodTopologySpread for one class: matching pods per domain, kept up as pods come and go.
//!
//! Always true: a group is refused and scored exactly as the plugin's filter and score do for each of its nodes; where
//! the plugin computes in floating point, so does this, with the same operations in the same order.
//! Not here: constraints and their meaning (see `plugins::pod_topology_spread`).

use super::super::cache::Slot;
use super::super::framework::{Code, NODE_SCORE_MAX};
use super::super::node::NodeFacts;
use super::super::plugins::pod_topology_spread::{
    has_keys, soft_score, Constraints, PodTopologySpread, REASON, REASON_MISSING_LABEL,
};
use super::super::pod::{PodInfo, PodShape};
use super::choice::Scored;
use super::class::Query;
use super::counter::{CounterId, Counters, View};
use super::groups::Groups;
use super::topology::{Domain, Domains, Topologies, NO_DOMAIN};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pod with more constraints of either kind is scanned.
pub const CONSTRAINTS_MAX: usize = 16;

/// Bit i: hard constraint i; bit 16 + i: soft constraint i.
pub type Bits = u32;

/// How many domains have which count, for the lowest of them.
#[derive(Debug, Default)]
struct Levels {
    domain_counts: BTreeMap<i64, usize>,
    /// Nodes that count, by domain: a domain without any is not known.
    nodes: Vec<u32>,
    known_count: usize,
}

impl Levels {
    fn enter(&mut self, count: i64) {
        *self.domain_counts.entry(count).or_insert(0) += 1;
    }

    fn leave(&mut self, count: i64) {
        let left = self.domain_counts.get_mut(&count).expect("a known domain's count is listed");
        *left -= 1;
        if *left == 0 {
            self.domain_counts.remove(&count);
        }
    }

    fn is_known(&self, domain: Domain) -> bool {
        self.nodes.get(domain as usize).is_some_and(|count| *count > 0)
    }

    fn add_node(&mut self, domain: Domain, count: i64) {
        if self.nodes.len() <= domain as usize {
            self.nodes.resize(domain as usize + 1, 0);
        }
        self.nodes[domain as usize] += 1;
        if self.nodes[domain as usize] == 1 {
            self.known_count += 1;
            self.enter(count);
        }
    }

    fn shift(&mut self, domain: Domain, (old, new): (i64, i64)) {
        if self.is_known(domain) {
            self.leave(old);
            self.enter(new);
        }
    }

    fn lowest(&self, min_domains: i64) -> i64 {
        if (self.known_count as i64) < min_domains {
            return 0;
        }
        self.domain_counts.first_key_value().map_or(0, |(count, _)| *count)
    }
}

#[derive(Debug)]
struct HardTerm {
    counter: CounterId,
    /// 1 when the selector matches the class's own pods.
    own: i64,
    levels: Levels,
}

#[derive(Debug)]
struct SoftTerm {
    counter: CounterId,
    is_by_node: bool,
}

pub struct Spread {
    /// The filter's and the score's places in the profile; the weight is 0 when it does not score.
    pub filter: Option<usize>,
    pub weight: i64,
    pub hard: Arc<Constraints>,
    pub soft: Arc<Constraints>,
    needs_all: bool,
    hard_terms: Vec<HardTerm>,
    soft_terms: Vec<SoftTerm>,
    /// For each slot, the constraints that its pods count for.
    counted: Vec<Bits>,
}

impl Spread {
    pub fn new(
        plugin: &PodTopologySpread,
        query: &Query,
        (filter, weight): (Option<usize>, i64),
        counters: &mut Counters,
        topologies: &mut Topologies,
    ) -> Spread {
        let (shape, cache) = (&query.pod.shape, query.world.cache);
        let (hard, soft) = constraints(plugin, query, (filter, weight));
        let mut create = |domains, view| {
            let topology = topologies.of(domains, cache);
            counters.create(topology, view, topologies, cache.node_count())
        };
        let hard_terms = hard.iter().map(|constraint| HardTerm {
            counter: create(Domains::Values(constraint.topology_key), View::Value),
            own: i64::from(constraint.selector.matches(&shape.labels)),
            levels: Levels::default(),
        });
        let hard_terms = hard_terms.collect();
        let soft_terms = soft.iter().map(|constraint| {
            let is_by_node = plugin.is_by_node(constraint);
            let key = constraint.topology_key;
            let counter = match is_by_node {
                true => create(Domains::Nodes(key), View::Value),
                false => create(Domains::Values(key), View::Domain),
            };
            SoftTerm { counter, is_by_node }
        });
        let soft_terms = soft_terms.collect();
        let needs_all = plugin.needs_all(shape);
        Spread { filter, weight, hard, soft, needs_all, hard_terms, soft_terms, counted: Vec::new() }
    }

    /// Whether the constraints are still those.
    pub fn is_current(&self, plugin: &PodTopologySpread, query: &Query) -> bool {
        let (hard, soft) = constraints(plugin, query, (self.filter, self.weight));
        self.hard == hard && self.soft == soft
    }

    /// A node that was not there before; its pods are told one by one.
    pub fn add_node(
        &mut self,
        (plugin, pod): (&PodTopologySpread, &PodInfo),
        slot: Slot,
        node: &NodeFacts,
        counters: &Counters,
        topologies: &Topologies,
    ) {
        if self.counted.len() <= slot as usize {
            self.counted.resize(slot as usize + 1, 0);
        }
        let mut bits: Bits = 0;
        if has_keys(node, &self.hard) {
            for (at, (constraint, term)) in self.hard.iter().zip(&mut self.hard_terms).enumerate() {
                if plugin.counts(constraint, pod, node) {
                    bits |= 1 << at;
                    let domain = topologies.get(counters.topology(term.counter)).domain_of(slot);
                    term.levels.add_node(domain, counters.count(term.counter, domain));
                }
            }
        }
        let is_ignored = self.needs_all && !has_keys(node, &self.soft);
        for (at, (constraint, term)) in self.soft.iter().zip(&self.soft_terms).enumerate() {
            if term.is_by_node || (!is_ignored && plugin.counts(constraint, pod, node)) {
                bits |= 1 << (CONSTRAINTS_MAX + at);
            }
        }
        self.counted[slot as usize] = bits;
    }

    /// The constraints that pods of the shape count for, where their node does.
    pub fn matching(&self, own: &PodShape, other: &PodShape) -> Bits {
        if own.namespace != other.namespace {
            return 0;
        }
        let bits = |constraints: &Constraints| {
            let matching = constraints
                .iter()
                .enumerate()
                .filter(|(_, c)| !c.selector.is_empty() && c.selector.matches(&other.labels));
            matching.fold(0, |bits: Bits, (at, _)| bits | 1 << at)
        };
        bits(&self.hard) | bits(&self.soft) << CONSTRAINTS_MAX
    }

    /// Pods that match `bits` came to the node or left it; `moved` gets the domains whose nodes change group.
    pub fn change(
        &mut self,
        (bits, by): (Bits, i64),
        slot: Slot,
        counters: &mut Counters,
        topologies: &Topologies,
        moved: &mut Vec<(usize, Domain)>,
    ) {
        let bits = bits & self.counted.get(slot as usize).copied().unwrap_or(0);
        if bits == 0 {
            return;
        }
        for (at, term) in self.hard_terms.iter_mut().enumerate() {
            if bits >> at & 1 == 0 {
                continue;
            }
            let topology = counters.topology(term.counter);
            let domain = topologies.get(topology).domain_of(slot);
            if domain == NO_DOMAIN {
                continue;
            }
            let old = counters.count(term.counter, domain);
            if counters.add(term.counter, domain, by) {
                moved.push((topology, domain));
            }
            term.levels.shift(domain, (old, old + by));
        }
        for (at, term) in self.soft_terms.iter().enumerate() {
            let topology = counters.topology(term.counter);
            let domain = topologies.get(topology).domain_of(slot);
            let is_counted = bits >> (CONSTRAINTS_MAX + at) & 1 == 1 && domain != NO_DOMAIN;
            if is_counted && counters.add(term.counter, domain, by) {
                moved.push((topology, domain));
            }
        }
    }

    /// Why the nodes of a group are refused, as the plugin's filter says it.
    pub fn refusal(&self, parts: &[i64], counters: &Counters) -> Option<(Code, &'static str)> {
        for (constraint, term) in self.hard.iter().zip(&self.hard_terms) {
            let Some(count) = counters.read(term.counter, parts) else {
                return Some((Code::UnschedulableAndUnresolvable, REASON_MISSING_LABEL));
            };
            if count + term.own - term.levels.lowest(constraint.min_domains) > constraint.max_skew {
                return Some((Code::Unschedulable, REASON));
            }
        }
        None
    }

    /// Adds the weighted score to the feasible groups. `first`: where the counters' parts begin in a group's key.
    pub fn rank(&mut self, scored: &mut [Scored], first: usize, groups: &Groups, counters: &Counters) {
        if self.soft.is_empty() {
            return;
        }
        let parts = |one: &Scored| &groups.get(one.group).key[first..];
        let ignores = |one: &Scored| {
            let lacks = |term: &SoftTerm| counters.read(term.counter, parts(one)).is_none();
            self.needs_all && self.soft_terms.iter().any(lacks)
        };
        let weights: Vec<f64> = self
            .soft_terms
            .iter()
            .map(|term| {
                let taking_part = scored.iter().filter(|one| !ignores(one));
                let size = if term.is_by_node {
                    taking_part.map(|one| groups.get(one.group).node_count).sum()
                } else {
                    let mut domains: Vec<_> =
                        taking_part.map(|one| counters.domain(term.counter, parts(one))).collect();
                    domains.sort_unstable();
                    domains.dedup();
                    domains.len()
                };
                ((size + 2) as f64).ln()
            })
            .collect();
        let raw = scored.iter().map(|one| {
            let mut total = 0.0;
            for ((constraint, term), weight) in self.soft.iter().zip(&self.soft_terms).zip(&weights) {
                let Some(count) = counters.read(term.counter, parts(one)) else { continue };
                total += soft_score(count, *weight, constraint.max_skew);
            }
            if ignores(one) {
                IGNORED
            } else {
                total.round() as i64
            }
        });
        let raw: Vec<i64> = raw.collect();
        let taking_part = || raw.iter().copied().filter(|score| *score != IGNORED);
        let (lowest, highest) = (taking_part().min().unwrap_or(0), taking_part().max().unwrap_or(0));
        for (one, score) in scored.iter_mut().zip(&raw) {
            one.base += self.weight
                * match (*score, highest) {
                    (IGNORED, _) => 0,
                    (_, 0) => NODE_SCORE_MAX,
                    (score, _) => NODE_SCORE_MAX * (highest + lowest - score) / highest,
                };
        }
    }
}

/// In the place of a score: the group's nodes do not take part.
const IGNORED: i64 = i64::MIN;

type Both = (Arc<Constraints>, Arc<Constraints>);

/// Hard and soft constraints, as far as the profile filters and scores by them.
fn constraints(plugin: &PodTopologySpread, query: &Query, (filter, weight): (Option<usize>, i64)) -> Both {
    let of = |is_hard, is_used| match is_used {
        true => plugin.constraints(&query.pod.shape, query.world, is_hard),
        false => Arc::default(),
    };
    (of(true, filter.is_some()), of(false, weight != 0))
}

/// Whether the class's constraints are few enough.
pub fn is_covered(plugin: &PodTopologySpread, query: &Query) -> bool {
    let (hard, soft) = constraints(plugin, query, (Some(0), 1));
    hard.len() <= CONSTRAINTS_MAX && soft.len() <= CONSTRAINTS_MAX
}
