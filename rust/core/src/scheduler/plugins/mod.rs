//! The plugins of the default profile, one file each.
//!
//! Invariant: `defaults` lists them in kube-scheduler's MultiPoint order with its weights.

mod default_binder;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_unschedulable;
mod priority_sort;
mod scheduling_gates;
mod taint_toleration;

pub use default_binder::binding;
pub use priority_sort::ActiveKey;

use super::framework::{Plugin, NODE_SCORE_MAX};
use super::interner::Interner;

/// Plugins and weights; 0 where nothing is scored.
pub fn defaults(symbols: &mut Interner) -> Vec<(Box<dyn Plugin>, i64)> {
    vec![
        (Box::new(scheduling_gates::SchedulingGates), 0),
        (Box::new(node_unschedulable::NodeUnschedulable::new(symbols)), 0),
        (Box::new(node_name::NodeName), 0),
        (Box::new(taint_toleration::TaintToleration), 3),
        (Box::new(node_affinity::NodeAffinity), 2),
        (Box::new(node_ports::NodePorts), 0),
        (Box::new(node_resources_fit::NodeResourcesFit::new(symbols)), 1),
        (Box::new(node_resources_balanced_allocation::NodeResourcesBalancedAllocation), 1),
    ]
}

/// Stretches scores so that the highest becomes 100; `is_reversed` turns them round, so that the lowest wins.
fn normalize_by_max(scores: &mut [i64], is_reversed: bool) {
    let highest = scores.iter().copied().max().unwrap_or(0);
    if highest == 0 {
        if is_reversed {
            scores.fill(NODE_SCORE_MAX);
        }
        return;
    }
    for score in scores {
        let part = NODE_SCORE_MAX.saturating_mul(*score) / highest;
        *score = if is_reversed { NODE_SCORE_MAX - part } else { part };
    }
}
