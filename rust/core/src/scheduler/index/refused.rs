//! Why no node is feasible, summed up without looking at one: the class's refusals, and those of its groups.
//!
//! Always true: message and plugins are those of the scan. Where the order of filters could matter to them, there is no
//! summary, and the caller scans.
//! Not here: what preemption says (see `preemption`).

use super::super::cache::Slot;
use super::super::cycle::fit_message;
use super::super::framework::{Code, World};
use super::cells::Refusal;

/// What an attempt without a feasible node says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    pub message: String,
    /// Bit i: plugin i refused the pod on some node.
    pub rejectors: u64,
    /// Nodes that were refused with `Unschedulable`: fewer pods may help there.
    pub preemptible_count: usize,
    /// Those nodes, by slot; empty unless they were asked for.
    pub preemptible: Vec<Slot>,
}

impl Refused {
    /// Each refusal with the number of its nodes.
    pub fn of<'a>(refusals: impl Iterator<Item = (&'a Refusal, usize)>, world: &World) -> Refused {
        let mut refused = Refused::default();
        let mut counts: Vec<(String, usize)> = Vec::new();
        for (refusal, node_count) in refusals {
            refused.rejectors |= 1 << refusal.plugin;
            if refusal.code == Code::Unschedulable {
                refused.preemptible_count += node_count;
            }
            counts.extend(refusal.reasons.iter().map(|reason| (reason.text(world.symbols), node_count)));
        }
        refused.message = fit_message(counts.into_iter(), world.cache.node_count());
        refused
    }
}
