//! Foreign plugins: those that come from outside the engine, written in Python.
//!
//! Invariant: a foreign plugin that fails fails the attempt it was called for, and nothing else.
//! Not here: what it sees of nodes (see `node_table`), how Python is called (see the binding).

use super::cache::Slot;
use super::event::ClusterEvent;
use super::framework::{
    state_of, state_of_mut, Code, CycleState, Plugin, PreFilter, PreScore, Reach, Reason, Rejection, State,
    World,
};
use super::interner::{Interner, Symbol};
use super::node::NodeInfo;
use super::node_table::{NodeTable, SharedTexts};
use super::objects::Objects;
use super::pod::PodInfo;
use rustc_hash::FxHashMap;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a node is refused: the code's name, "" for Unschedulable, and the reason.
pub type Refusal = (String, String);

/// What a foreign plugin says about the pod before any node is looked at.
#[derive(Debug, PartialEq, Eq)]
pub enum ForeignPreFilter {
    Run,
    /// Its filter has nothing to check.
    Skip,
    Refuse(String),
    /// Only these nodes can do.
    Nodes(Vec<String>),
}

/// A plugin from outside the engine. Pods are JSON; errors are the texts that the attempt fails with.
pub trait ForeignPlugin: Send + Sync {
    /// True: `filter` is asked once for all nodes; else for one at a time, and only those that others admit.
    fn is_vectorised(&self) -> bool;

    /// True: `filter` is asked once about the nodes that all other plugins admit; `pre_filter`, before it and before
    /// `score`, only whether the pod is this plugin's business.
    fn is_extender(&self) -> bool;

    /// True: tables hold the nodes' pods.
    fn reads_pods(&self) -> bool;

    fn pre_filter(&self, pod: &[u8]) -> Result<ForeignPreFilter, String>;

    /// For each node why it is refused; None where it is not.
    fn filter(&self, pod: &[u8], nodes: NodeTable) -> Result<Vec<Option<Refusal>>, String>;

    /// The nodes' scores, raw and normalised.
    fn score(&self, pod: &[u8], nodes: NodeTable) -> Result<(Vec<i64>, Vec<i64>), String>;

    /// A text refuses the node.
    fn reserve(&self, pod: &[u8], node_name: &str) -> Result<Option<String>, String>;

    fn unreserve(&self, pod: &[u8]);
}

pub type ForeignPlugins = BTreeMap<String, Arc<dyn ForeignPlugin>>;

/// What a foreign plugin has found out before its filter and its scores are asked for, by node.
#[derive(Clone, Default)]
struct Verdicts {
    reasons: Arc<FxHashMap<Symbol, Option<Arc<str>>>>,
    /// Nodes that are no longer as they were when `reasons` was made.
    changed: Vec<Symbol>,
    scores: Arc<FxHashMap<Symbol, (i64, i64)>>,
}

/// A foreign plugin in one profile.
pub struct Foreign {
    name: String,
    plugin: Arc<dyn ForeignPlugin>,
    texts: SharedTexts,
    is_pre_filter: bool,
    is_filter: bool,
    is_asked_about_nodes: bool,
}

impl Foreign {
    pub fn new(
        name: &str,
        plugin: &Arc<dyn ForeignPlugin>,
        texts: &SharedTexts,
        has: impl Fn(&str) -> bool,
    ) -> Foreign {
        Foreign {
            name: name.to_owned(),
            plugin: plugin.clone(),
            texts: texts.clone(),
            is_pre_filter: has("preFilter"),
            is_filter: has("filter"),
            is_asked_about_nodes: ["preFilter", "filter", "score"].into_iter().any(has),
        }
    }

    fn text(&self, pod: &PodInfo) -> Arc<[u8]> {
        let known = self.texts.read().expect("whoever holds the texts' lock does not panic").pod(&pod.uid);
        known.unwrap_or_else(|| {
            let metadata = json!({"namespace": &*pod.namespace, "name": &*pod.name, "uid": &*pod.uid});
            json!({ "metadata": metadata }).to_string().into_bytes().into()
        })
    }

    fn table(&self, nodes: &[&NodeInfo], symbols: &Interner) -> NodeTable {
        let texts = self.texts.read().expect("whoever holds the texts' lock does not panic");
        NodeTable::new(nodes, &texts, symbols, self.plugin.reads_pods())
    }

    /// What a vectorised filter says about every node.
    fn verdicts(&self, pod: &PodInfo, world: &World) -> Result<Verdicts, String> {
        if !self.is_filter || !self.plugin.is_vectorised() {
            return Ok(Verdicts::default());
        }
        let nodes: Vec<&NodeInfo> = world.cache.order().iter().map(|slot| world.cache.info(*slot)).collect();
        let reasons = self.plugin.filter(&self.text(pod), self.table(&nodes, world.symbols))?;
        let named =
            nodes.iter().zip(reasons).map(|(n, said)| (n.facts.name, said.map(|(_, reason)| reason.into())));
        Ok(Verdicts { reasons: Arc::new(named.collect()), ..Verdicts::default() })
    }

    fn ask(&self, pod: &PodInfo, node: &NodeInfo, world: &World) -> Result<Option<Arc<str>>, String> {
        let reasons = self.plugin.filter(&self.text(pod), self.table(&[node], world.symbols))?;
        Ok(reasons.into_iter().next().flatten().map(|(_, reason)| reason.into()))
    }
}

