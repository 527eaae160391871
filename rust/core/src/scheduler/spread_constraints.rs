//! Topology spread constraints: a pod's own, and those that stand in the configuration.
//!
//! Invariant: `matchLabelKeys` are in the selector already. A pod with constraints of its own remembers no owner, since
//! the defaults do not concern it.
//! Not here: counting and judging (see `plugins::pod_topology_spread`).

use super::interner::{Interner, Symbol};
use super::label_selector::{label, LabelSelector, Labels};
use super::manifest;
use super::owners::Owner;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpreadConstraint {
    pub topology_key: Symbol,
    pub max_skew: i64,
    /// DoNotSchedule: filters. Else ScheduleAnyway: scores.
    pub is_hard: bool,
    pub selector: LabelSelector,
    pub min_domains: i64,
    /// Only nodes count that the pod's node selector and required node affinity admit.
    pub honors_affinity: bool,
    /// Only nodes count whose taints the pod tolerates.
    pub honors_taints: bool,
}

impl SpreadConstraint {
    /// `labels`: of the pod, for `matchLabelKeys`.
    pub fn parse(
        manifest: &manifest::TopologySpreadConstraint,
        labels: &Labels,
        symbols: &mut Interner,
    ) -> SpreadConstraint {
        SpreadConstraint {
            topology_key: symbols.intern(manifest.topology_key.as_deref().unwrap_or_default()),
            max_skew: manifest.max_skew.unwrap_or(0),
            is_hard: manifest.when_unsatisfiable.as_deref() == Some("DoNotSchedule"),
            selector: selector(manifest, labels, symbols),
            min_domains: manifest.min_domains.unwrap_or(1),
            honors_affinity: manifest.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: manifest.node_taints_policy.as_deref() == Some("Honor"),
        }
    }
}

fn selector(
    manifest: &manifest::TopologySpreadConstraint,
    labels: &Labels,
    symbols: &mut Interner,
) -> LabelSelector {
    let mut wanted: Vec<(Symbol, Symbol)> = Vec::new();
    for key in manifest.match_label_keys.iter().flatten() {
        let key = symbols.intern(key);
        wanted.extend(label(labels, key).map(|value| (key, value)));
    }
    LabelSelector::of_labels(&wanted).also(LabelSelector::parse(manifest.label_selector.as_ref(), symbols))
}

/// The part of a pod's shape that spreading looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodSpread {
    pub hard: Arc<[SpreadConstraint]>,
    pub soft: Arc<[SpreadConstraint]>,
    pub owner: Option<Owner>,
}

impl PodSpread {
    pub fn parse(pod: &manifest::Pod, labels: &Labels, symbols: &mut Interner) -> PodSpread {
        let manifests = pod.spec.as_ref().and_then(|s| s.topology_spread_constraints.as_deref());
        let manifests = manifests.unwrap_or_default();
        if manifests.is_empty() {
            let references = pod.metadata.as_ref().and_then(|m| m.owner_references.as_deref());
            let owner = Owner::find(references.unwrap_or_default(), symbols);
            return PodSpread { owner, ..PodSpread::default() };
        }
        let parsed = manifests.iter().map(|m| SpreadConstraint::parse(m, labels, symbols));
        let (hard, soft): (Vec<_>, Vec<_>) = parsed.partition(|constraint| constraint.is_hard);
        PodSpread { hard: hard.into(), soft: soft.into(), owner: None }
    }

    /// True for a pod with constraints of its own.
    pub fn has_own(&self) -> bool {
        !self.hard.is_empty() || !self.soft.is_empty()
    }
}
