//! PodTopologySpread: hard constraints refuse nodes that would skew the spread, soft ones score by it.
//!
//! Invariant: only pods of the same namespace count, and in the first count none that is being deleted.
//! Not here: reading constraints (see `spread_constraints`), whose selectors the defaults take (see `owners`).

use super::{node_affinity, taint_toleration};
use crate::scheduler::cache::Slot;
use crate::scheduler::config::Profile;
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    state_of, state_of_mut, Code, CycleState, Plugin, PreFilter, PreScore, Reach, Rejection, World,
    NODE_SCORE_MAX,
};
use crate::scheduler::interner::{Interner, Symbol, EMPTY};
use crate::scheduler::label_selector::LabelSelector;
use crate::scheduler::manifest;
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::owners::Owners;
use crate::scheduler::pod::{PodInfo, PodShape};
use crate::scheduler::spread_constraints::SpreadConstraint;
use crate::scheduler::SchedulerError;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

pub const REASON_MISSING_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";
pub const REASON: &str = "node(s) didn't match pod topology spread constraints";

/// The topology key under which each node is its own domain: soft constraints count it node by node.
const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

pub type Constraints = [SpreadConstraint];

/// Matching pods in each domain, and the lowest of these counts.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    counts: FxHashMap<Symbol, i64>,
    lowest: i64,
    /// Domains that have the lowest count.
    lowest_count: usize,
}

impl Domains {
    fn new(counts: FxHashMap<Symbol, i64>) -> Domains {
        let mut domains = Domains { counts, ..Domains::default() };
        domains.find_lowest();
        domains
    }

    fn find_lowest(&mut self) {
        self.lowest = self.counts.values().copied().min().unwrap_or(0);
        self.lowest_count = self.counts.values().filter(|count| **count == self.lowest).count();
    }

    fn change(&mut self, domain: Symbol, by: i64) {
        let is_new = !self.counts.contains_key(&domain);
        let count = self.counts.entry(domain).or_insert(0);
        let was = *count;
        *count += by;
        let now = *count;
        if is_new || (was == self.lowest && now > was && self.lowest_count == 1) {
            self.find_lowest();
        } else if now < self.lowest {
            (self.lowest, self.lowest_count) = (now, 1);
        } else if was == self.lowest {
            self.lowest_count -= 1;
        } else if now == self.lowest {
            self.lowest_count += 1;
        }
    }

    fn at(&self, domain: Symbol) -> i64 {
        self.counts.get(&domain).copied().unwrap_or(0)
    }

    /// What the fullest domain is measured against: nothing, when there are fewer domains than wanted.
    fn minimum(&self, min_domains: i64) -> i64 {
        if (self.counts.len() as i64) < min_domains {
            0
        } else {
            self.lowest
        }
    }
}

/// PreFilter's state.
#[derive(Clone)]
struct Hard {
    constraints: Arc<Constraints>,
    /// For each constraint: 1 when its selector matches the pod itself.
    own: Vec<i64>,
    domains: Vec<Domains>,
}

/// PreScore's state.
#[derive(Clone)]
struct Soft {
    constraints: Arc<Constraints>,
    /// Nodes that lack a key are worth nothing.
    needs_all: bool,
    /// For each constraint: domain among the feasible nodes → matching pods; empty for the hostname.
    counts: Vec<FxHashMap<Symbol, i64>>,
    weights: Vec<f64>,
}

impl Soft {
    fn ignores(&self, node: &NodeFacts) -> bool {
        self.needs_all && !has_keys(node, &self.constraints)
    }
}

pub struct PodTopologySpread {
    is_system: bool,
    defaults: Vec<SpreadConstraint>,
    hostname: Symbol,
    is_comparing: bool,
}

impl PodTopologySpread {
    pub fn new(
        args: &Value,
        profile: &Profile,
        symbols: &mut Interner,
    ) -> Result<PodTopologySpread, SchedulerError> {
        let is_system = args["defaultingType"].as_str().unwrap_or("System") == "System";
        let defaults = if is_system {
            vec![system_default(HOSTNAME, 3, symbols), system_default(ZONE, 5, symbols)]
        } else {
            let wrong =
                |_| SchedulerError::Decode("pluginConfig.PodTopologySpread: has the wrong shape".into());
            type Listed = Option<Vec<manifest::TopologySpreadConstraint>>;
            let listed = Listed::deserialize(&args["defaultConstraints"]).map_err(wrong)?;
            listed.iter().flatten().map(|c| SpreadConstraint::parse(c, &[], symbols)).collect()
        };
        Ok(PodTopologySpread {
            is_system,
            defaults,
            hostname: symbols.intern(HOSTNAME),
            is_comparing: taint_toleration::is_comparing(profile),
        })
    }

