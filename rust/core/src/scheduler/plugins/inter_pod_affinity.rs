//! InterPodAffinity: pods that must, must not, would or would rather not be near others, both ways.
//!
//! Invariant: counts are kept per (topology key, domain); a pair whose count came back to 0 is not there. The incoming
//! pod's namespace selectors are resolved to names first; those of pods already there are asked about the incoming
//! pod's namespace.
//! Not here: reading terms (see `pod_affinity`).

use crate::scheduler::cache::Slot;
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    state_of, state_of_mut, Code, CycleState, Plugin, PreFilter, PreScore, Reach, Rejection, World,
    NODE_SCORE_MAX,
};
use crate::scheduler::interner::Symbol;
use crate::scheduler::label_selector::Labels;
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::pod::{PodInfo, PodShape};
use crate::scheduler::pod_affinity::{AffinityTerm, PodAffinity};
use crate::scheduler::SchedulerError;
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::sync::Arc;

pub const REASON_AFFINITY: &str = "node(s) didn't match pod affinity rules";
pub const REASON_ANTI_AFFINITY: &str = "node(s) didn't match pod anti-affinity rules";
pub const REASON_EXISTING_ANTI_AFFINITY: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

type Terms = [AffinityTerm];

/// A number for each (topology key, domain). Keys are few: they are walked.
#[derive(Clone, Debug, Default)]
struct Pairs {
    keys: Vec<(Symbol, FxHashMap<Symbol, i64>)>,
}

impl Pairs {
    /// Adds in the node's domain; a node without the key has none. Answers the domains and the node's.
    fn add(
        &mut self,
        key: Symbol,
        node: &NodeFacts,
        by: i64,
    ) -> Option<(&mut FxHashMap<Symbol, i64>, Symbol)> {
        let domain = node.label(key)?.value;
        let at = self.keys.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
            self.keys.push((key, FxHashMap::default()));
            self.keys.len() - 1
        });
        let domains = &mut self.keys[at].1;
        *domains.entry(domain).or_insert(0) += by;
        Some((domains, domain))
    }

    /// As `add`; a pair that comes back to 0 leaves.
    fn count(&mut self, key: Symbol, node: &NodeFacts, by: i64) {
        if let Some((domains, domain)) = self.add(key, node, by) {
            if domains[&domain] == 0 {
                domains.remove(&domain);
            }
        }
    }

    fn at(&self, key: Symbol, node: &NodeFacts) -> i64 {
        let domains = self.keys.iter().find(|(k, _)| *k == key).map(|(_, domains)| domains);
        let count = domains.zip(node.label(key)).and_then(|(domains, label)| domains.get(&label.value));
        count.copied().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        self.keys.iter().all(|(_, domains)| domains.is_empty())
    }

    /// The numbers of all the node's domains.
    fn of<'a>(&'a self, node: &'a NodeFacts) -> impl Iterator<Item = i64> + 'a {
        let found = |(key, domains): &'a (Symbol, FxHashMap<Symbol, i64>)| {
            node.label(*key).and_then(|label| domains.get(&label.value)).copied()
        };
        self.keys.iter().filter_map(found)
    }
}

/// PreFilter's state.
#[derive(Clone)]
struct Required {
    required: Arc<Terms>,
    required_anti: Arc<Terms>,
    namespace_labels: Arc<Labels>,
    /// Pods that match all required terms of the incoming pod.
    affinity: Pairs,
    anti_affinity: Pairs,
    /// Anti-affinity terms of pods already there that match the incoming pod.
    existing_anti_affinity: Pairs,
}

impl Required {
    fn of(pod: &PodInfo, world: &World) -> Required {
        let own = &pod.shape.affinity;
        Required {
            required: resolved(&own.required, world).into(),
            required_anti: resolved(&own.required_anti, world).into(),
            namespace_labels: world.objects.namespaces.labels(pod.shape.namespace).into(),
            affinity: Pairs::default(),
            anti_affinity: Pairs::default(),
            existing_anti_affinity: Pairs::default(),
        }
    }

    /// `other` came to the node (1) or left it (-1).
    fn change(&mut self, pod: &PodInfo, other: &PodInfo, node: &NodeFacts, by: i64) {
        self.change_existing(pod, other, node, by);
        let matches = Matches::of(&self.required, &self.required_anti, &other.shape);
        self.change_incoming(&matches, node, by);
    }

