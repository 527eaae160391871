//! One scheduling attempt: PreFilter, Filter from the start index on, Score, and the choice among the best.
//!
//! Invariant: reads the cache, changes nothing; the caller moves the start index and assumes the pod.
//! Not here: the queue, preemption.

use super::cache::Cache;
use super::framework::{Code, Framework, Point, PreFilter, Reason, Rejection};
use super::interner::{Interner, EMPTY};
use super::pod::PodInfo;

/// Fewer nodes than this are always looked at all.
const FEASIBLE_NODES_MIN: usize = 100;
const PERCENTAGE_MIN: usize = 5;
const PERCENTAGE_MAX: usize = 50;
/// The adaptive percentage falls by one for so many nodes.
const NODES_PER_PERCENT: usize = 125;

pub const NO_NODES: &str = "no nodes available to schedule pods";

/// What one attempt found.
#[derive(Debug, Default)]
pub struct Attempt {
    /// Position (in the cache's order) of the chosen node.
    pub chosen: Option<usize>,
    /// How far the start index moves.
    pub examined_count: usize,
    /// Bit i: plugin i refused the pod on some node.
    pub rejectors: u64,
    /// Why no node was chosen.
    pub message: String,
    pub feasible: Vec<usize>,
}

/// Everything about one attempt, for an explanation. Positions are the cache's.
#[derive(Debug, Default)]
pub struct Trace {
    pub rejected: Vec<(usize, usize, Code, Vec<Reason>)>,
    pub skipped_filters: Vec<usize>,
    /// (plugin, raw, normalised and weighted) per feasible node, for plugins that scored.
    pub scores: Vec<(usize, Vec<i64>, Vec<i64>)>,
    pub totals: Vec<i64>,
}

/// The parts of one attempt; scratch vectors are kept between attempts.
#[derive(Debug)]
pub struct Cycle {
    filters: Vec<usize>,
    rejection: Rejection,
    histogram: Vec<(Reason, usize)>,
    totals: Vec<i64>,
    scores: Vec<i64>,
}

/// What PreFilter left: the nodes to look at (None: all), the filters to run.
struct Plan {
    positions: Option<Vec<usize>>,
    filters: Vec<usize>,
    /// Plugins that named nodes.
    narrowing: Vec<usize>,
}