    /// The pod's own of one kind, else the default ones when something groups the pod with others.
    pub fn constraints(&self, shape: &PodShape, world: &World, is_hard: bool) -> Arc<Constraints> {
        let spread = &shape.spread;
        if spread.has_own() {
            return if is_hard { spread.hard.clone() } else { spread.soft.clone() };
        }
        let defaults = || self.defaults.iter().filter(|c| c.is_hard == is_hard);
        if defaults().next().is_none() {
            return Arc::default();
        }
        let selector = world.objects.owners.default_selector(shape, spread.owner);
        if selector.is_empty() {
            return Arc::default();
        }
        defaults().map(|c| SpreadConstraint { selector: selector.clone(), ..c.clone() }).collect()
    }

    /// Whether a soft constraint's count is that of the node itself.
    pub fn is_by_node(&self, constraint: &SpreadConstraint) -> bool {
        constraint.topology_key == self.hostname
    }

    /// Whether only nodes with all keys take part in the score. With the system's defaults a node without a zone still
    /// spreads by its name.
    pub fn needs_all(&self, shape: &PodShape) -> bool {
        shape.spread.has_own() || !self.is_system
    }

    /// Whether the inclusion policies let the node's pods count.
    pub fn counts(&self, constraint: &SpreadConstraint, pod: &PodInfo, node: &NodeFacts) -> bool {
        (!constraint.honors_affinity || node_affinity::admits(&pod.shape, node))
            && (!constraint.honors_taints || taint_toleration::admits(pod, node, self.is_comparing))
    }

    /// What if: here kube-scheduler counts pods that are being deleted, and the empty selector's, as well.
    fn change(&self, hard: &mut Hard, pod: &PodInfo, other: &PodInfo, node: &NodeFacts, by: i64) {
        if other.shape.namespace != pod.shape.namespace || !has_keys(node, &hard.constraints) {
            return;
        }
        for (constraint, domains) in hard.constraints.iter().zip(&mut hard.domains) {
            if constraint.selector.matches(&other.shape.labels) && self.counts(constraint, pod, node) {
                let label =
                    node.label(constraint.topology_key).expect("the node has all keys, checked above");
                domains.change(label.value, by);
            }
        }
    }

    /// The domains of the feasible nodes that take part, and what a pod more or less in them weighs.
    fn soft(&self, pod: &PodInfo, nodes: &[Slot], constraints: Arc<Constraints>, world: &World) -> Soft {
        let needs_all = self.needs_all(&pod.shape);
        let counts = vec![FxHashMap::default(); constraints.len()];
        let mut soft = Soft { constraints, needs_all, counts, weights: Vec::new() };
        let mut taking_part_count = 0;
        for slot in nodes {
            let facts = &world.cache.info(*slot).facts;
            if soft.ignores(facts) {
                continue;
            }
            taking_part_count += 1;
            for (constraint, counts) in soft.constraints.iter().zip(&mut soft.counts) {
                if constraint.topology_key != self.hostname {
                    counts.entry(domain_or_empty(facts, constraint)).or_insert(0);
                }
            }
        }
        for (constraint, counts) in soft.constraints.iter().zip(&soft.counts) {
            let size =
                if constraint.topology_key == self.hostname { taking_part_count } else { counts.len() };
            soft.weights.push(((size + 2) as f64).ln());
        }
        soft
    }

    fn count_soft(&self, soft: &mut Soft, pod: &PodInfo, node: &NodeInfo) {
        if soft.ignores(&node.facts) {
            return;
        }
        for (constraint, counts) in soft.constraints.iter().zip(&mut soft.counts) {
            let Some(count) = counts.get_mut(&domain_or_empty(&node.facts, constraint)) else { continue };
            if !node.pods.is_empty() && self.counts(constraint, pod, &node.facts) {
                *count += matching_count(node, &constraint.selector, pod);
            }
        }
    }

