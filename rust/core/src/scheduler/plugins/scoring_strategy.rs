//! The strategies of NodeResourcesFit: LeastAllocated spreads, MostAllocated packs, RequestedToCapacityRatio chooses.
//!
//! Invariant: a score lies in 0..=100; a node without any of the resources is worth 0. Integers only, every division cut
//! off, but for the last one of RequestedToCapacityRatio.
//! Not here: the amounts (see `resource_allocation`).

use super::resource_allocation::{
    counted, parse_resources, shares, ResourceArgs, ScoredResource, Share, DEFAULT_RESOURCES,
};
use crate::scheduler::framework::NODE_SCORE_MAX;
use crate::scheduler::interner::Interner;
use crate::scheduler::node::NodeInfo;
use crate::scheduler::pod::PodInfo;
use crate::scheduler::SchedulerError;
use serde::Deserialize;

const PATH: &str = "pluginConfig.NodeResourcesFit.scoringStrategy";
const SHAPE_SCORE_MAX: i64 = 10;
const UTILIZATION_MAX: i64 = 100;
/// Scores of a shape go from 0 to 10, a plugin's from 0 to 100.
const SHAPE_SCALE: i64 = NODE_SCORE_MAX / SHAPE_SCORE_MAX;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StrategyArgs {
    #[serde(rename = "type")]
    kind: Option<String>,
    resources: Option<Vec<ResourceArgs>>,
    requested_to_capacity_ratio: Option<RatioArgs>,
}

#[derive(Debug, Default, Deserialize)]
struct RatioArgs {
    shape: Option<Vec<PointArgs>>,
}

#[derive(Debug, Default, Deserialize)]
struct PointArgs {
    utilization: Option<i64>,
    score: Option<i64>,
}

/// (utilization in percent, score 0..=100).
type Point = (i64, i64);

#[derive(Debug)]
enum Kind {
    /// LeastAllocated over cpu and memory alike: what nearly everyone uses, so it has its own short way.
    LeastOfBoth,
    Least,
    Most,
    Ratio(Vec<Point>),
}

#[derive(Debug)]
pub struct Strategy {
    kind: Kind,
    resources: Vec<ScoredResource>,
}

impl Strategy {
    pub fn parse(args: Option<&StrategyArgs>, symbols: &mut Interner) -> Result<Strategy, SchedulerError> {
        let nothing = StrategyArgs::default();
        let args = args.unwrap_or(&nothing);
        let listed = args.resources.as_deref().unwrap_or_default();
        let resources = parse_resources(listed, &format!("{PATH}.resources"), symbols)?;
        let kind = match args.kind.as_deref().unwrap_or_default() {
            "" | "LeastAllocated" if resources == DEFAULT_RESOURCES => Kind::LeastOfBoth,
            "" | "LeastAllocated" => Kind::Least,
            "MostAllocated" => Kind::Most,
            "RequestedToCapacityRatio" => Kind::Ratio(parse_shape(args)?),
            _ => {
                let known = "LeastAllocated, MostAllocated or RequestedToCapacityRatio is needed";
                return Err(SchedulerError::Decode(format!("{PATH}.type: {known}")));
            }
        };
        Ok(Strategy { kind, resources })
    }

    /// Pure; allocates nothing.
    #[inline]
    pub fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        match &self.kind {
            Kind::LeastOfBoth => least_of_both(pod, node),
            Kind::Least => mean(self.shares(pod, node).map(|s| (least_allocated(s), s.weight))),
            Kind::Most => mean(self.shares(pod, node).map(|s| (most_allocated(s), s.weight))),
            Kind::Ratio(shape) => {
                rounded_mean(self.shares(pod, node).map(|s| (on_line(shape, most_allocated(s)), s.weight)))
            }
        }
    }

    fn shares<'a>(&'a self, pod: &'a PodInfo, node: &'a NodeInfo) -> impl Iterator<Item = Share> + 'a {
        shares(&self.resources, counted, pod, node)
    }
}

