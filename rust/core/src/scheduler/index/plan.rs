//! The plan of a class: which plugins refuse or score its pods, and on what each of them depends.
//!
//! Invariant: a plan exists only for pods whose answer the index can keep; for all others the caller scans.
//! Not here: the nodes (see `class`).

use super::super::framework::{
    CycleState, Framework, PreFilter, PreScore, Reach, State, World, NODE_SCORE_MAX,
};
use super::super::interner::Symbol;
use super::super::node::NodeInfo;
use super::super::pod::PodInfo;

/// One plugin at one point, with what it remembers about pods of the shape.
pub struct Step {
    pub plugin: usize,
    /// It looks at the node's pods, not at its object alone.
    pub is_on_pods: bool,
    /// 0 for filters.
    pub weight: i64,
    state: Option<State>,
}

impl Step {
    pub fn state(&self) -> Option<&dyn CycleState> {
        self.state.as_deref()
    }
}

#[derive(Default)]
pub struct Plan {
    /// Filters that judge a node by itself, in the profile's order.
    pub filters: Vec<Step>,
    /// The nodes that PreFilter names, when it names some: no other can do.
    pub names: Option<Vec<Symbol>>,
    /// All of the filters come before the filters that judge by counts.
    pub is_node_first: bool,
    /// Scores that are added as they are.
    pub fixed: Vec<Step>,
    /// Scores that are normalised over the feasible nodes.
    pub ranked: Vec<Step>,
}

/// A plan whose fixed scores can add up to more than this is not made: there would be too many buckets.
const POINTS_MAX: i64 = 10_000;
/// Sampling depends on where the round of nodes begins: only profiles that look at all nodes are indexed.
const PERCENTAGE_OF_ALL: usize = 100;

impl Plan {
    /// None: these pods must be scanned.
    pub fn of(pod: &PodInfo, framework: &Framework, world: &World) -> Option<Plan> {
        if framework.profile.percentage < PERCENTAGE_OF_ALL || framework.score.is_empty() {
            return None;
        }
        let reaches: Vec<Reach> = framework.plugins.iter().map(|p| p.reach(pod)).collect();
        if reaches.iter().any(|reach| matches!(reach, Reach::World)) {
            return None;
        }
        let mut plan = Plan::default();
        let mut is_skipped = vec![false; framework.plugins.len()];
        let mut states: Vec<Option<State>> = framework.plugins.iter().map(|_| None).collect();
        for plugin in framework.pre_filter.iter().copied().filter(|p| reaches[*p].is_node_by_node()) {
            match framework.plugins[plugin].pre_filter(pod, world) {
                PreFilter::Run(state) => states[plugin] = state,
                PreFilter::Skip => is_skipped[plugin] = true,
                PreFilter::Nodes(names, state) if plan.names.is_none() => {
                    (plan.names, states[plugin]) = (Some(names), state);
                }
                PreFilter::Nodes(..) | PreFilter::Refuse(..) => return None,
            }
        }
        for plugin in framework.filter.iter().copied() {
            if reaches[plugin].is_node_by_node() && !is_skipped[plugin] {
                let state = states[plugin].as_ref().map(|s| s.as_ref().copied());
                plan.filters.push(Step {
                    plugin,
                    is_on_pods: reaches[plugin].is_on_pods(),
                    weight: 0,
                    state,
                });
            }
        }
        let by_counts = framework.filter.iter().skip_while(|p| !reaches[**p].is_by_counts());
        let is_filter = |plugin: &usize| plan.filters.iter().any(|step| step.plugin == *plugin);
        plan.is_node_first = !by_counts.copied().any(|plugin| is_filter(&plugin));
        plan.add_scores(pod, framework, world, (&reaches, &states));
        let highest: i64 = plan.fixed.iter().map(|step| step.weight * NODE_SCORE_MAX).sum();
        (highest <= POINTS_MAX).then_some(plan)
    }

    /// True for a node that PreFilter rules out.
    pub fn is_outside(&self, node: &NodeInfo) -> bool {
        self.names.as_ref().is_some_and(|names| !names.contains(&node.facts.name))
    }

    fn add_scores(
        &mut self,
        pod: &PodInfo,
        framework: &Framework,
        world: &World,
        (reaches, states): (&[Reach], &[Option<State>]),
    ) {
        for (plugin, weight) in framework.score.iter().copied() {
            if !reaches[plugin].is_node_by_node() {
                continue;
            }
            let mut state = states[plugin].as_ref().map(|s| s.as_ref().copied());
            if framework.pre_score.contains(&plugin) {
                let said = framework.plugins[plugin].pre_score(pod, &[], state.as_deref(), world);
                match said {
                    PreScore::Keep => {}
                    PreScore::Run(made) => state = Some(made),
                    PreScore::Skip => continue,
                    PreScore::Fail(_) => unreachable!("plugins that may fail reach the world"),
                }
            }
            let step = Step { plugin, is_on_pods: reaches[plugin].is_on_pods(), weight, state };
            if framework.plugins[plugin].is_normalizing() {
                self.ranked.push(step);
            } else {
                self.fixed.push(step);
            }
        }
    }
}