    fn change_existing(&mut self, pod: &PodInfo, other: &PodInfo, node: &NodeFacts, by: i64) {
        for term in &other.shape.affinity.required_anti {
            if term.matches(&pod.shape, &self.namespace_labels) {
                self.existing_anti_affinity.count(term.topology_key, node, by);
            }
        }
    }

    fn change_incoming(&mut self, matches: &Matches, node: &NodeFacts, by: i64) {
        if matches.required {
            for term in self.required.iter() {
                self.affinity.count(term.topology_key, node, by);
            }
        }
        for (term, is_matching) in self.required_anti.iter().zip(&matches.required_anti) {
            if *is_matching {
                self.anti_affinity.count(term.topology_key, node, by);
            }
        }
    }

    /// Counts all pods that the incoming pod's own terms match.
    fn count_incoming(&mut self, world: &World) {
        // Neighbours are often alike: one look at a shape serves the run of pods that share it.
        let mut last: Option<(&Arc<PodShape>, Matches)> = None;
        for slot in world.cache.order() {
            let node = world.cache.info(*slot);
            for other in &node.pods {
                let matches = match last.take() {
                    Some((shape, known)) if Arc::ptr_eq(shape, &other.shape) => known,
                    _ => Matches::of(&self.required, &self.required_anti, &other.shape),
                };
                self.change_incoming(&matches, &node.facts, 1);
                last = Some((&other.shape, matches));
            }
        }
    }

    fn satisfies_affinity(&self, pod: &PodInfo, node: &NodeFacts) -> bool {
        if self.required.iter().any(|term| node.label(term.topology_key).is_none()) {
            return false;
        }
        if self.required.iter().all(|term| self.affinity.at(term.topology_key, node) > 0) {
            return true;
        }
        // The first of a group that wants to be together: nobody matches yet, and it matches itself.
        self.affinity.is_empty() && matches_all(&self.required, &pod.shape)
    }
}

/// What one pod adds to the score of nodes, by topology key.
type Worths = Vec<(Symbol, i64)>;

/// Which required terms of the incoming pod a shape matches.
struct Matches {
    /// All of the affinity terms, and there are some.
    required: bool,
    required_anti: Vec<bool>,
}

impl Matches {
    fn of(required: &Terms, required_anti: &Terms, shape: &PodShape) -> Matches {
        Matches {
            required: matches_all(required, shape),
            required_anti: required_anti.iter().map(|term| term.matches(shape, &[])).collect(),
        }
    }
}

/// PreScore's state.
#[derive(Clone, Default)]
struct Preferred {
    /// What a node of the domain is worth.
    sums: Pairs,
}

impl Preferred {
    /// Adds the weight of each term that matches the shape, with this sign.
    fn add(&mut self, terms: &Terms, shape: &PodShape, labels: &Labels, node: &NodeFacts, sign: i64) {
        for term in terms.iter().filter(|term| term.matches(shape, labels)) {
            self.sums.add(term.topology_key, node, sign * term.weight);
        }
    }

    /// Adds the weights of the incoming pod's own terms, for every pod that they match.
    fn add_own(&mut self, toward: &[(i64, AffinityTerm)], world: &World) {
        let worths = |shape: &PodShape| -> Worths {
            let matching = toward.iter().filter(|(_, term)| term.matches(shape, &[]));
            matching.map(|(weight, term)| (term.topology_key, *weight)).collect()
        };
        let mut last: Option<(&Arc<PodShape>, Worths)> = None;
        for slot in world.cache.order() {
            let node = world.cache.info(*slot);
            for other in &node.pods {
                let known = match last.take() {
                    Some((shape, known)) if Arc::ptr_eq(shape, &other.shape) => known,
                    _ => worths(&other.shape),
                };
                for (key, weight) in &known {
                    self.sums.add(*key, &node.facts, *weight);
                }
                last = Some((&other.shape, known));
            }
        }
    }
}

/// A score's place between the lowest and the highest, in 0..=100.
pub fn stretched(above: i64, span: i64) -> i64 {
    if span == 0 {
        return 0;
    }
    (NODE_SCORE_MAX as f64 * (above as f64 / span as f64)) as i64
}

pub struct InterPodAffinity {
    hard_weight: i64,
    ignores_existing: bool,
}