    /// The node enters or leaves a count, or its domain or its taints changed.
    fn moves_domain(
        &self,
        pod: &PodInfo,
        old: &NodeFacts,
        node: &NodeFacts,
        constraints: &Constraints,
    ) -> bool {
        if has_keys(old, constraints) != has_keys(node, constraints) {
            return true;
        }
        let moves = |c: &SpreadConstraint| {
            domain_or_empty(old, c) != domain_or_empty(node, c)
                || self.counts(c, pod, old) != self.counts(c, pod, node)
        };
        has_keys(node, constraints) && (old.taints != node.taints || constraints.iter().any(moves))
    }
}

fn system_default(key: &str, max_skew: i64, symbols: &mut Interner) -> SpreadConstraint {
    SpreadConstraint {
        topology_key: symbols.intern(key),
        max_skew,
        is_hard: false,
        selector: LabelSelector::NOTHING,
        min_domains: 1,
        honors_affinity: true,
        honors_taints: false,
    }
}

pub fn has_keys(node: &NodeFacts, constraints: &Constraints) -> bool {
    constraints.iter().all(|c| node.label(c.topology_key).is_some())
}

fn domain_or_empty(node: &NodeFacts, constraint: &SpreadConstraint) -> Symbol {
    node.label(constraint.topology_key).map_or(EMPTY, |label| label.value)
}

/// The node's pods that count: none for the empty selector.
pub fn matching_count(node: &NodeInfo, selector: &LabelSelector, pod: &PodInfo) -> i64 {
    if selector.is_empty() {
        return 0;
    }
    // Neighbours are often alike: one look at a shape serves the run of pods that share it.
    let mut last: Option<(&Arc<PodShape>, bool)> = None;
    let mut count = 0;
    for other in node.pods.iter().filter(|other| !other.is_deleted) {
        let is_matching = match last {
            Some((shape, known)) if Arc::ptr_eq(shape, &other.shape) => known,
            _ => other.shape.namespace == pod.shape.namespace && selector.matches(&other.shape.labels),
        };
        last = Some((&other.shape, is_matching));
        count += i64::from(is_matching);
    }
    count
}

/// `max_skew` matters less the more pods there are; the last digit is settled once, by rounding the sum.
pub fn soft_score(count: i64, weight: f64, max_skew: i64) -> f64 {
    count as f64 * weight + (max_skew - 1) as f64
}

fn any_matches(constraints: &Constraints, shape: &PodShape) -> bool {
    constraints.iter().any(|c| c.selector.matches(&shape.labels))
}

