//! Preemption: which pods of lower priority would have to go so that a pod fits, and from which node.
//!
//! Invariant: a dry run on copies; nothing of the world changes. Only nodes that were refused with `Unschedulable` are
//! looked at, in the order of their slots from a random one on.
//! Not here: carrying it out (the engine clears nominations, the feeder deletes the victims).

use super::budgets::Budget;
use super::cache::Slot;
use super::cycle::{fit_message, state_at, Attempt};
use super::framework::{Code, Framework, Reason, Rejection, State, World};
use super::interner::EMPTY;
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::refusal::{first_refusal, refusal, room_filter};
use serde_json::{json, Value};
use std::cmp::Ordering;
use std::sync::Arc;

const NO_CLAIMS: &str = "no new claims to deallocate";
/// DynamicResources' answer when PreFilter never came to it.
const NO_STATE: &str = "not found";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NEVER: &str = "not eligible due to preemptionPolicy=Never.";
const TERMINATING: &str = "not eligible due to a terminating pod on the nominated node.";
/// Added to each priority before they are summed, so that more victims always weigh more.
const PRIORITY_OFFSET: i64 = 1 << 31;

/// A node on which the pod would fit without its victims.
#[derive(Debug)]
pub struct Candidate {
    pub slot: Slot,
    /// The most important first.
    pub victims: Vec<Arc<PodInfo>>,
    /// Victims whose eviction would violate a PodDisruptionBudget.
    pub violation_count: usize,
}

/// What came of looking for victims.
#[derive(Debug, Default)]
pub struct Preemption {
    /// A position in `candidates`.
    best: Option<usize>,
    pub candidates: Vec<Candidate>,
    /// Why it was not tried at all: an earlier nomination stays. Otherwise, without a best candidate, it ends.
    pub not_eligible: Option<&'static str>,
    /// Its part of the attempt's message.
    message: String,
}

impl Preemption {
    pub fn best(&self) -> Option<&Candidate> {
        self.best.map(|at| &self.candidates[at])
    }

    pub fn told(&self, world: &World) -> Value {
        let name = |c: &Candidate| world.symbols.text(world.cache.info(c.slot).facts.name).to_owned();
        let victims = |c: &Candidate| -> Vec<String> {
            c.victims.iter().map(|v| format!("{}/{}", v.namespace, v.name)).collect()
        };
        let candidate =
            |c: &Candidate| json!({"node": name(c), "victims": victims(c), "violations": c.violation_count});
        json!({
            "nominated": self.best().map(name),
            "victims": self.best().map(victims).unwrap_or_default(),
            "candidates": self.candidates.iter().map(candidate).collect::<Vec<_>>(),
            "notEligible": self.not_eligible,
        })
    }
}

/// No node was feasible: asks what could be done, and adds what is said to the attempt's message.
pub fn post_filter(attempt: &mut Attempt, pod: &PodInfo, framework: &Framework, world: &World, draw: u64) {
    if !attempt.is_planned || attempt.chosen.is_some() || attempt.is_error {
        return;
    }
    let mut parts: Vec<String> = Vec::new();
    for name in &framework.profile.points["postFilter"] {
        if name == "DefaultPreemption" {
            let found = preempt(attempt, pod, framework, world, draw);
            attempt.is_drawn = found.not_eligible.is_none();
            parts.push(found.message.clone());
            let is_found = found.best.is_some();
            attempt.preemption = Some(found);
            if is_found {
                return;
            }
        } else if name == "DynamicResources" && !was_reached(framework, attempt, name) {
            parts = vec![NO_STATE.to_owned()];
            break;
        } else if let Some(index) = framework.plugins.iter().position(|p| p.name() == name) {
            let state = state_at(&attempt.states, index);
            parts.extend(framework.plugins[index].post_filter(pod, state, world));
        } else if name == "DynamicResources" {
            parts.push(NO_CLAIMS.to_owned());
        }
    }
    parts.retain(|part| !part.is_empty());
    if !parts.is_empty() {
        attempt.message = format!("{} {}", attempt.message, parts.join(", "));
    }
}

/// Whether PreFilter came to the plugin before it ended.
fn was_reached(framework: &Framework, attempt: &Attempt, name: &str) -> bool {
    let place = |name: &str| framework.profile.points["preFilter"].iter().position(|n| n == name);
    match (place(name), attempt.ended_at) {
        (Some(place_of_it), Some(end)) => Some(place_of_it) <= place(framework.plugins[end].name()),
        _ => true,
    }
}

