//! InterPodAffinity for one class: what pods already there mean to it, per domain, kept up as pods come and go.
//!
//! Always true: a group is refused and scored exactly as the plugin's filter and score do for each of its nodes.
//! Not here: terms and their meaning (see `plugins::inter_pod_affinity`).

use super::super::framework::Code;
use super::super::interner::Symbol;
use super::super::plugins::inter_pod_affinity::{
    matches_all, resolved, signed, stretched, InterPodAffinity, REASON_AFFINITY, REASON_ANTI_AFFINITY,
    REASON_EXISTING_ANTI_AFFINITY,
};
use super::super::pod::PodShape;
use super::super::pod_affinity::AffinityTerm;
use super::choice::Scored;
use super::class::Query;
use super::counter::{CounterId, Counters, View};
use super::groups::Groups;
use super::topology::{Domains, Topologies};

/// What one pod of a shape adds to which counter.
pub type Deltas = Vec<(CounterId, i64)>;

/// Counters by topology key: keys are few, they are walked.
type Keyed = Vec<(Symbol, CounterId)>;

pub struct Affinity {
    /// The filter's and the score's places in the profile; the weight is 0 when it does not score.
    pub filter: Option<usize>,
    weight: i64,
    required: Vec<AffinityTerm>,
    required_anti: Vec<AffinityTerm>,
    /// Preferred terms with their weights, those against below zero.
    preferred: Vec<(i64, AffinityTerm)>,
    namespace_labels: Vec<(Symbol, Symbol)>,
    /// The class's own pods match all its required terms.
    matches_itself: bool,
    hard_weight: i64,
    is_scoring: bool,
    /// Pods that match all required terms.
    near: Keyed,
    against: Keyed,
    /// Anti-affinity terms of pods already there that match the class.
    existing: Keyed,
    /// What a domain is worth.
    worth: Keyed,
}

/// Where counters are made.
pub struct Workshop<'a, 'q> {
    pub query: &'a Query<'q>,
    pub counters: &'a mut Counters,
    pub topologies: &'a mut Topologies,
}

impl Workshop<'_, '_> {
    fn counter(&mut self, keyed: &mut Keyed, key: Symbol, view: View) -> CounterId {
        if let Some((_, counter)) = keyed.iter().find(|(known, _)| *known == key) {
            return *counter;
        }
        let cache = self.query.world.cache;
        let topology = self.topologies.of(Domains::Values(key), cache);
        let counter = self.counters.create(topology, view, self.topologies, cache.node_count());
        keyed.push((key, counter));
        counter
    }
}

impl Affinity {
    pub fn new(
        plugin: &InterPodAffinity,
        (filter, weight): (Option<usize>, i64),
        workshop: &mut Workshop,
    ) -> Affinity {
        let Query { pod, world, .. } = *workshop.query;
        let own = &pod.shape.affinity;
        let required = resolved(&own.required, world);
        let mut affinity = Affinity {
            filter,
            weight,
            matches_itself: matches_all(&required, &pod.shape),
            required,
            required_anti: resolved(&own.required_anti, world),
            preferred: signed(&resolved(&own.preferred, world), &resolved(&own.preferred_anti, world)),
            namespace_labels: world.objects.namespaces.labels(pod.shape.namespace).to_vec(),
            hard_weight: plugin.hard_weight(),
            is_scoring: weight != 0 && plugin.is_scoring(own),
            near: Vec::new(),
            against: Vec::new(),
            existing: Vec::new(),
            worth: Vec::new(),
        };
        for term in &affinity.required {
            workshop.counter(&mut affinity.near, term.topology_key, View::Sign);
        }
        for term in &affinity.required_anti {
            workshop.counter(&mut affinity.against, term.topology_key, View::Sign);
        }
        affinity
    }

