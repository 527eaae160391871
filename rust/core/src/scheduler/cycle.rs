//! One scheduling attempt by the exhaustive loop: PreFilter, Filter, Score, and the choice among the best.
//!
//! Invariant: reads the world, changes nothing of it; the caller moves the start index, assumes the pod.
//! Not here: the queue; PostFilter (see `preemption`); finding the node without looking at all of them (see `index`).

use super::cache::Slot;
use super::framework::{Code, CycleState, Framework, PreFilter, PreScore, Reason, Rejection, State, World};
use super::interner::{Symbol, EMPTY};
use super::pod::PodInfo;
use super::preemption::Preemption;
use super::refusal::refusal;

/// Fewer nodes than this are always looked at all.
const FEASIBLE_NODES_MIN: usize = 100;
const PERCENTAGE_MIN: usize = 5;
const PERCENTAGE_MAX: usize = 50;
/// The adaptive percentage falls by one for so many nodes.
const NODES_PER_PERCENT: usize = 125;

pub const NO_NODES: &str = "no nodes available to schedule pods";

/// Nodes that PreFilter ruled out before any filter ran: the plugins' names, why.
pub struct RuledOut {
    pub nodes: Vec<Slot>,
    pub plugins: String,
    pub code: Code,
    pub reason: String,
}

/// What one attempt found.
#[derive(Default)]
pub struct Attempt {
    pub chosen: Option<Slot>,
    /// How far the start index moves.
    pub examined_count: usize,
    /// A choice among several was made: the generator moves on.
    pub is_drawn: bool,
    /// Bit i: plugin i refused the pod on some node.
    pub rejectors: u64,
    /// Why no node was chosen.
    pub message: String,
    pub is_error: bool,
    pub feasible: Vec<Slot>,
    pub ruled_out: Vec<RuledOut>,
    /// PreFilter's, by plugin; for Reserve and PostFilter.
    pub states: Vec<Option<State>>,
    /// The filters that ran.
    pub filters: Vec<usize>,
    /// PreFilter was asked: states and filters are what it left.
    pub is_planned: bool,
    /// The plugin whose refusal ended PreFilter before the others were asked.
    pub ended_at: Option<usize>,
    /// The nodes that a filter refused with `Unschedulable`: fewer pods may help there.
    pub preemptible: Vec<Slot>,
    /// How many nodes would be in `preemptible`, when it is known that none of them has a pod of lower priority.
    pub victimless_count: Option<usize>,
    /// None when preemption was not thought of.
    pub preemption: Option<Preemption>,
}

impl Attempt {
    fn with(self, plan: Plan) -> Attempt {
        Attempt { states: plan.states, filters: plan.filters, is_planned: true, ..self }
    }
}

/// Everything about one attempt, for an explanation and for preemption.
#[derive(Default)]
pub struct Trace {
    pub rejected: Vec<(Slot, usize, Code, Vec<Reason>)>,
    pub skipped_filters: Vec<usize>,
    /// (plugin, raw, normalised and weighted) per feasible node, for plugins that scored.
    pub scores: Vec<(usize, Vec<i64>, Vec<i64>)>,
    pub totals: Vec<i64>,
}

/// What settles what the pod itself does not.
#[derive(Clone, Copy, Debug)]
pub struct Luck {
    /// Where the round of nodes begins.
    pub start: usize,
    /// The random number that settles a tie.
    pub draw: u64,
}

/// What PreFilter left: the nodes to look at (None: all), the filters to run, the plugins' states.
pub struct Plan {
    pub slots: Option<Vec<Slot>>,
    pub filters: Vec<usize>,
    /// Plugins that named nodes.
    pub narrowing: Vec<usize>,
    pub states: Vec<Option<State>>,
}

/// One attempt at a time; scratch vectors are kept between attempts.
#[derive(Default)]
pub struct Cycle {
    rejection: Rejection,
    histogram: Vec<(Reason, usize)>,
    totals: Vec<i64>,
    scores: Vec<i64>,
}

