//! The in-tree plugins, one file each.
//!
//! Invariant: `make` knows every plugin that the default profile names and that has anything to decide.

mod default_binder;
mod default_preemption;
mod dynamic_resources;
pub mod gang_scheduling;
mod image_locality;
pub mod inter_pod_affinity;
mod node_affinity;
mod node_declared_features;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_unschedulable;
mod node_volume_limits;
pub mod pod_topology_spread;
mod priority_sort;
mod resource_allocation;
mod scheduling_gates;
mod scoring_strategy;
mod taint_toleration;
mod volume_binding;
mod volume_restrictions;
mod volume_zone;

pub use default_binder::binding;
pub use priority_sort::ActiveKey;

use self::node_resources_balanced_allocation::NodeResourcesBalancedAllocation;
use super::config::Profile;
use super::framework::{Plugin, NODE_SCORE_MAX};
use super::interner::Interner;
use super::SchedulerError;
use serde_json::Value;

/// The in-tree plugin of that name; None for one that has nothing to decide here.
pub fn make(
    name: &str,
    args: &Value,
    profile: &Profile,
    symbols: &mut Interner,
) -> Result<Option<Box<dyn Plugin>>, SchedulerError> {
    Ok(Some(match name {
        "SchedulingGates" => Box::new(scheduling_gates::SchedulingGates),
        "DefaultPreemption" => Box::new(default_preemption::DefaultPreemption),
        gang_scheduling::NAME => Box::new(gang_scheduling::GangScheduling),
        "NodeUnschedulable" => Box::new(node_unschedulable::NodeUnschedulable::new(symbols)),
        "NodeName" => Box::new(node_name::NodeName),
        "TaintToleration" => Box::new(taint_toleration::TaintToleration::new(profile)),
        "NodeAffinity" => Box::new(node_affinity::NodeAffinity::new(args, symbols)?),
        "NodePorts" => Box::new(node_ports::NodePorts),
        "NodeResourcesFit" => Box::new(node_resources_fit::NodeResourcesFit::new(args, symbols)?),
        "NodeResourcesBalancedAllocation" => Box::new(NodeResourcesBalancedAllocation::new(args, symbols)?),
        "VolumeRestrictions" => Box::new(volume_restrictions::VolumeRestrictions),
        "NodeVolumeLimits" => Box::new(node_volume_limits::NodeVolumeLimits),
        "VolumeBinding" => Box::new(volume_binding::VolumeBinding),
        "VolumeZone" => Box::new(volume_zone::VolumeZone::new(symbols)),
        "PodTopologySpread" => Box::new(pod_topology_spread::PodTopologySpread::new(args, profile, symbols)?),
        "InterPodAffinity" => Box::new(inter_pod_affinity::InterPodAffinity::new(args)?),
        "DynamicResources" => Box::new(dynamic_resources::DynamicResources),
        "ImageLocality" => Box::new(image_locality::ImageLocality),
        "NodeDeclaredFeatures" => Box::new(node_declared_features::NodeDeclaredFeatures),
        _ => return Ok(None),
    }))
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
