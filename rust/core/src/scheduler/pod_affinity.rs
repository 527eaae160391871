//! Affinity between pods: the required and the preferred terms of a pod, for and against.
//!
//! Invariant: a term without namespaces and without a namespace selector means the pod's own namespace.
//! Not here: matchLabelKeys and mismatchLabelKeys, which the API server has merged into the selectors; counting (see
//! `plugins::inter_pod_affinity`).

use super::interner::{Interner, Symbol};
use super::label_selector::{LabelSelector, Labels};
use super::manifest;
use super::pod::PodShape;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AffinityTerm {
    pub topology_key: Symbol,
    pub selector: LabelSelector,
    /// Sorted.
    pub namespaces: Vec<Symbol>,
    /// Selects more namespaces, by their labels.
    pub namespace_selector: LabelSelector,
    /// 1 to 100 for a preferred term.
    pub weight: i64,
}

impl AffinityTerm {
    fn parse(
        manifest: &manifest::PodAffinityTerm,
        namespace: Symbol,
        weight: i64,
        symbols: &mut Interner,
    ) -> AffinityTerm {
        let listed = manifest.namespaces.as_deref().unwrap_or_default();
        let mut namespaces: Vec<Symbol> = listed.iter().map(|name| symbols.intern(name)).collect();
        if namespaces.is_empty() && manifest.namespace_selector.is_none() {
            namespaces.push(namespace);
        }
        namespaces.sort_unstable();
        namespaces.dedup();
        AffinityTerm {
            topology_key: symbols.intern(manifest.topology_key.as_deref().unwrap_or_default()),
            selector: LabelSelector::parse(manifest.label_selector.as_ref(), symbols),
            namespaces,
            namespace_selector: LabelSelector::parse(manifest.namespace_selector.as_ref(), symbols),
            weight,
        }
    }

    /// `namespace_labels`: those of the pod's namespace.
    pub fn matches(&self, pod: &PodShape, namespace_labels: &Labels) -> bool {
        let is_there =
            self.namespaces.contains(&pod.namespace) || self.namespace_selector.matches(namespace_labels);
        is_there && self.selector.matches(&pod.labels)
    }

    /// The same with the selected namespaces by name; one that selects every namespace stays as it is.
    pub fn resolved(&self, selected: impl FnOnce(&LabelSelector) -> Vec<Symbol>) -> AffinityTerm {
        let mut term = self.clone();
        if term.namespace_selector.requirements.as_ref().is_some_and(|r| !r.is_empty()) {
            term.namespaces.extend(selected(&self.namespace_selector));
            term.namespaces.sort_unstable();
            term.namespaces.dedup();
            term.namespace_selector = LabelSelector::NOTHING;
        }
        term
    }
}

/// The part of a pod's shape that affinity between pods looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodAffinity {
    pub required: Vec<AffinityTerm>,
    pub required_anti: Vec<AffinityTerm>,
    pub preferred: Vec<AffinityTerm>,
    pub preferred_anti: Vec<AffinityTerm>,
}

impl PodAffinity {
    pub fn parse(spec: &manifest::PodSpec, namespace: Symbol, symbols: &mut Interner) -> PodAffinity {
        let mut affinity = PodAffinity::default();
        let Some(manifest) = &spec.affinity else { return affinity };
        if let Some(toward) = &manifest.pod_affinity {
            (affinity.required, affinity.preferred) = terms(toward, namespace, symbols);
        }
        if let Some(against) = &manifest.pod_anti_affinity {
            (affinity.required_anti, affinity.preferred_anti) = terms(against, namespace, symbols);
        }
        affinity
    }

    /// True for a pod with any term.
    pub fn has_terms(&self) -> bool {
        !self.required.is_empty() || !self.required_anti.is_empty() || self.has_preferred()
    }

    pub fn has_preferred(&self) -> bool {
        !self.preferred.is_empty() || !self.preferred_anti.is_empty()
    }
}

/// Required and preferred terms.
fn terms(
    manifest: &manifest::PodAffinity,
    namespace: Symbol,
    symbols: &mut Interner,
) -> (Vec<AffinityTerm>, Vec<AffinityTerm>) {
    let required = manifest.required_during_scheduling_ignored_during_execution.iter().flatten();
    let required = required.map(|term| AffinityTerm::parse(term, namespace, 0, symbols)).collect();
    let mut preferred = Vec::new();
    for weighted in manifest.preferred_during_scheduling_ignored_during_execution.iter().flatten() {
        let nothing = manifest::PodAffinityTerm::default();
        let term = weighted.pod_affinity_term.as_ref().unwrap_or(&nothing);
        preferred.push(AffinityTerm::parse(term, namespace, weighted.weight.unwrap_or(0), symbols));
    }
    (required, preferred)
}