impl Cycle {
    pub fn new(framework: &Framework) -> Cycle {
        Cycle {
            filters: framework.at(Point::Filter),
            rejection: Rejection { code: Code::Unschedulable, reasons: Vec::new() },
            histogram: Vec::new(),
            totals: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// Tries the pod. `percentage` is percentageOfNodesToScore, 0 for adaptive.
    pub fn run(
        &mut self,
        pod: &PodInfo,
        world: &World,
        start: usize,
        percentage: usize,
        mut trace: Option<&mut Trace>,
    ) -> Attempt {
        let all_count = world.cache.node_count();
        if all_count == 0 {
            return Attempt { message: NO_NODES.to_owned(), ..Attempt::default() };
        }
        let plan = match self.pre_filter(pod, world) {
            Ok(plan) => plan,
            Err((rejectors, message)) => {
                let message = format!("0/{all_count} nodes are available: {message}.");
                return Attempt { rejectors, message, ..Attempt::default() };
            }
        };
        if let Some(trace) = trace.as_deref_mut() {
            trace.skipped_filters.extend(self.filters.iter().filter(|f| !plan.filters.contains(f)));
        }
        if let Some(position) = self.nominated(pod, world, &plan) {
            return Attempt { chosen: Some(position), feasible: vec![position], ..Attempt::default() };
        }
        let mut attempt = self.filter(pod, world, &plan, start, percentage, trace.as_deref_mut());
        for plugin in &plan.narrowing {
            attempt.rejectors |= 1 << plugin;
        }
        match attempt.feasible.as_slice() {
            [] => attempt.message = self.message(world, &plan, all_count),
            [only] => attempt.chosen = Some(*only),
            _ => {
                self.score(pod, world, &attempt.feasible, trace);
                attempt.chosen = Some(attempt.feasible[select_host(&self.totals)]);
            }
        }
        attempt
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> Result<Plan, (u64, String)> {
        let mut plan = Plan { positions: None, filters: self.filters.clone(), narrowing: Vec::new() };
        let mut names: Option<Vec<u32>> = None;
        let mut refused: Option<(u64, String)> = None;
        for (index, plugin) in world.framework.plugins.iter().enumerate() {
            match plugin.pre_filter(pod, world.cache) {
                PreFilter::Run => {}
                PreFilter::Skip => plan.filters.retain(|f| *f != index),
                PreFilter::Refuse(Code::UnschedulableAndUnresolvable, message) => {
                    return Err((1 << index, message))
                }
                PreFilter::Refuse(Code::Unschedulable, message) => {
                    let so_far = refused.map_or(0, |r| r.0);
                    refused = Some((so_far | 1 << index, message));
                }
                PreFilter::Nodes(some) => {
                    plan.narrowing.push(index);
                    names = Some(match names {
                        None => some,
                        Some(before) => before.into_iter().filter(|n| some.contains(n)).collect(),
                    });
                    if names.as_ref().is_some_and(Vec::is_empty) {
                        let rejectors = plan.narrowing.iter().fold(0, |bits, p| bits | 1 << p);
                        return Err((rejectors, nothing_left(world.framework, &plan.narrowing)));
                    }
                }
            }
        }
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        plan.positions = names.map(|names| {
            (0..world.cache.node_count()).filter(|p| names.contains(&world.cache.at(*p).facts.name)).collect()
        });
        Ok(plan)
    }

    /// The nominated node, when it is there and passes: it is taken without looking further.
    fn nominated(&mut self, pod: &PodInfo, world: &World, plan: &Plan) -> Option<usize> {
        if pod.nominated_node_name == EMPTY {
            return None;
        }
        let wanted = |p: &usize| world.cache.at(*p).facts.name == pod.nominated_node_name;
        let position = match &plan.positions {
            Some(positions) => positions.iter().copied().find(wanted),
            None => (0..world.cache.node_count()).find(wanted),
        }?;
        self.passes(pod, world, plan, position).is_none().then_some(position)
    }

    /// None when every filter admits the node, else the plugin that refused it (`self.rejection` says why).
    fn passes(&mut self, pod: &PodInfo, world: &World, plan: &Plan, position: usize) -> Option<usize> {
        let node = world.cache.at(position);
        self.rejection.reasons.clear();
        plan.filters
            .iter()
            .copied()
            .find(|index| !world.framework.plugins[*index].filter(pod, node, &mut self.rejection))
    }

    fn filter(
        &mut self,
        pod: &PodInfo,
        world: &World,
        plan: &Plan,
        start: usize,
        percentage: usize,
        mut trace: Option<&mut Trace>,
    ) -> Attempt {
        let count = plan.positions.as_ref().map_or(world.cache.node_count(), Vec::len);
        let target = feasible_nodes_to_find(count, percentage);
        let mut attempt = Attempt::default();
        self.histogram.clear();
        for step in 0..count {
            if attempt.feasible.len() == target {
                break;
            }
            let at = (start + step) % count;
            let position = plan.positions.as_ref().map_or(at, |positions| positions[at]);
            attempt.examined_count += 1;
            let Some(plugin) = self.passes(pod, world, plan, position) else {
                attempt.feasible.push(position);
                continue;
            };
            attempt.rejectors |= 1 << plugin;
            for reason in &self.rejection.reasons {
                match self.histogram.iter_mut().find(|(known, _)| known == reason) {
                    Some((_, count)) => *count += 1,
                    None => self.histogram.push((*reason, 1)),
                }
            }
            if let Some(trace) = trace.as_deref_mut() {
                trace.rejected.push((position, plugin, self.rejection.code, self.rejection.reasons.clone()));
            }
        }
        attempt
    }

    /// Fills `totals` for the feasible nodes.
    fn score(&mut self, pod: &PodInfo, world: &World, feasible: &[usize], mut trace: Option<&mut Trace>) {
        self.totals.clear();
        self.totals.resize(feasible.len(), 0);
        for (index, plugin) in world.framework.plugins.iter().enumerate() {
            if !plugin.points().contains(&Point::Score) || !plugin.pre_score(pod) {
                continue;
            }
            self.scores.clear();
            self.scores.extend(feasible.iter().map(|p| plugin.score(pod, world.cache.at(*p))));
            let raw = trace.is_some().then(|| self.scores.clone());
            plugin.normalize(&mut self.scores);
            let weight = world.framework.weights[index];
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
    }

    fn message(&self, world: &World, plan: &Plan, all_count: usize) -> String {
        let mut lines: Vec<String> = self
            .histogram
            .iter()
            .map(|(reason, count)| format!("{count} {}", reason.text(world.symbols)))
            .collect();
        if let Some(positions) = plan.positions.as_ref().filter(|p| p.len() < all_count) {
            let names = names(world.framework, &plan.narrowing);
            lines.push(format!("{} node(s) didn't satisfy plugin(s) [{names}]", all_count - positions.len()));
        }
        lines.sort_unstable();
        format!("0/{all_count} nodes are available: {}.", lines.join(", "))
    }
}

/// What a cycle looks at.
pub struct World<'a> {
    pub framework: &'a Framework,
    pub cache: &'a Cache,
    pub symbols: &'a Interner,
}

fn names(framework: &Framework, plugins: &[usize]) -> String {
    let names: Vec<&str> = plugins.iter().map(|i| framework.plugins[*i].name()).collect();
    names.join(" ")
}

fn nothing_left(framework: &Framework, narrowing: &[usize]) -> String {
    match narrowing {
        [only] => format!("node(s) didn't satisfy plugin {}", framework.plugins[*only].name()),
        _ => format!("node(s) didn't satisfy plugin(s) [{}] simultaneously", names(framework, narrowing)),
    }
}

/// How many feasible nodes are enough, out of `count`.
pub fn feasible_nodes_to_find(count: usize, percentage: usize) -> usize {
    if count < FEASIBLE_NODES_MIN {
        return count;
    }
    let adaptive = || PERCENTAGE_MAX.saturating_sub(count / NODES_PER_PERCENT).max(PERCENTAGE_MIN);
    let percentage = if percentage == 0 { adaptive() } else { percentage.min(100) };
    (count * percentage / 100).max(FEASIBLE_NODES_MIN)
}

/// The root that building a binary max-heap over the totals leaves: a child rises only when strictly greater, of equal
/// children the left one. Computed bottom-up: the root of each subtree is its best child's root or itself.
pub fn select_host(totals: &[i64]) -> usize {
    let mut roots: Vec<usize> = (0..totals.len()).collect();
    for parent in (0..totals.len() / 2).rev() {
        let (left, right) = (2 * parent + 1, 2 * parent + 2);
        let mut child = roots[left];
        if right < totals.len() && totals[roots[right]] > totals[child] {
            child = roots[right];
        }
        if totals[child] > totals[parent] {
            roots[parent] = child;
        }
    }
    roots[0]
}