fn changes_match(constraints: &Constraints, old: &PodShape, new: &PodShape) -> bool {
    constraints.iter().any(|c| c.selector.matches(&old.labels) != c.selector.matches(&new.labels))
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &str {
        "PodTopologySpread"
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        let constraints = self.constraints(&pod.shape, world, true);
        if constraints.is_empty() {
            return PreFilter::Skip;
        }
        let mut counts: Vec<FxHashMap<Symbol, i64>> = vec![FxHashMap::default(); constraints.len()];
        for slot in world.cache.order() {
            let node = world.cache.info(*slot);
            if !has_keys(&node.facts, &constraints) {
                continue;
            }
            for (constraint, counts) in constraints.iter().zip(&mut counts) {
                if self.counts(constraint, pod, &node.facts) {
                    let found = matching_count(node, &constraint.selector, pod);
                    *counts.entry(domain_or_empty(&node.facts, constraint)).or_insert(0) += found;
                }
            }
        }
        let own = constraints.iter().map(|c| i64::from(c.selector.matches(&pod.shape.labels))).collect();
        let domains = counts.into_iter().map(Domains::new).collect();
        PreFilter::Run(Some(Box::new(Hard { constraints, own, domains })))
    }

    fn filter(
        &self,
        _pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let Some(hard) = state_of::<Hard>(state) else { return true };
        for ((constraint, own), domains) in hard.constraints.iter().zip(&hard.own).zip(&hard.domains) {
            let Some(label) = node.facts.label(constraint.topology_key) else {
                return rejection.refuse(Code::UnschedulableAndUnresolvable, REASON_MISSING_LABEL);
            };
            let lowest = domains.minimum(constraint.min_domains);
            if domains.at(label.value) + own - lowest > constraint.max_skew {
                return rejection.refuse(Code::Unschedulable, REASON);
            }
        }
        true
    }

    fn add_pod(
        &self,
        pod: &PodInfo,
        other: &PodInfo,
        node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        self.change(state_of_mut(state), pod, other, &node.facts, 1);
    }

    fn remove_pod(
        &self,
        pod: &PodInfo,
        other: &PodInfo,
        node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        self.change(state_of_mut(state), pod, other, &node.facts, -1);
    }

    fn pre_score(
        &self,
        pod: &PodInfo,
        nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        world: &World,
    ) -> PreScore {
        let constraints = self.constraints(&pod.shape, world, false);
        if constraints.is_empty() {
            return PreScore::Skip;
        }
        let mut soft = self.soft(pod, nodes, constraints, world);
        if soft.counts.iter().any(|counts| !counts.is_empty()) {
            for slot in world.cache.order() {
                self.count_soft(&mut soft, pod, world.cache.info(*slot));
            }
        }
        PreScore::Run(Box::new(soft))
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, state: Option<&dyn CycleState>, _world: &World) -> i64 {
        let Some(soft) = state_of::<Soft>(state) else { return 0 };
        if soft.ignores(&node.facts) {
            return 0;
        }
        let mut total = 0.0;
        for ((constraint, counts), weight) in soft.constraints.iter().zip(&soft.counts).zip(&soft.weights) {
            let Some(label) = node.facts.label(constraint.topology_key) else { continue };
            let count = if constraint.topology_key == self.hostname {
                matching_count(node, &constraint.selector, pod)
            } else {
                counts.get(&label.value).copied().unwrap_or(0)
            };
            total += soft_score(count, *weight, constraint.max_skew);
        }
        total.round() as i64
    }

    fn normalize(
        &self,
        _pod: &PodInfo,
        nodes: &[Slot],
        state: Option<&dyn CycleState>,
        world: &World,
        scores: &mut [i64],
    ) {
        let Some(soft) = state_of::<Soft>(state) else { return };
        let is_ignored: Vec<bool> =
            nodes.iter().map(|slot| soft.ignores(&world.cache.info(*slot).facts)).collect();
        let taking_part =
            || scores.iter().zip(&is_ignored).filter(|(_, out)| !**out).map(|(score, _)| *score);
        let (lowest, highest) = (taking_part().min().unwrap_or(0), taking_part().max().unwrap_or(0));
        for (score, is_ignored) in scores.iter_mut().zip(&is_ignored) {
            *score = match (is_ignored, highest) {
                (true, _) => 0,
                (false, 0) => NODE_SCORE_MAX,
                (false, _) => NODE_SCORE_MAX * (highest + lowest - *score) / highest,
            };
        }
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Spread(self)
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, world: &World) -> bool {
        let constraints = self.constraints(&pod.shape, world, true);
        let is_near = |other: &PodInfo| other.shape.namespace == pod.shape.namespace;
        match event {
            ClusterEvent::NodeAdded { node } | ClusterEvent::NodeRemoved { node } => {
                has_keys(node, &constraints)
            }
            ClusterEvent::NodeUpdated { old, node } => self.moves_domain(pod, old, node, &constraints),
            ClusterEvent::AssignedPodAdded { pod: other }
            | ClusterEvent::AssignedPodDeleted { pod: other } => {
                is_near(other) && any_matches(&constraints, &other.shape)
            }
            ClusterEvent::AssignedPodUpdated { old, pod: other } => {
                is_near(other) && changes_match(&constraints, &old.shape, &other.shape)
            }
            ClusterEvent::PodUpdated { old, pod: new } => {
                let is_tolerant = old.shape.tolerations != new.shape.tolerations;
                (is_tolerant && constraints.iter().any(|c| c.honors_taints))
                    || changes_match(&constraints, &old.shape, &new.shape)
            }
            ClusterEvent::ObjectChanged { kind, old, new } => {
                let meta = new.or(*old).map(|object| &object["metadata"]["namespace"]);
                let is_near = meta.and_then(Value::as_str) == Some(&pod.namespace);
                let has_defaults = !pod.shape.spread.has_own() && self.defaults.iter().any(|c| c.is_hard);
                has_defaults && is_near && Owners::is_watched(kind)
            }
        }
    }
}
