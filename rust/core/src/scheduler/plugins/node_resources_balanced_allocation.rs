//! NodeResourcesBalancedAllocation: prefers nodes whose use of several resources the pod brings closer together.
//!
//! 75 means "changes nothing". Uses true requests, without fallbacks. The only plugin of resources that works in
//! floating point.

use super::resource_allocation::{
    as_requested, parse_args, parse_resources, shares, ResourceArgs, ScoredResource,
};
use crate::scheduler::cache::Slot;
use crate::scheduler::framework::{CycleState, Plugin, PreScore, Reach, World};
use crate::scheduler::interner::Interner;
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;
use crate::scheduler::SchedulerError;
use serde::Deserialize;
use serde_json::Value;

const NAME: &str = "NodeResourcesBalancedAllocation";

#[derive(Debug, Default, Deserialize)]
struct Args {
    resources: Option<Vec<ResourceArgs>>,
}

pub struct NodeResourcesBalancedAllocation {
    resources: Vec<ScoredResource>,
}

impl NodeResourcesBalancedAllocation {
    pub fn new(args: &Value, symbols: &mut Interner) -> Result<Self, SchedulerError> {
        let args: Args = parse_args(NAME, args)?;
        let path = format!("pluginConfig.{NAME}.resources");
        let listed = args.resources.as_deref().unwrap_or_default();
        Ok(NodeResourcesBalancedAllocation { resources: parse_resources(listed, &path, symbols)? })
    }
}

/// 100 when all resources are used to the same degree, 50 when of two one is full and the other empty.
#[inline]
fn balance(deviation: f64) -> i64 {
    ((1.0 - deviation) * 100.0) as i64
}

/// Of two: what nearly everyone configures, so it has its own short way.
#[inline]
fn deviation_of_two(one: f64, two: f64) -> f64 {
    ((one - two) / 2.0).abs()
}

/// Of more than two: summed from left to right, as the other engine does.
fn deviation(fractions: impl Iterator<Item = f64> + Clone) -> f64 {
    let (mut total, mut count) = (0.0, 0.0);
    for fraction in fractions.clone() {
        total += fraction;
        count += 1.0;
    }
    let mean = total / count;
    let mut square = 0.0;
    for fraction in fractions {
        square += (fraction - mean) * (fraction - mean);
    }
    (square / count).sqrt()
}

#[inline]
fn fraction(used: i64, capacity: i64) -> f64 {
    (used as f64 / capacity as f64).clamp(0.0, 1.0)
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &str {
        NAME
    }

    fn pre_score(
        &self,
        pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> PreScore {
        let wanted = &pod.shape.requests.requested;
        if self.resources.iter().any(|resource| wanted.get(resource.key) != 0) {
            PreScore::Keep
        } else {
            PreScore::Skip
        }
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _state: Option<&dyn CycleState>, _world: &World) -> i64 {
        let found = shares(&self.resources, as_requested, pod, node);
        let mut first = found.clone();
        let (without, with) = match (first.next(), first.next(), first.next()) {
            (Some(a), Some(b), None) => {
                let before = deviation_of_two(fraction(a.before, a.capacity), fraction(b.before, b.capacity));
                let after = deviation_of_two(fraction(a.after, a.capacity), fraction(b.after, b.capacity));
                (balance(before), balance(after))
            }
            (_, None, _) => (balance(0.0), balance(0.0)),
            _ => (
                balance(deviation(found.clone().map(|s| fraction(s.before, s.capacity)))),
                balance(deviation(found.map(|s| fraction(s.after, s.capacity)))),
            ),
        };
        50 + (50 + with - without) / 2
    }

    fn reach(&self, _pod: &PodInfo) -> Reach<'_> {
        Reach::Node
    }
}