impl Cycle {
    /// Tries the pod. The cache's order must be fresh.
    pub fn run(
        &mut self,
        pod: &PodInfo,
        framework: &Framework,
        world: &World,
        luck: Luck,
        mut trace: Option<&mut Trace>,
    ) -> Attempt {
        if world.cache.node_count() == 0 {
            return Attempt { message: NO_NODES.to_owned(), ..Attempt::default() };
        }
        let plan = match pre_filter(pod, framework, world) {
            Ok(plan) => plan,
            Err(attempt) => return *attempt,
        };
        if let Some(trace) = trace.as_deref_mut() {
            trace.skipped_filters.extend(framework.filter.iter().filter(|f| !plan.filters.contains(f)));
        }
        if let Some(slot) = self.nominated(pod, framework, world, &plan) {
            return Attempt { chosen: Some(slot), feasible: vec![slot], ..Attempt::default().with(plan) };
        }
        let (mut attempt, is_traced) = (Attempt { is_planned: true, ..Attempt::default() }, trace.is_some());
        self.filter(&mut attempt, pod, framework, world, &plan, luck.start, trace.as_deref_mut());
        self.extend(&mut attempt, pod, framework, world, trace.as_deref_mut());
        if is_traced || attempt.feasible.is_empty() {
            attempt.ruled_out = outside(&plan, framework, world);
        }
        (attempt.states, attempt.filters) = (plan.states, plan.filters);
        attempt.rejectors |= plan.narrowing.iter().fold(0, |bits, plugin| bits | 1 << plugin);
        if attempt.is_error {
            attempt.feasible.clear();
            return attempt;
        }
        match attempt.feasible.as_slice() {
            [] => attempt.message = self.message(&attempt, world),
            [only] => attempt.chosen = Some(*only),
            _ => {
                if let Err(message) = self.score(pod, framework, world, &attempt, trace) {
                    (attempt.is_error, attempt.message) = (true, message);
                    attempt.feasible.clear();
                    return attempt;
                }
                let slots = world.cache.slot_count();
                attempt.chosen = Some(select_host(&attempt.feasible, &self.totals, slots, luck.draw));
                attempt.is_drawn = true;
            }
        }
        attempt
    }

    /// The nominated node, when it is there and passes: it is taken without looking further.
    fn nominated(
        &mut self,
        pod: &PodInfo,
        framework: &Framework,
        world: &World,
        plan: &Plan,
    ) -> Option<Slot> {
        if pod.nominated_node_name == EMPTY {
            return None;
        }
        let slot = world.cache.slot_of(pod.nominated_node_name)?;
        if plan.slots.as_ref().is_some_and(|slots| !slots.contains(&slot)) {
            return None;
        }
        let is_admitted = |extender: &usize| {
            framework.plugins[*extender].admit(pod, &[slot], world).is_ok_and(|said| said == [None])
        };
        let node = world.cache.info(slot);
        let parts = (&plan.filters[..], &plan.states[..]);
        let is_fine = refusal(pod, node, framework, world, parts, &mut self.rejection).is_none();
        (is_fine && framework.extenders.iter().all(is_admitted)).then_some(slot)
    }

    #[allow(clippy::too_many_arguments)]
    fn filter(
        &mut self,
        attempt: &mut Attempt,
        pod: &PodInfo,
        framework: &Framework,
        world: &World,
        plan: &Plan,
        start: usize,
        mut trace: Option<&mut Trace>,
    ) {
        let slots = plan.slots.as_deref().unwrap_or_else(|| world.cache.order());
        // Without a score one feasible node is as good as another.
        let target = match framework.score.is_empty() {
            true => 1,
            false => feasible_nodes_to_find(slots.len(), framework.profile.percentage),
        };
        self.histogram.clear();
        for step in 0..slots.len() {
            if attempt.feasible.len() == target {
                break;
            }
            let slot = slots[(start + step) % slots.len()];
            attempt.examined_count += 1;
            let (node, parts) = (world.cache.info(slot), (&plan.filters[..], &plan.states[..]));
            let Some(plugin) = refusal(pod, node, framework, world, parts, &mut self.rejection) else {
                attempt.feasible.push(slot);
                continue;
            };
            if self.rejection.code == Code::Error {
                let texts: Vec<String> =
                    self.rejection.reasons.iter().map(|r| r.text(world.symbols)).collect();
                (attempt.is_error, attempt.message) = (true, texts.join(", "));
                return;
            }
            attempt.rejectors |= 1 << plugin;
            if self.rejection.code == Code::Unschedulable {
                attempt.preemptible.push(slot);
            }
            for reason in &self.rejection.reasons {
                count(&mut self.histogram, reason);
            }
            if let Some(trace) = trace.as_deref_mut() {
                trace.rejected.push((slot, plugin, self.rejection.code, self.rejection.reasons.clone()));
            }
        }
    }

