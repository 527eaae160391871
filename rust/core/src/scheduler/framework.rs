//! The framework: what a plugin may say at each extension point, and the plugins of one profile.
//!
//! Invariant: scores after normalising lie in 0..=100; weights are applied by the cycle alone.
//! Invariant: what a plugin remembers within one attempt is its state: made by `pre_filter` or `pre_score`, handed to
//! every later call of that attempt.
//! Not here: the order of one scheduling attempt (see `cycle`), configuration (see `config`).

use super::cache::{Cache, Slot};
use super::config::{is_in_tree, Profile, POINTS};
use super::event::{kinds, ClusterEvent};
use super::foreign::{Foreign, ForeignPlugins};
use super::interner::{Interner, Symbol};
use super::node::NodeInfo;
use super::node_table::SharedTexts;
use super::objects::Objects;
use super::plugins;
use super::pod::PodInfo;
use super::SchedulerError;
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;

pub const NODE_SCORE_MAX: i64 = 100;

/// Refusals are kept as one bit for each plugin of a profile.
pub const PLUGINS_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Unschedulable,
    /// Preempting pods would not help.
    UnschedulableAndUnresolvable,
    /// Fails the attempt.
    Error,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Code::Unschedulable => "Unschedulable",
            Code::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
            Code::Error => "Error",
        }
    }
}

/// One reason why a node was refused: a small value, so that refusing costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    Text(&'static str),
    /// "Insufficient <resource>".
    Insufficient(Symbol),
    /// A text made for the occasion.
    Told(Arc<str>),
}

impl Reason {
    pub fn text(&self, symbols: &Interner) -> String {
        match self {
            Reason::Text(text) => (*text).to_owned(),
            Reason::Insufficient(resource) => format!("Insufficient {}", symbols.text(*resource)),
            Reason::Told(text) => text.to_string(),
        }
    }
}

/// What a filter says about one node; reused from node to node.
#[derive(Debug)]
pub struct Rejection {
    pub code: Code,
    pub reasons: Vec<Reason>,
}

impl Default for Rejection {
    fn default() -> Self {
        Rejection { code: Code::Unschedulable, reasons: Vec::new() }
    }
}

impl Rejection {
    /// Refuses for one reason. Returns false, the filter's own answer.
    pub fn refuse(&mut self, code: Code, reason: &'static str) -> bool {
        self.code = code;
        self.reasons.push(Reason::Text(reason));
        false
    }
}

/// What plugins may read: nodes and their pods, every other object.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub cache: &'a Cache,
    pub objects: &'a Objects,
    pub symbols: &'a Interner,
}