/// Looks for the pods that would have to go. `draw`: the random number that says where to begin.
fn preempt(attempt: &Attempt, pod: &PodInfo, framework: &Framework, world: &World, draw: u64) -> Preemption {
    if let (Some(count), EMPTY) = (attempt.victimless_count, pod.nominated_node_name) {
        let reason = pod.is_never_preempting.then_some(NEVER);
        return reason.map_or_else(|| unhelpful([(NO_VICTIMS.to_owned(), count)], count, world), unwanted);
    }
    let mut potential = attempt.preemptible.clone();
    for out in attempt.ruled_out.iter().filter(|out| out.code == Code::Unschedulable) {
        potential.extend_from_slice(&out.nodes);
    }
    if let Some(reason) = not_eligible(&potential, pod, world) {
        return unwanted(reason);
    }
    let first = (draw % (world.cache.slot_count().max(1) as u64)) as Slot;
    potential.sort_unstable_by_key(|slot| (*slot < first, *slot));
    let wanted = candidates_wanted(potential.len(), framework);
    let mut dry_run = DryRun::new(attempt, pod, framework, world);
    let (mut candidates, mut is_safe) = (Vec::new(), false);
    for slot in &potential {
        if is_safe && candidates.len() >= wanted {
            break;
        }
        if let Some(candidate) = dry_run.on_node(*slot) {
            is_safe |= candidate.violation_count == 0;
            candidates.push(candidate);
        }
    }
    if !candidates.is_empty() {
        return Preemption { best: Some(pick(&candidates)), candidates, ..Preemption::default() };
    }
    let reasons = dry_run.reasons.iter().map(|(reason, count)| (reason.text(world.symbols), *count));
    unhelpful(reasons, potential.len(), world)
}

fn unwanted(reason: &'static str) -> Preemption {
    let message = format!("preemption: {reason}");
    Preemption { not_eligible: Some(reason), message, ..Preemption::default() }
}

/// `reasons`: why the nodes that were tried are no candidates.
fn unhelpful(
    reasons: impl IntoIterator<Item = (String, usize)>,
    tried_count: usize,
    world: &World,
) -> Preemption {
    let all_count = world.cache.node_count();
    let not_helpful = (NOT_HELPFUL.to_owned(), all_count - tried_count);
    let counts = reasons.into_iter().chain([not_helpful]).filter(|(_, count)| *count > 0);
    Preemption { message: format!("preemption: {}", fit_message(counts, all_count)), ..Preemption::default() }
}

fn not_eligible(potential: &[Slot], pod: &PodInfo, world: &World) -> Option<&'static str> {
    if pod.is_never_preempting {
        return Some(NEVER);
    }
    if pod.nominated_node_name == EMPTY {
        return None;
    }
    let slot = world.cache.slot_of(pod.nominated_node_name)?;
    if !potential.contains(&slot) {
        return None;
    }
    let is_leaving = |other: &Arc<PodInfo>| other.priority < pod.priority && other.is_preempted;
    world.cache.info(slot).pods.iter().any(is_leaving).then_some(TERMINATING)
}

/// How many candidates are enough to choose among.
fn candidates_wanted(potential_count: usize, framework: &Framework) -> usize {
    let args = framework.profile.args.get("DefaultPreemption").unwrap_or(&Value::Null);
    let arg = |name: &str, default: u64| args[name].as_u64().unwrap_or(default) as usize;
    let part = potential_count * arg("minCandidateNodesPercentage", 10) / 100;
    part.max(arg("minCandidateNodesAbsolute", 100)).min(potential_count)
}

/// The most important first: the higher priority, then the earlier start; not started is the latest.
fn by_importance(a: &Arc<PodInfo>, b: &Arc<PodInfo>) -> Ordering {
    b.priority.cmp(&a.priority).then_with(|| started_s(a).total_cmp(&started_s(b)))
}

fn started_s(pod: &PodInfo) -> f64 {
    pod.start_s.unwrap_or(f64::INFINITY)
}

/// The node whose victims matter least; the first of those that are equal in everything.
fn pick(candidates: &[Candidate]) -> usize {
    let mut best = 0;
    for at in 1..candidates.len() {
        if by_cost(&candidates[at], &candidates[best]) == Ordering::Less {
            best = at;
        }
    }
    best
}

