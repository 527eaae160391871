//! Labels that matter: pods that differ only in labels that no selector looks at are of one class.
//!
//! Pods of an indexed Job or a StatefulSet carry their number as a label; without this each would be a class of its own.
//! Always true: `keys` holds every label key that a Service, a controller, or an affinity term of a pod on a node has
//! selected by since the last reset. `generation` rises when it grows: classes made before may lump too much together.
//! Not here: the selectors of the pod itself, which are added for each pod (`reduced` does).

use super::super::interner::Symbol;
use super::super::label_selector::LabelSelector;
use super::super::pod::PodShape;
use super::super::pod_affinity::{AffinityTerm, PodAffinity};
use super::class::Query;
use rustc_hash::FxHashSet;

#[derive(Default)]
pub struct LabelKeys {
    keys: FxHashSet<Symbol>,
    owners_generation: Option<u64>,
    generation: u64,
}

impl LabelKeys {
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The terms of a pod that counts on a node now.
    pub fn learn_terms(&mut self, affinity: &PodAffinity) {
        for term in terms(affinity) {
            self.learn(&term.selector);
        }
    }

    /// Services and controllers, when they have changed.
    pub fn learn_owners(&mut self, query: &Query) {
        let owners = &query.world.objects.owners;
        if self.owners_generation.replace(owners.generation()) != Some(owners.generation()) {
            for key in owners.label_keys() {
                self.add(key);
            }
        }
    }

    fn learn(&mut self, selector: &LabelSelector) {
        for requirement in selector.requirements.iter().flatten() {
            self.add(requirement.key);
        }
    }

    fn add(&mut self, key: Symbol) {
        if self.keys.insert(key) {
            self.generation += 1;
        }
    }

    /// The shape without the labels that nobody looks at.
    pub fn reduced(&self, shape: &PodShape) -> PodShape {
        let constraints = shape.spread.hard.iter().chain(shape.spread.soft.iter()).map(|c| &c.selector);
        let own: Vec<&LabelSelector> =
            constraints.chain(terms(&shape.affinity).map(|term| &term.selector)).collect();
        let is_own = |key: Symbol| own.iter().any(|s| s.requirements.iter().flatten().any(|r| r.key == key));
        let mut reduced = shape.clone();
        reduced.labels.retain(|(key, _)| self.keys.contains(key) || is_own(*key));
        reduced
    }
}

fn terms(affinity: &PodAffinity) -> impl Iterator<Item = &AffinityTerm> {
    let required = affinity.required.iter().chain(&affinity.required_anti);
    required.chain(&affinity.preferred).chain(&affinity.preferred_anti)
}