    /// Asks the extenders, one after another, about the nodes that are left.
    fn extend(
        &mut self,
        attempt: &mut Attempt,
        pod: &PodInfo,
        framework: &Framework,
        world: &World,
        mut trace: Option<&mut Trace>,
    ) {
        for plugin in framework.extenders.iter().copied() {
            if attempt.is_error || attempt.feasible.is_empty() {
                return;
            }
            let answers = match framework.plugins[plugin].admit(pod, &attempt.feasible, world) {
                Ok(answers) => answers,
                Err(message) => {
                    (attempt.is_error, attempt.message) = (true, message);
                    return;
                }
            };
            for (slot, answer) in std::mem::take(&mut attempt.feasible).into_iter().zip(answers) {
                let Some((code, reason)) = answer else {
                    attempt.feasible.push(slot);
                    continue;
                };
                let reason = Reason::Told(reason.into());
                attempt.rejectors |= 1 << plugin;
                count(&mut self.histogram, &reason);
                if let Some(trace) = trace.as_deref_mut() {
                    trace.rejected.push((slot, plugin, code, vec![reason]));
                }
            }
        }
    }

    /// Fills `totals` for the feasible nodes. The error is the text with which the attempt fails.
    fn score(
        &mut self,
        pod: &PodInfo,
        framework: &Framework,
        world: &World,
        attempt: &Attempt,
        mut trace: Option<&mut Trace>,
    ) -> Result<(), String> {
        let nodes = &attempt.feasible;
        let mut prepared = pre_score(pod, framework, world, nodes, &attempt.states);
        if let Some(PreScore::Fail(message)) = prepared.iter_mut().find(|p| matches!(p, PreScore::Fail(_))) {
            return Err(std::mem::take(message));
        }
        self.totals.clear();
        self.totals.resize(nodes.len(), 0);
        for (index, weight) in framework.score.iter().copied() {
            let state = match &prepared[index] {
                PreScore::Skip | PreScore::Fail(_) => continue,
                PreScore::Keep => state_at(&attempt.states, index),
                PreScore::Run(state) => Some(state.as_ref()),
            };
            let plugin = &framework.plugins[index];
            self.scores.clear();
            self.scores.extend(nodes.iter().map(|s| plugin.score(pod, world.cache.info(*s), state, world)));
            let raw = trace.is_some().then(|| self.scores.clone());
            plugin.normalize(pod, nodes, state, world, &mut self.scores);
            for (score, total) in self.scores.iter_mut().zip(&mut self.totals) {
                *score *= weight;
                *total += *score;
            }
            if let (Some(trace), Some(raw)) = (trace.as_deref_mut(), raw) {
                trace.scores.push((index, raw, self.scores.clone()));
            }
        }
        if let Some(trace) = trace {
            trace.totals.clone_from(&self.totals);
        }
        Ok(())
    }

    fn message(&self, attempt: &Attempt, world: &World) -> String {
        let filtered = self.histogram.iter().map(|(reason, count)| (reason.text(world.symbols), *count));
        let before = attempt.ruled_out.iter().map(|r| (r.reason.clone(), r.nodes.len()));
        fit_message(filtered.chain(before), world.cache.node_count())
    }
}

fn count(histogram: &mut Vec<(Reason, usize)>, reason: &Reason) {
    match histogram.iter_mut().find(|(known, _)| known == reason) {
        Some((_, count)) => *count += 1,
        None => histogram.push((reason.clone(), 1)),
    }
}

/// The histogram of reasons, as kube-scheduler words it.
pub fn fit_message(counts: impl Iterator<Item = (String, usize)>, all_count: usize) -> String {
    let mut merged: Vec<(String, usize)> = Vec::new();
    for (reason, count) in counts {
        match merged.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, so_far)) => *so_far += count,
            None => merged.push((reason, count)),
        }
    }
    let mut lines: Vec<String> = merged.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    lines.sort_unstable();
    format!("0/{all_count} nodes are available: {}.", lines.join(", "))
}

/// Runs every PreFilter. The error is an attempt that failed before any node was looked at.
pub fn pre_filter(pod: &PodInfo, framework: &Framework, world: &World) -> Result<Plan, Box<Attempt>> {
    let mut plan = Plan {
        slots: None,
        filters: framework.filter.clone(),
        narrowing: Vec::new(),
        states: framework.plugins.iter().map(|_| None).collect(),
    };
    let mut names: Option<Vec<Symbol>> = None;
    let (mut refusing, mut refused) = (Vec::new(), None);
    for index in framework.pre_filter.iter().copied() {
        match framework.plugins[index].pre_filter(pod, world) {
            PreFilter::Run(state) => plan.states[index] = state,
            PreFilter::Skip => plan.filters.retain(|f| *f != index),
            PreFilter::Refuse(Code::Error, message) => {
                return Err(Box::new(Attempt { message, is_error: true, ..Attempt::default() }));
            }
            PreFilter::Refuse(Code::Unschedulable, message) => {
                refusing.push(index);
                refused = Some(message);
            }
            PreFilter::Refuse(code, message) => {
                let attempt = ruled_out(code, &[index], message, framework, world);
                return Err(Box::new(Attempt { ended_at: Some(index), ..attempt.with(plan) }));
            }
            PreFilter::Nodes(some, state) => {
                plan.states[index] = state;
                plan.narrowing.push(index);
                names = Some(match names {
                    None => some,
                    Some(before) => before.into_iter().filter(|n| some.contains(n)).collect(),
                });
                if names.as_ref().is_some_and(Vec::is_empty) {
                    let code = Code::UnschedulableAndUnresolvable;
                    let message = nothing_left(framework, &plan.narrowing);
                    let attempt = ruled_out(code, &plan.narrowing, message, framework, world);
                    return Err(Box::new(Attempt { ended_at: Some(index), ..attempt.with(plan) }));
                }
            }
        }
    }
    if let Some(message) = refused {
        let attempt = ruled_out(Code::Unschedulable, &refusing, message, framework, world);
        return Err(Box::new(attempt.with(plan)));
    }
    plan.slots = names.map(|names| world.cache.in_order(&names));
    Ok(plan)
}