impl InterPodAffinity {
    pub fn new(args: &Value) -> Result<InterPodAffinity, SchedulerError> {
        let wrong = || SchedulerError::Decode("pluginConfig.InterPodAffinity: has the wrong shape".into());
        let hard_weight = match &args["hardPodAffinityWeight"] {
            Value::Null => 1,
            weight => weight.as_i64().ok_or_else(wrong)?,
        };
        let ignores_existing = match &args["ignorePreferredTermsOfExistingPods"] {
            Value::Null => false,
            ignores => ignores.as_bool().ok_or_else(wrong)?,
        };
        Ok(InterPodAffinity { hard_weight, ignores_existing })
    }

    /// What a pod's required affinity is worth to the pods it wants to be near.
    pub fn hard_weight(&self) -> i64 {
        self.hard_weight
    }

    /// Whether pods with such terms are scored at all.
    pub fn is_scoring(&self, own: &PodAffinity) -> bool {
        !self.ignores_existing || own.has_preferred()
    }

    /// What the terms of pods already there say about the incoming pod.
    fn add_theirs(&self, found: &mut Preferred, pod: &PodInfo, labels: &Labels, node: &NodeInfo) {
        for other in &node.pods_with_affinity {
            let theirs = &other.shape.affinity;
            if self.hard_weight > 0 {
                for term in theirs.required.iter().filter(|term| term.matches(&pod.shape, labels)) {
                    found.sums.add(term.topology_key, &node.facts, self.hard_weight);
                }
            }
            found.add(&theirs.preferred, &pod.shape, labels, &node.facts, 1);
            found.add(&theirs.preferred_anti, &pod.shape, labels, &node.facts, -1);
        }
    }
}

/// The terms with the namespaces that their selectors select now.
pub fn resolved(terms: &Terms, world: &World) -> Vec<AffinityTerm> {
    terms.iter().map(|term| term.resolved(|selector| world.objects.namespaces.selected(selector))).collect()
}

/// Preferred terms with their weights, those against below zero.
pub fn signed(toward: &Terms, against: &Terms) -> Vec<(i64, AffinityTerm)> {
    let toward = toward.iter().map(|term| (term.weight, term.clone()));
    toward.chain(against.iter().map(|term| (-term.weight, term.clone()))).collect()
}

/// Whether the shape matches all of the terms, and there are some. For resolved terms.
pub fn matches_all(terms: &Terms, shape: &PodShape) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(shape, &[]))
}

/// The required anti-affinity terms of another pod that match the pod.
fn repelling<'a>(
    other: &'a PodInfo,
    pod: &'a PodInfo,
    world: &'a World,
) -> impl Iterator<Item = &'a AffinityTerm> {
    let labels = world.objects.namespaces.labels(pod.shape.namespace);
    other.shape.affinity.required_anti.iter().filter(move |term| term.matches(&pod.shape, labels))
}

/// The node entered a domain that the pod looks for, or left one in which it is not wanted.
fn moves_domain(old: &NodeFacts, node: &NodeFacts, pod: &PodInfo, world: &World) -> bool {
    if old.labels == node.labels {
        return false;
    }
    let own = &pod.shape.affinity;
    let value =
        |facts: &NodeFacts, term: &AffinityTerm| facts.label(term.topology_key).map(|label| label.value);
    let is_changed = |term: &AffinityTerm| value(old, term) != value(node, term);
    let is_left = |term: &AffinityTerm| value(old, term).is_some() && is_changed(term);
    let with_anti = || world.cache.with_affinity().flat_map(|n| &n.pods_with_required_anti_affinity);
    own.required.iter().any(|term| value(node, term).is_some() && is_changed(term))
        || own.required_anti.iter().any(is_left)
        || with_anti().any(|other| repelling(other, pod, world).any(is_left))
}

fn selects_namespaces(own: &PodAffinity) -> bool {
    let mut terms = own.required.iter().chain(&own.required_anti);
    terms.any(|term| term.namespace_selector.requirements.as_ref().is_some_and(|r| !r.is_empty()))
}