    /// What a pod of the shape adds; makes the counters that are missing.
    pub fn deltas(&mut self, other: &PodShape, workshop: &mut Workshop) -> Deltas {
        let mut deltas = Deltas::new();
        let shape = &workshop.query.pod.shape;
        if matches_all(&self.required, other) {
            for term in &self.required {
                deltas.push((workshop.counter(&mut self.near, term.topology_key, View::Sign), 1));
            }
        }
        for term in self.required_anti.iter().filter(|term| term.matches(other, &[])) {
            deltas.push((workshop.counter(&mut self.against, term.topology_key, View::Sign), 1));
        }
        let matching = |term: &&AffinityTerm| term.matches(shape, &self.namespace_labels);
        for term in other.affinity.required_anti.iter().filter(matching) {
            deltas.push((workshop.counter(&mut self.existing, term.topology_key, View::Sign), 1));
        }
        if self.is_scoring {
            self.worths(other, workshop, &mut deltas);
        }
        deltas
    }

    fn worths(&mut self, other: &PodShape, workshop: &mut Workshop, deltas: &mut Deltas) {
        let shape = &workshop.query.pod.shape;
        let mut found: Vec<(Symbol, i64)> = Vec::new();
        for (weight, term) in self.preferred.iter().filter(|(_, term)| term.matches(other, &[])) {
            found.push((term.topology_key, *weight));
        }
        let theirs = &other.affinity;
        let matching = |term: &&AffinityTerm| term.matches(shape, &self.namespace_labels);
        if self.hard_weight > 0 {
            found.extend(theirs.required.iter().filter(matching).map(|t| (t.topology_key, self.hard_weight)));
        }
        found.extend(theirs.preferred.iter().filter(matching).map(|t| (t.topology_key, t.weight)));
        found.extend(theirs.preferred_anti.iter().filter(matching).map(|t| (t.topology_key, -t.weight)));
        for (key, weight) in found {
            deltas.push((workshop.counter(&mut self.worth, key, View::Value), weight));
        }
    }

    /// Why the nodes of a group are refused, as the plugin's filter says it.
    pub fn refusal(&self, parts: &[i64], counters: &Counters) -> Option<(Code, &'static str)> {
        if !self.satisfies_affinity(parts, counters) {
            return Some((Code::UnschedulableAndUnresolvable, REASON_AFFINITY));
        }
        let is_above_zero =
            |(_, counter): &(Symbol, CounterId)| counters.read(*counter, parts).unwrap_or(0) > 0;
        if self.against.iter().any(is_above_zero) {
            return Some((Code::Unschedulable, REASON_ANTI_AFFINITY));
        }
        if self.existing.iter().any(is_above_zero) {
            return Some((Code::Unschedulable, REASON_EXISTING_ANTI_AFFINITY));
        }
        None
    }

    fn satisfies_affinity(&self, parts: &[i64], counters: &Counters) -> bool {
        let mut is_each_there = true;
        for (_, counter) in &self.near {
            match counters.read(*counter, parts) {
                None => return false,
                Some(count) => is_each_there &= count > 0,
            }
        }
        is_each_there
            || (self.matches_itself && self.near.iter().all(|(_, counter)| counters.total(*counter) == 0))
    }

    /// Adds the weighted score to the feasible groups. `first`: where the counters' parts begin in a group's key.
    pub fn rank(&self, scored: &mut [Scored], first: usize, groups: &Groups, counters: &Counters) {
        if self.worth.is_empty() {
            return;
        }
        let score = |one: &Scored| -> i64 {
            let parts = &groups.get(one.group).key[first..];
            self.worth.iter().filter_map(|(_, counter)| counters.read(*counter, parts)).sum()
        };
        let raw: Vec<i64> = scored.iter().map(score).collect();
        let lowest = raw.iter().copied().min().unwrap_or(0);
        let span = raw.iter().copied().max().unwrap_or(0) - lowest;
        for (one, score) in scored.iter_mut().zip(&raw) {
            one.base += self.weight * stretched(score - lowest, span);
        }
    }
}