/// What each plugin's PreScore says, by plugin, up to one that fails; those without the point keep PreFilter's state.
pub fn pre_score(
    pod: &PodInfo,
    framework: &Framework,
    world: &World,
    nodes: &[Slot],
    states: &[Option<State>],
) -> Vec<PreScore> {
    let mut prepared: Vec<PreScore> = framework.plugins.iter().map(|_| PreScore::Keep).collect();
    for index in framework.pre_score.iter().copied() {
        prepared[index] = framework.plugins[index].pre_score(pod, nodes, state_at(states, index), world);
        if matches!(prepared[index], PreScore::Fail(_)) {
            break;
        }
    }
    prepared
}

pub fn state_at(states: &[Option<State>], index: usize) -> Option<&dyn CycleState> {
    states.get(index).and_then(|state| state.as_deref())
}

fn ruled_out(code: Code, plugins: &[usize], reason: String, framework: &Framework, world: &World) -> Attempt {
    let all_count = world.cache.node_count();
    Attempt {
        rejectors: plugins.iter().fold(0, |bits, plugin| bits | 1 << plugin),
        message: format!("0/{all_count} nodes are available: {reason}."),
        ruled_out: vec![RuledOut {
            nodes: world.cache.order().to_vec(),
            plugins: names(framework, plugins).join(","),
            code,
            reason,
        }],
        ..Attempt::default()
    }
}

/// The nodes that PreFilter did not name.
fn outside(plan: &Plan, framework: &Framework, world: &World) -> Vec<RuledOut> {
    let Some(inside) = &plan.slots else { return Vec::new() };
    let nodes: Vec<Slot> =
        world.cache.order().iter().copied().filter(|slot| !inside.contains(slot)).collect();
    if nodes.is_empty() {
        return Vec::new();
    }
    let names = names(framework, &plan.narrowing);
    let reason = format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" "));
    let code = Code::UnschedulableAndUnresolvable;
    vec![RuledOut { nodes, plugins: names.join(","), code, reason }]
}

fn names(framework: &Framework, plugins: &[usize]) -> Vec<String> {
    plugins.iter().map(|i| framework.plugins[*i].name().to_owned()).collect()
}

fn nothing_left(framework: &Framework, narrowing: &[usize]) -> String {
    match narrowing {
        [only] => format!("node(s) didn't satisfy plugin {}", framework.plugins[*only].name()),
        _ => {
            let names = names(framework, narrowing).join(" ");
            format!("node(s) didn't satisfy plugin(s) [{names}] simultaneously")
        }
    }
}

/// How many feasible nodes are enough, out of `count`.
pub fn feasible_nodes_to_find(count: usize, percentage: usize) -> usize {
    if count < FEASIBLE_NODES_MIN || percentage >= 100 {
        return count;
    }
    let adaptive = || PERCENTAGE_MAX.saturating_sub(count / NODES_PER_PERCENT).max(PERCENTAGE_MIN);
    let percentage = if percentage == 0 { adaptive() } else { percentage };
    (count * percentage / 100).max(FEASIBLE_NODES_MIN)
}

/// The node of the highest total whose slot comes first, going round from `draw`.
pub fn select_host(nodes: &[Slot], totals: &[i64], slot_count: usize, draw: u64) -> Slot {
    let first = (draw % slot_count as u64) as usize;
    let best = *totals.iter().max().expect("there are feasible nodes to choose from");
    let distance = |slot: Slot| {
        let slot = slot as usize;
        if slot >= first {
            slot - first
        } else {
            slot + slot_count - first
        }
    };
    let equals = nodes.iter().zip(totals).filter(|(_, total)| **total == best).map(|(node, _)| *node);
    equals.min_by_key(|slot| distance(*slot)).expect("the best total is that of some node")
}