fn namespace_changed(pod: &PodInfo, old: Option<&Value>, new: Option<&Value>) -> bool {
    let part = |object: Option<&Value>, name: &str| object.map(|o| o["metadata"][name].clone());
    let labels = |object: Option<&Value>| {
        part(object, "labels").filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty()))
    };
    let is_own = part(new.or(old), "name").is_some_and(|name| name == *pod.namespace);
    labels(old) != labels(new) && (is_own || selects_namespaces(&pod.shape.affinity))
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &str {
        "InterPodAffinity"
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        let own = &pod.shape.affinity;
        let mut state = Required::of(pod, world);
        for node in world.cache.with_affinity() {
            for other in &node.pods_with_required_anti_affinity {
                state.change_existing(pod, other, &node.facts, 1);
            }
        }
        let has_own = !own.required.is_empty() || !own.required_anti.is_empty();
        if !has_own && state.existing_anti_affinity.is_empty() {
            return PreFilter::Skip;
        }
        if has_own {
            state.count_incoming(world);
        }
        PreFilter::Run(Some(Box::new(state)))
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let Some(state) = state_of::<Required>(state) else { return true };
        let facts = &node.facts;
        if !state.satisfies_affinity(pod, facts) {
            return rejection.refuse(Code::UnschedulableAndUnresolvable, REASON_AFFINITY);
        }
        if state.required_anti.iter().any(|term| state.anti_affinity.at(term.topology_key, facts) > 0) {
            return rejection.refuse(Code::Unschedulable, REASON_ANTI_AFFINITY);
        }
        if state.existing_anti_affinity.of(facts).any(|count| count > 0) {
            return rejection.refuse(Code::Unschedulable, REASON_EXISTING_ANTI_AFFINITY);
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
        state_of_mut::<Required>(state).change(pod, other, &node.facts, 1);
    }

    fn remove_pod(
        &self,
        pod: &PodInfo,
        other: &PodInfo,
        node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        state_of_mut::<Required>(state).change(pod, other, &node.facts, -1);
    }

    fn pre_score(
        &self,
        pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        world: &World,
    ) -> PreScore {
        let own = &pod.shape.affinity;
        if !self.is_scoring(own) {
            return PreScore::Skip;
        }
        let labels = world.objects.namespaces.labels(pod.shape.namespace);
        let mut found = Preferred::default();
        for node in world.cache.with_affinity() {
            self.add_theirs(&mut found, pod, labels, node);
        }
        if own.has_preferred() {
            let toward = signed(&resolved(&own.preferred, world), &resolved(&own.preferred_anti, world));
            found.add_own(&toward, world);
        }
        // A pair that came to 0 again counts as well: only when nothing matched is there nothing to score.
        if found.sums.is_empty() {
            PreScore::Skip
        } else {
            PreScore::Run(Box::new(found))
        }
    }

    fn score(&self, _pod: &PodInfo, node: &NodeInfo, state: Option<&dyn CycleState>, _world: &World) -> i64 {
        state_of::<Preferred>(state).map_or(0, |found| found.sums.of(&node.facts).sum())
    }

    fn normalize(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
        scores: &mut [i64],
    ) {
        let lowest = scores.iter().copied().min().unwrap_or(0);
        let span = scores.iter().copied().max().unwrap_or(0) - lowest;
        for score in scores {
            *score = stretched(*score - lowest, span);
        }
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Affinity(self)
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, world: &World) -> bool {
        let own = &pod.shape.affinity;
        match event {
            ClusterEvent::NodeAdded { node } => {
                own.required.is_empty() || own.required.iter().any(|t| node.label(t.topology_key).is_some())
            }
            ClusterEvent::NodeUpdated { old, node } => moves_domain(old, node, pod, world),
            ClusterEvent::AssignedPodAdded { pod: other } => {
                matches_all(&resolved(&own.required, world), &other.shape)
            }
            ClusterEvent::AssignedPodUpdated { old, pod: other } => {
                let required = resolved(&own.required, world);
                let is_joined = matches_all(&required, &other.shape) && !matches_all(&required, &old.shape);
                let is_freed = |t: &AffinityTerm| t.matches(&old.shape, &[]) && !t.matches(&other.shape, &[]);
                is_joined || resolved(&own.required_anti, world).iter().any(is_freed)
            }
            ClusterEvent::AssignedPodDeleted { pod: other } => {
                let mut anti = resolved(&own.required_anti, world).into_iter();
                anti.any(|term| term.matches(&other.shape, &[]))
                    || repelling(other, pod, world).next().is_some()
            }
            ClusterEvent::PodUpdated { old, pod: new } => old.shape.labels != new.shape.labels,
            ClusterEvent::ObjectChanged { kind: "Namespace", old, new } => namespace_changed(pod, *old, *new),
            _ => false,
        }
    }
}