#[inline]
fn least_of_both(pod: &PodInfo, node: &NodeInfo) -> i64 {
    let (wanted, has) = (&pod.shape.requests, &node.facts.allocatable);
    let part = |capacity: i64, used: i64, asked: i64| {
        let after = used.saturating_add(asked);
        (capacity > 0).then(|| least_allocated(Share { weight: 1, capacity, before: used, after }))
    };
    let cpu = part(has.milli_cpu, node.non_zero_milli_cpu, wanted.scored_milli_cpu);
    let memory = part(has.memory_bytes, node.non_zero_memory_bytes, wanted.scored_memory_bytes);
    match (cpu, memory) {
        (Some(cpu), Some(memory)) => (cpu + memory) / 2,
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 0,
    }
}

/// 100 for an unused resource, 0 for a full or overfull one.
#[inline]
fn least_allocated(share: Share) -> i64 {
    percent(share.capacity.saturating_sub(share.after), share.capacity)
}

/// 0 for an unused resource, 100 for a full or overfull one; also its utilization.
#[inline]
fn most_allocated(share: Share) -> i64 {
    percent(share.after, share.capacity)
}

/// `part` of `whole` in percent, cut off, held in 0..=100.
#[inline]
fn percent(part: i64, whole: i64) -> i64 {
    if part <= 0 {
        return 0;
    }
    if part >= whole {
        return NODE_SCORE_MAX;
    }
    match part.checked_mul(NODE_SCORE_MAX) {
        Some(scaled) => scaled / whole,
        None => (i128::from(part) * i128::from(NODE_SCORE_MAX) / i128::from(whole)) as i64,
    }
}

/// The height at `x` of the line through the points; level before the first and after the last.
fn on_line(shape: &[Point], x: i64) -> i64 {
    if x <= shape[0].0 {
        return shape[0].1;
    }
    for pair in shape.windows(2) {
        let ((left, low), (right, high)) = (pair[0], pair[1]);
        if x <= right {
            return low + (high - low) * (x - left) / (right - left);
        }
    }
    shape[shape.len() - 1].1
}

/// The mean of (score, weight), cut off.
#[inline]
fn mean(parts: impl Iterator<Item = (i64, i64)>) -> i64 {
    let (sum, weights) =
        parts.fold((0, 0), |(sum, all), (score, weight)| (sum + score * weight, all + weight));
    if weights == 0 {
        0
    } else {
        sum / weights
    }
}

/// The mean of those parts that are above 0, rounded half up.
#[inline]
fn rounded_mean(parts: impl Iterator<Item = (i64, i64)>) -> i64 {
    let parts = parts.filter(|(score, _)| *score > 0);
    let (sum, weights) =
        parts.fold((0, 0), |(sum, all), (score, weight)| (sum + score * weight, all + weight));
    if weights == 0 {
        0
    } else {
        (2 * sum + weights) / (2 * weights)
    }
}

fn parse_shape(args: &StrategyArgs) -> Result<Vec<Point>, SchedulerError> {
    let path = format!("{PATH}.requestedToCapacityRatio.shape");
    let wrong = |text: String| Err(SchedulerError::Decode(text));
    let listed = args.requested_to_capacity_ratio.as_ref().and_then(|r| r.shape.as_deref());
    let mut shape: Vec<Point> = Vec::new();
    for (i, point) in listed.unwrap_or_default().iter().enumerate() {
        let (x, y) = (point.utilization.unwrap_or(0), point.score.unwrap_or(0));
        let rises = shape.last().is_none_or(|(before, _)| x > *before);
        if !(0..=UTILIZATION_MAX).contains(&x) || !rises {
            return wrong(format!("{path}[{i}].utilization: must be 0 to {UTILIZATION_MAX}, and rise"));
        }
        if !(0..=SHAPE_SCORE_MAX).contains(&y) {
            return wrong(format!("{path}[{i}].score: must be 0 to {SHAPE_SCORE_MAX}"));
        }
        shape.push((x, y * SHAPE_SCALE));
    }
    if shape.is_empty() {
        return wrong(format!("{path}: at least one point is needed"));
    }
    Ok(shape)
}
