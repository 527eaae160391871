//! NodeAffinity: nodeSelector and required terms refuse, preferred terms add their weights.

use super::normalize_by_max;
use super::resource_allocation::parse_args;
use crate::scheduler::cache::Slot;
use crate::scheduler::event::{kinds, ClusterEvent};
use crate::scheduler::framework::{Code, CycleState, Plugin, PreFilter, PreScore, Reach, Rejection, World};
use crate::scheduler::interner::{Interner, Symbol};
use crate::scheduler::manifest;
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::node_selector::{node_affinity_terms, Term};
use crate::scheduler::pod::{PodInfo, PodShape};
use crate::scheduler::SchedulerError;
use serde::Deserialize;
use serde_json::Value;

const REASON: &str = "node(s) didn't match Pod's node affinity/selector";
const REASON_ADDED: &str = "node(s) didn't match scheduler-enforced node affinity";
const REASON_CONFLICT: &str = "pod affinity terms conflict";

/// Node affinity that the configuration adds to every pod of the profile.
pub struct NodeAffinity {
    added_required: Option<Vec<Term>>,
    added_preferred: Vec<(i64, Term)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Args {
    added_affinity: Option<manifest::NodeAffinity>,
}

impl NodeAffinity {
    pub fn new(args: &Value, symbols: &mut Interner) -> Result<Self, SchedulerError> {
        let args: Args = parse_args("NodeAffinity", args)?;
        let added = args.added_affinity.unwrap_or_default();
        let (added_required, added_preferred) = node_affinity_terms(&added, symbols);
        Ok(NodeAffinity { added_required, added_preferred })
    }

    fn admits_added(&self, node: &NodeFacts) -> bool {
        self.added_required.as_ref().is_none_or(|terms| terms.iter().any(|t| t.matches(node)))
    }
}

pub(super) fn admits(shape: &PodShape, node: &NodeFacts) -> bool {
    let selected =
        shape.node_selector.iter().all(|(key, value)| node.label(*key).is_some_and(|l| l.value == *value));
    selected && shape.required_terms.as_ref().is_none_or(|terms| terms.iter().any(|t| t.matches(node)))
}

/// The nodes that the required terms name, when every term names some.
fn named_nodes(shape: &PodShape) -> Option<Vec<Symbol>> {
    let terms = shape.required_terms.as_ref().filter(|t| !t.is_empty())?;
    let mut names = Vec::new();
    for term in terms {
        names.extend(term.allowed_names()?);
    }
    Some(names)
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &str {
        "NodeAffinity"
    }

    fn pre_filter(&self, pod: &PodInfo, _world: &World) -> PreFilter {
        let is_free = self.added_required.is_none() && pod.shape.node_selector.is_empty();
        if is_free && pod.shape.required_terms.is_none() {
            return PreFilter::Skip;
        }
        match named_nodes(&pod.shape) {
            None => PreFilter::Run(None),
            Some(names) if names.is_empty() => {
                PreFilter::Refuse(Code::UnschedulableAndUnresolvable, REASON_CONFLICT.to_owned())
            }
            Some(names) => PreFilter::Nodes(names, None),
        }
    }

    fn filter(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        _state: Option<&dyn CycleState>,
        _world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        if !self.admits_added(&node.facts) {
            return rejection.refuse(Code::UnschedulableAndUnresolvable, REASON_ADDED);
        }
        admits(&pod.shape, &node.facts) || rejection.refuse(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn pre_score(
        &self,
        pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> PreScore {
        if pod.shape.preferred_terms.is_empty() && self.added_preferred.is_empty() {
            PreScore::Skip
        } else {
            PreScore::Keep
        }
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, _world: &World) -> i64 {
        let terms = self.added_preferred.iter().chain(&pod.shape.preferred_terms);
        let matching = terms.filter(|(_, term)| term.matches(&node.facts));
        matching.map(|(weight, _)| weight).sum()
    }

    fn normalize(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
        scores: &mut [i64],
    ) {
        normalize_by_max(scores, false);
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Facts
    }

    fn is_normalizing(&self) -> bool {
        true
    }

    fn hoped_for(&self) -> u32 {
        kinds::NODES
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        event.makes_true(|node| self.admits_added(node) && admits(&pod.shape, node))
    }
}