fn by_cost(a: &Candidate, b: &Candidate) -> Ordering {
    let total =
        |c: &Candidate| c.victims.iter().map(|v| i64::from(v.priority) + PRIORITY_OFFSET).sum::<i64>();
    let highest = |c: &Candidate| c.victims[0].priority;
    let earliest_s = |c: &Candidate| {
        let top = c.victims.iter().filter(|v| v.priority == highest(c));
        top.map(|v| started_s(v)).min_by(f64::total_cmp).expect("a candidate has victims")
    };
    (a.violation_count.cmp(&b.violation_count))
        .then_with(|| highest(a).cmp(&highest(b)))
        .then_with(|| total(a).cmp(&total(b)))
        .then_with(|| a.victims.len().cmp(&b.victims.len()))
        .then_with(|| earliest_s(b).total_cmp(&earliest_s(a)))
}

/// One pod's preemption on many nodes. The copy of a node, and of what the plugins remember, is reused.
///
/// Where of all filters only NodeResourcesFit depends on the pods of the node, the copy holds only what that looks at.
struct DryRun<'a> {
    attempt: &'a Attempt,
    pod: &'a PodInfo,
    framework: &'a Framework,
    world: &'a World<'a>,
    node: NodeInfo,
    states: Vec<Option<State>>,
    /// Some plugin remembers something: its state follows the pods that come and go.
    is_stateful: bool,
    /// In a light run: the place of NodeResourcesFit among the filters.
    light: Option<usize>,
    rejection: Rejection,
    /// Why nodes are no candidates.
    reasons: Vec<(Reason, usize)>,
    /// Kept between nodes for its allocation alone.
    lower: Vec<Lower<'a>>,
}

/// A pod of lower priority on the node that is looked at.
struct Lower<'a> {
    pod: &'a Arc<PodInfo>,
    is_violating: bool,
    is_victim: bool,
}

impl<'a> Lower<'a> {
    fn new(pod: &'a Arc<PodInfo>) -> Lower<'a> {
        Lower { pod, is_violating: false, is_victim: false }
    }
}

impl<'a> DryRun<'a> {
    fn new(attempt: &'a Attempt, pod: &'a PodInfo, framework: &'a Framework, world: &'a World<'a>) -> Self {
        DryRun {
            attempt,
            pod,
            framework,
            world,
            node: NodeInfo::default(),
            states: attempt.states.iter().map(|_| None).collect(),
            is_stateful: attempt.states.iter().any(Option::is_some),
            light: room_filter(pod, framework, &attempt.filters, &attempt.states),
            rejection: Rejection::default(),
            reasons: Vec::new(),
            lower: Vec::new(),
        }
    }

    /// The victims that the pod needs on this node; None when even all of them would not do.
    fn on_node(&mut self, slot: Slot) -> Option<Candidate> {
        let node = self.world.cache.info(slot);
        let mut lower = std::mem::take(&mut self.lower);
        lower.clear();
        let is_lower = |other: &&Arc<PodInfo>| other.priority < self.pod.priority;
        lower.extend(node.pods.iter().filter(is_lower).map(Lower::new));
        let candidate = self.without(&mut lower, node, slot);
        self.lower = lower;
        candidate
    }