impl Plugin for Foreign {
    fn name(&self) -> &str {
        &self.name
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        let found = if self.is_pre_filter {
            self.plugin.pre_filter(&self.text(pod))
        } else {
            Ok(ForeignPreFilter::Run)
        };
        let names = match found {
            Err(message) => return PreFilter::Refuse(Code::Error, message),
            Ok(ForeignPreFilter::Skip) => return PreFilter::Skip,
            Ok(ForeignPreFilter::Refuse(reason)) => return PreFilter::Refuse(Code::Unschedulable, reason),
            Ok(ForeignPreFilter::Run) => None,
            Ok(ForeignPreFilter::Nodes(names)) => Some(names),
        };
        let state: State = match self.verdicts(pod, world) {
            Err(message) => return PreFilter::Refuse(Code::Error, message),
            Ok(verdicts) => Box::new(verdicts),
        };
        match names {
            None => PreFilter::Run(Some(state)),
            Some(names) => {
                let known = names.iter().filter_map(|name| world.symbols.find(name)).collect();
                PreFilter::Nodes(known, Some(state))
            }
        }
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let known = state_of::<Verdicts>(state)
            .filter(|verdicts| !verdicts.changed.contains(&node.facts.name))
            .and_then(|verdicts| verdicts.reasons.get(&node.facts.name));
        let answer = match known {
            Some(reason) => Ok(reason.clone()),
            None => self.ask(pod, node, world),
        };
        let (code, reason) = match answer {
            Ok(None) => return true,
            Ok(Some(reason)) => (Code::Unschedulable, reason),
            Err(message) => (Code::Error, Arc::from(message)),
        };
        rejection.code = code;
        rejection.reasons.push(Reason::Told(reason));
        false
    }

    fn admit(
        &self,
        pod: &PodInfo,
        nodes: &[Slot],
        world: &World,
    ) -> Result<Vec<Option<(Code, String)>>, String> {
        let text = self.text(pod);
        if self.plugin.pre_filter(&text)? == ForeignPreFilter::Skip {
            return Ok(vec![None; nodes.len()]);
        }
        let infos: Vec<&NodeInfo> = nodes.iter().map(|slot| world.cache.info(*slot)).collect();
        let answers = self.plugin.filter(&text, self.table(&infos, world.symbols))?;
        let coded = |(code, reason): Refusal| {
            let is_final = code == Code::UnschedulableAndUnresolvable.name();
            (if is_final { Code::UnschedulableAndUnresolvable } else { Code::Unschedulable }, reason)
        };
        Ok(answers.into_iter().map(|answer| answer.map(coded)).collect())
    }

    fn add_pod(
        &self,
        _pod: &PodInfo,
        _other: &PodInfo,
        node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        state_of_mut::<Verdicts>(state).changed.push(node.facts.name);
    }

    fn remove_pod(
        &self,
        _pod: &PodInfo,
        _other: &PodInfo,
        node: &NodeInfo,
        state: &mut dyn CycleState,
        _world: &World,
    ) {
        state_of_mut::<Verdicts>(state).changed.push(node.facts.name);
    }

    fn pre_score(
        &self,
        pod: &PodInfo,
        nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        world: &World,
    ) -> PreScore {
        let text = self.text(pod);
        if self.plugin.is_extender() && self.plugin.pre_filter(&text) == Ok(ForeignPreFilter::Skip) {
            return PreScore::Skip;
        }
        let nodes: Vec<&NodeInfo> = nodes.iter().map(|slot| world.cache.info(*slot)).collect();
        match self.plugin.score(&text, self.table(&nodes, world.symbols)) {
            Err(message) => PreScore::Fail(message),
            Ok((raw, normalised)) => {
                let scores = raw.into_iter().zip(normalised);
                let named = nodes.iter().map(|n| n.facts.name).zip(scores).collect();
                PreScore::Run(Box::new(Verdicts { scores: Arc::new(named), ..Verdicts::default() }))
            }
        }
    }

    fn score(&self, _pod: &PodInfo, node: &NodeInfo, state: Option<&dyn CycleState>, _world: &World) -> i64 {
        score_of(state, node).0
    }

    fn normalize(
        &self,
        _pod: &PodInfo,
        nodes: &[Slot],
        state: Option<&dyn CycleState>,
        world: &World,
        scores: &mut [i64],
    ) {
        for (slot, score) in nodes.iter().zip(scores) {
            *score = score_of(state, world.cache.info(*slot)).1;
        }
    }

    fn reserve(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _objects: &mut Objects,
        symbols: &Interner,
    ) -> Result<Vec<Value>, (Code, String)> {
        match self.plugin.reserve(&self.text(pod), symbols.text(node.facts.name)) {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(reason)) => Err((Code::Unschedulable, format!("0/1 nodes are available: 1 {reason}."))),
            Err(message) => Err((Code::Error, message)),
        }
    }

    fn unreserve(&self, pod: &PodInfo, _objects: &mut Objects) {
        self.plugin.unreserve(&self.text(pod));
    }

    /// Nobody knows what a foreign plugin looks at; but one that neither filters nor scores is asked about no node.
    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        if self.is_asked_about_nodes {
            Reach::World
        } else {
            Reach::Nothing
        }
    }

    /// Nobody knows what a foreign plugin looks at, so everything may help.
    fn hint(&self, _pod: &PodInfo, _event: &ClusterEvent, _world: &World) -> bool {
        true
    }
}

fn score_of(state: Option<&dyn CycleState>, node: &NodeInfo) -> (i64, i64) {
    let verdicts = state_of::<Verdicts>(state).expect("pre_score made the scores");
    verdicts.scores[&node.facts.name]
}