/// What one plugin remembers within one attempt. Every `Clone` type can be one.
pub trait CycleState: Any + Send + Sync {
    fn copied(&self) -> State;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

pub type State = Box<dyn CycleState>;

impl<T: Any + Clone + Send + Sync> CycleState for T {
    fn copied(&self) -> State {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The state as the type that the same plugin made it with; None when it made none.
pub fn state_of<T: Any>(state: Option<&dyn CycleState>) -> Option<&T> {
    state.map(|s| s.as_any().downcast_ref().expect("a plugin gets back the state that it made"))
}

pub fn state_of_mut<T: Any>(state: &mut dyn CycleState) -> &mut T {
    state.as_any_mut().downcast_mut().expect("a plugin gets back the state that it made")
}

/// What a plugin says about the pod before any node is looked at.
pub enum PreFilter {
    /// Go on, with this state.
    Run(Option<State>),
    /// The filter has nothing to check for this pod.
    Skip,
    /// Only these nodes can do.
    Nodes(Vec<Symbol>, Option<State>),
    /// No node can do.
    Refuse(Code, String),
}

/// What a plugin says about the pod before any node is scored.
pub enum PreScore {
    /// Score with PreFilter's state.
    Keep,
    /// Score with this state.
    Run(State),
    /// No node's score depends on this plugin: it counts 0.
    Skip,
    /// The attempt fails.
    Fail(String),
}

/// On what a plugin's filter and score of a pod depend, beside the pod's shape: what the index may keep.
#[derive(Clone, Copy)]
pub enum Reach<'a> {
    /// On nothing: it refuses no node and scores none.
    Nothing,
    /// On what the node's object says.
    Facts,
    /// And on the pods on the node.
    Node,
    /// On counts of pods per topology domain, which the index keeps itself.
    Spread(&'a plugins::pod_topology_spread::PodTopologySpread),
    Affinity(&'a plugins::inter_pod_affinity::InterPodAffinity),
    /// On more: such pods are scanned.
    World,
}

impl Reach<'_> {
    pub fn is_on_pods(self) -> bool {
        matches!(self, Reach::Node)
    }

    pub fn is_node_by_node(self) -> bool {
        matches!(self, Reach::Facts | Reach::Node)
    }

    pub fn is_by_counts(self) -> bool {
        matches!(self, Reach::Spread(_) | Reach::Affinity(_))
    }
}

/// One scheduling plugin. What a method does by default is what a plugin without that point does.
pub trait Plugin: Send + Sync {
    fn name(&self) -> &str;

    /// A message holds the pod back from the queue.
    fn pre_enqueue(&self, _pod: &PodInfo, _world: &World) -> Option<String> {
        None
    }

    fn pre_filter(&self, _pod: &PodInfo, _world: &World) -> PreFilter {
        PreFilter::Run(None)
    }

    /// True when the node can take the pod; else `rejection` says why not.
    fn filter(
        &self,
        _pod: &PodInfo,
        _node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
        _rejection: &mut Rejection,
    ) -> bool {
        true
    }

    /// Extenders alone: for each node that all filters admit why it is refused. The error fails the attempt.
    fn admit(
        &self,
        _pod: &PodInfo,
        nodes: &[Slot],
        _world: &World,
    ) -> Result<Vec<Option<(Code, String)>>, String> {
        Ok(vec![None; nodes.len()])
    }

    /// What if `other` were on the node too: changes `state`; `node` already holds `other`.
    fn add_pod(
        &self,
        _pod: &PodInfo,
        _other: &PodInfo,
        _node: &NodeInfo,
        _state: &mut dyn CycleState,
        _world: &World,
    ) {
    }

    /// What if `other` had left the node: changes `state`; `node` no longer holds `other`.
    fn remove_pod(
        &self,
        _pod: &PodInfo,
        _other: &PodInfo,
        _node: &NodeInfo,
        _state: &mut dyn CycleState,
        _world: &World,
    ) {
    }

    /// What this plugin has to say when no node was feasible; a part of the message.
    fn post_filter(&self, _pod: &PodInfo, _state: Option<&dyn CycleState>, _world: &World) -> Option<String> {
        None
    }

    /// What to write so that the pod may fit later; `post_filter` has said so.
    fn post_filter_writes(
        &self,
        _pod: &PodInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> Vec<Value> {
        Vec::new()
    }

    /// `nodes`: the feasible ones, in order. `state` is PreFilter's.
    fn pre_score(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> PreScore {
        PreScore::Keep
    }

    fn score(
        &self,
        _pod: &PodInfo,
        _node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> i64 {
        0
    }

    /// `scores[i]` belongs to `nodes[i]`.
    fn normalize(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
        _scores: &mut [i64],
    ) {
    }

    /// Takes what the pod needs beside the node's resources: assumes it in `objects`, answers what to write.
    fn reserve(
        &self,
        _pod: &PodInfo,
        _node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _objects: &mut Objects,
        _symbols: &Interner,
    ) -> Result<Vec<Value>, (Code, String)> {
        Ok(Vec::new())
    }

    /// Gives back what `reserve` took.
    fn unreserve(&self, _pod: &PodInfo, _objects: &mut Objects) {}

    /// With less than `World`, PreFilter's and PreScore's states depend on the pod's shape alone. The score of a
    /// plugin that does not normalise lies in 0..=100.
    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::World
    }

    /// Whether `normalize` changes scores; it then looks at the highest and the lowest of them, not at the nodes.
    fn is_normalizing(&self) -> bool {
        false
    }

    /// The kinds of events for which `hint` may say yes: the others cost nothing.
    fn hoped_for(&self) -> u32 {
        kinds::ALL
    }

    /// Whether the event may let a pod pass that this plugin refused.
    fn hint(&self, _pod: &PodInfo, _event: &ClusterEvent, _world: &World) -> bool {
        false
    }
}

fn unknown(name: &str, profile: &Profile) -> SchedulerError {
    let place = |point: &&str| profile.points[*point].iter().position(|n| n == name);
    let found = POINTS.iter().find_map(|point| place(point).map(|at| (point, at)));
    let (point, at) = found.expect("the profile named the plugin at some point");
    SchedulerError::Decode(format!("plugins.{point}[{at}]: plugin \"{name}\" does not exist"))
}

/// The plugins of one profile, by extension point. The lists hold positions in `plugins`.
pub struct Framework {
    pub profile: Profile,
    pub plugins: Vec<Box<dyn Plugin>>,
    pub pre_enqueue: Vec<usize>,
    pub pre_filter: Vec<usize>,
    pub filter: Vec<usize>,
    /// The plugins that filter what all others admit.
    pub extenders: Vec<usize>,
    pub post_filter: Vec<usize>,
    pub pre_score: Vec<usize>,
    /// (plugin, weight).
    pub score: Vec<(usize, i64)>,
    pub reserve: Vec<usize>,
}

impl Framework {
    /// `foreign`: the plugins from outside that profiles may name, and what they read.
    pub fn new(
        profile: Profile,
        symbols: &mut Interner,
        foreign: &ForeignPlugins,
        texts: &SharedTexts,
    ) -> Result<Framework, SchedulerError> {
        let mut plugins: Vec<Box<dyn Plugin>> = Vec::new();
        for name in profile.plugin_names() {
            if let Some(plugin) = foreign.get(&name) {
                let has = |point: &str| profile.points[point].contains(&name);
                plugins.push(Box::new(Foreign::new(&name, plugin, texts, has)));
                continue;
            }
            if !is_in_tree(&name) {
                return Err(unknown(&name, &profile));
            }
            let nothing = Value::Null;
            let args = profile.args.get(&name).unwrap_or(&nothing);
            plugins.extend(plugins::make(&name, args, &profile, symbols)?);
        }
        assert!(plugins.len() <= PLUGINS_MAX, "a profile has fewer plugins than a word has bits");
        let position = |name: &String| plugins.iter().position(|p| p.name() == name);
        let at = |point: &str| -> Vec<usize> { profile.points[point].iter().filter_map(position).collect() };
        let is_extender = |p: usize| foreign.get(plugins[p].name()).is_some_and(|f| f.is_extender());
        let without_extenders =
            |names: Vec<usize>| -> Vec<usize> { names.into_iter().filter(|p| !is_extender(*p)).collect() };
        // Foreign plugins prepare what they filter and score, whether they have something to say before or not.
        let prepared = |point: &str, later: &str| -> Vec<usize> {
            let names = &profile.points[point];
            let is_added = |name: &&String| foreign.contains_key(*name) && !names.contains(name);
            let added = profile.points[later].iter().filter(is_added);
            names.iter().chain(added).filter_map(position).collect()
        };
        let weighted = |name: &String| position(name).map(|p| (p, profile.weights[name]));
        Ok(Framework {
            pre_enqueue: at("preEnqueue"),
            pre_filter: without_extenders(prepared("preFilter", "filter")),
            extenders: at("filter").into_iter().filter(|p| is_extender(*p)).collect(),
            filter: without_extenders(at("filter")),
            post_filter: at("postFilter"),
            pre_score: prepared("preScore", "score"),
            score: profile.points["score"].iter().filter_map(weighted).collect(),
            reserve: at("reserve"),
            plugins,
            profile,
        })
    }

    /// True when the profile names the plugin at the point.
    pub fn has(&self, point: &str, name: &str) -> bool {
        self.profile.points[point].iter().any(|n| n == name)
    }

    /// The plugin that holds the pod back.
    pub fn pre_enqueue(&self, pod: &PodInfo, world: &World) -> Option<usize> {
        self.pre_enqueue.iter().copied().find(|i| self.plugins[*i].pre_enqueue(pod, world).is_some())
    }

    /// The names of the plugins whose bits are set, in order.
    pub fn names(&self, bits: u64) -> Vec<String> {
        let plugins = self.plugins.iter().enumerate();
        plugins.filter(|(i, _)| bits & (1 << i) != 0).map(|(_, p)| p.name().to_owned()).collect()
    }
}