    fn without(&mut self, lower: &mut [Lower<'a>], node: &NodeInfo, slot: Slot) -> Option<Candidate> {
        if lower.is_empty() {
            self.note(Reason::Text(NO_VICTIMS));
            return None;
        }
        self.load(node);
        for other in lower.iter() {
            self.remove(other.pod);
        }
        if !self.fits_at_all(node) {
            for reason in std::mem::take(&mut self.rejection.reasons) {
                self.note(reason);
            }
            return None;
        }
        lower.sort_by(|a, b| by_importance(a.pod, b.pod));
        let violation_count = self.reprieve(lower);
        let victims = lower.iter().filter(|other| other.is_victim).map(|other| other.pod.clone());
        let victims: Vec<Arc<PodInfo>> = victims.collect();
        if victims.is_empty() {
            let name = self.world.symbols.text(node.facts.name);
            self.note(Reason::Told(format!("expected at least one victim pod on node \"{name}\"").into()));
            return None;
        }
        Some(Candidate { slot, victims, violation_count })
    }

    /// Copies the node and the states.
    fn load(&mut self, node: &NodeInfo) {
        if self.light.is_some() {
            self.node.copy_room(node);
            // More pods never help: with those for which room is made is the harder of the two questions.
            for guest in self.world.cache.nominated_to(node.facts.name, self.pod) {
                self.node.take_room(&guest);
            }
            return;
        }
        self.node.copy_from(node);
        if self.is_stateful {
            self.states =
                self.attempt.states.iter().map(|s| s.as_ref().map(|s| s.as_ref().copied())).collect();
        }
    }

    /// Gives back every pod with which the preemptor still fits, those protected by a budget first. Returns how many of
    /// these stay away.
    fn reprieve(&mut self, lower: &mut [Lower<'a>]) -> usize {
        let mut violation_count = 0;
        if self.mark_violating(lower) {
            for other in lower.iter_mut().filter(|other| other.is_violating) {
                other.is_victim = !self.can_stay(other.pod);
                violation_count += usize::from(other.is_victim);
            }
        }
        for other in lower.iter_mut().filter(|other| !other.is_violating) {
            other.is_victim = !self.can_stay(other.pod);
        }
        violation_count
    }

    fn can_stay(&mut self, other: &Arc<PodInfo>) -> bool {
        self.add(other);
        let fits = self.fits();
        if !fits {
            self.remove(other);
        }
        fits
    }

    /// Marks those whose eviction would violate a budget, if all before them were evicted too. False when there are none.
    fn mark_violating(&self, pods: &mut [Lower]) -> bool {
        let budgets = &self.world.objects.budgets;
        if budgets.is_empty() {
            return false;
        }
        let mut left: Vec<(*const Budget, i64)> = Vec::new();
        for Lower { pod, is_violating, .. } in pods.iter_mut() {
            for budget in budgets.of(pod.shape.namespace).filter(|budget| budget.covers(pod)) {
                let at = left.iter().position(|(known, _)| std::ptr::eq(*known, budget));
                let at = at.unwrap_or_else(|| {
                    left.push((budget, budget.allowed_count));
                    left.len() - 1
                });
                left[at].1 -= 1;
                *is_violating |= left[at].1 < 0;
            }
        }
        pods.iter().any(|other| other.is_violating)
    }

    /// `fits`, and in a light run the filters that look at nothing but the node's object.
    fn fits_at_all(&mut self, node: &NodeInfo) -> bool {
        let Some(place) = self.light else { return self.fits() };
        let (before, after) = self.attempt.filters.split_at(place);
        self.admits(node, before) && self.fits() && self.admits(node, &after[1..])
    }

    fn admits(&mut self, node: &NodeInfo, filters: &[usize]) -> bool {
        let (pod, states, rejection) = (self.pod, &self.attempt.states, &mut self.rejection);
        first_refusal(pod, node, self.framework, self.world, filters, states, rejection).is_none()
    }

    fn fits(&mut self) -> bool {
        if let Some(place) = self.light {
            let fit = &self.framework.plugins[self.attempt.filters[place]];
            self.rejection.reasons.clear();
            return fit.filter(self.pod, &self.node, None, self.world, &mut self.rejection);
        }
        let (filters, states) = (&self.attempt.filters, &self.states);
        let refused =
            refusal(self.pod, &self.node, self.framework, self.world, (filters, states), &mut self.rejection);
        refused.is_none()
    }

    fn remove(&mut self, other: &Arc<PodInfo>) {
        if self.light.is_some() {
            return self.node.leave_room(other);
        }
        self.node.remove_pod(other);
        for (index, state) in self.states.iter_mut().enumerate() {
            if let Some(state) = state {
                let plugin = &self.framework.plugins[index];
                plugin.remove_pod(self.pod, other, &self.node, state.as_mut(), self.world);
            }
        }
    }

    fn add(&mut self, other: &Arc<PodInfo>) {
        if self.light.is_some() {
            return self.node.take_room(other);
        }
        self.node.add_pod(other);
        for (index, state) in self.states.iter_mut().enumerate() {
            if let Some(state) = state {
                let plugin = &self.framework.plugins[index];
                plugin.add_pod(self.pod, other, &self.node, state.as_mut(), self.world);
            }
        }
    }

    fn note(&mut self, reason: Reason) {
        match self.reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.reasons.push((reason, 1)),
        }
    }
}
