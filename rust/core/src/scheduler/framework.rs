//! The framework: what a plugin may say at each extension point, and the default profile's plugins in their order.
//!
//! Invariant: scores after normalising lie in 0..=100; weights are applied by the cycle alone.
//! Not here: the order of one scheduling attempt (see `cycle`), configuration files.

use super::cache::Cache;
use super::event::ClusterEvent;
use super::interner::{Interner, Symbol};
use super::node::NodeInfo;
use super::plugins;
use super::pod::PodInfo;

pub const NODE_SCORE_MAX: i64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Unschedulable,
    /// Preempting pods would not help.
    UnschedulableAndUnresolvable,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Code::Unschedulable => "Unschedulable",
            Code::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
        }
    }
}

/// One reason why a node was refused: a small value, so that refusing costs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Text(&'static str),
    /// "Insufficient <resource>".
    Insufficient(Symbol),
}

impl Reason {
    pub fn text(self, symbols: &Interner) -> String {
        match self {
            Reason::Text(text) => text.to_owned(),
            Reason::Insufficient(resource) => format!("Insufficient {}", symbols.text(resource)),
        }
    }
}

/// What a filter says about one node; reused from node to node.
#[derive(Debug)]
pub struct Rejection {
    pub code: Code,
    pub reasons: Vec<Reason>,
}

impl Rejection {
    /// Refuses for one reason. Returns false, the filter's own answer.
    pub fn refuse(&mut self, code: Code, reason: &'static str) -> bool {
        self.code = code;
        self.reasons.push(Reason::Text(reason));
        false
    }
}

/// What a plugin says about the pod before any node is looked at.
#[derive(Debug, PartialEq, Eq)]
pub enum PreFilter {
    /// Look at every node.
    Run,
    /// The filter has nothing to check for this pod.
    Skip,
    /// Only these nodes can do.
    Nodes(Vec<Symbol>),
    /// No node can do.
    Refuse(Code, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    PreEnqueue,
    PreFilter,
    Filter,
    Score,
}

/// One scheduling plugin. What a method does by default is what a plugin without that point does.
pub trait Plugin: Send + Sync {
    fn name(&self) -> &'static str;

    /// The points this plugin has anything to say at.
    fn points(&self) -> &'static [Point];

    /// A message holds the pod back from the queue.
    fn pre_enqueue(&self, _pod: &PodInfo) -> Option<String> {
        None
    }

    fn pre_filter(&self, _pod: &PodInfo, _cache: &Cache) -> PreFilter {
        PreFilter::Run
    }

    /// True when the node can take the pod; else `rejection` says why not.
    fn filter(&self, _pod: &PodInfo, _node: &NodeInfo, _rejection: &mut Rejection) -> bool {
        true
    }

    /// False when no node's score depends on this plugin: it then counts 0.
    fn pre_score(&self, _pod: &PodInfo) -> bool {
        true
    }

    fn score(&self, _pod: &PodInfo, _node: &NodeInfo) -> i64 {
        0
    }

    fn normalize(&self, _scores: &mut [i64]) {}

    /// Whether the event may let a pod pass that this plugin refused.
    fn hint(&self, _pod: &PodInfo, _event: &ClusterEvent) -> bool {
        false
    }
}

/// The plugins of one profile in order, with their weights (0 for those that do not score).
pub struct Framework {
    pub plugins: Vec<Box<dyn Plugin>>,
    pub weights: Vec<i64>,
}

impl Framework {
    /// The default profile, as far as its plugins exist here.
    pub fn with_defaults(symbols: &mut Interner) -> Framework {
        let listed = plugins::defaults(symbols);
        let (plugins, weights) = listed.into_iter().unzip();
        Framework { plugins, weights }
    }

    /// Positions of the plugins that have the point.
    pub fn at(&self, point: Point) -> Vec<usize> {
        (0..self.plugins.len()).filter(|i| self.plugins[*i].points().contains(&point)).collect()
    }

    /// The plugin that holds the pod back, with its message.
    pub fn pre_enqueue(&self, pod: &PodInfo) -> Option<(usize, String)> {
        self.plugins.iter().enumerate().find_map(|(i, p)| p.pre_enqueue(pod).map(|message| (i, message)))
    }
}
