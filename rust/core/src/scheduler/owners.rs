//! What groups pods: the Services that select them, and the controller that owns them.
//!
//! Invariant: a Service without a selector selects no pod; only the three kinds below own pods for spreading.
//! Not here: what is spread by it (see `plugins::pod_topology_spread`).

use super::interner::{Interner, Symbol};
use super::label_selector::{label, labels_of, LabelSelector};
use super::manifest;
use super::pod::PodShape;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Kinds and their API versions.
pub const KINDS: [(&str, &str); 3] =
    [("ReplicationController", "v1"), ("ReplicaSet", "apps/v1"), ("StatefulSet", "apps/v1")];

const SERVICE: &str = "Service";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// One of `KINDS`.
    pub kind: &'static str,
    pub name: Symbol,
}

impl Owner {
    /// The controller among a pod's owners, when it is of a kind that matters here.
    pub fn find(references: &[manifest::OwnerReference], symbols: &mut Interner) -> Option<Owner> {
        let controller = references.iter().find(|r| r.controller == Some(true))?;
        let (kind, version) = KINDS.into_iter().find(|(k, _)| Some(*k) == controller.kind.as_deref())?;
        (controller.api_version.as_deref() == Some(version))
            .then(|| Owner { kind, name: symbols.intern(controller.name.as_deref().unwrap_or_default()) })
    }
}

/// The selectors of all Services and controllers, in symbols. Holds what `Objects` holds of these kinds.
#[derive(Debug, Default)]
pub struct Owners {
    /// By namespace, then by name.
    services: FxHashMap<Symbol, BTreeMap<Symbol, Vec<(Symbol, Symbol)>>>,
    /// By kind, namespace and name.
    controllers: FxHashMap<(&'static str, Symbol, Symbol), LabelSelector>,
    /// Counts the changes, for those who remember a default selector.
    generation: u64,
}

impl Owners {
    pub fn is_watched(kind: &str) -> bool {
        kind == SERVICE || KINDS.iter().any(|(k, _)| *k == kind)
    }

    pub fn set(&mut self, kind: &'static str, object: &Value, symbols: &mut Interner) {
        let part = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
        let (namespace, name) = (symbols.intern(part("namespace")), symbols.intern(part("name")));
        let selector = &object["spec"]["selector"];
        self.generation += 1;
        if kind == SERVICE {
            self.services.entry(namespace).or_default().insert(name, plain(selector, symbols));
        } else if kind == "ReplicationController" {
            let labels = plain(selector, symbols);
            self.controllers.insert((kind, namespace, name), LabelSelector::of_labels(&labels));
        } else {
            let parsed = Option::<manifest::LabelSelector>::deserialize(selector).unwrap_or_default();
            let selector = LabelSelector::parse(parsed.as_ref(), symbols);
            self.controllers.insert((kind, namespace, name), selector);
        }
    }

    /// `key`: namespace/name.
    pub fn remove(&mut self, kind: &'static str, key: &str, symbols: &Interner) {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let (Some(namespace), Some(name)) = (symbols.find(namespace), symbols.find(name)) else { return };
        self.generation += 1;
        if kind == SERVICE {
            self.services.get_mut(&namespace).and_then(|services| services.remove(&name));
        } else {
            self.controllers.remove(&(kind, namespace, name));
        }
    }

    /// What the pod's Services and its controller select, taken together; the empty selector when there are none.
    pub fn default_selector(&self, shape: &PodShape, owner: Option<Owner>) -> LabelSelector {
        let mut labels: Vec<(Symbol, Symbol)> = Vec::new();
        for selector in self.services.get(&shape.namespace).into_iter().flat_map(BTreeMap::values) {
            let selects = |(key, value): &(Symbol, Symbol)| label(&shape.labels, *key) == Some(*value);
            if selector.iter().all(selects) {
                labels.extend(selector);
            }
        }
        labels.sort_unstable();
        labels.dedup();
        let selector = LabelSelector::of_labels(&labels);
        let controller = owner.and_then(|o| self.controllers.get(&(o.kind, shape.namespace, o.name)));
        match controller.filter(|own| own.requirements.is_some()) {
            Some(own) => selector.also(own.clone()),
            None => selector,
        }
    }

    /// The label keys that any of the selectors looks at, some more than once.
    pub fn label_keys(&self) -> impl Iterator<Item = Symbol> + '_ {
        let services = self.services.values().flat_map(BTreeMap::values).flatten().map(|(key, _)| *key);
        let requirements =
            self.controllers.values().flat_map(|selector| selector.requirements.iter().flatten());
        services.chain(requirements.map(|requirement| requirement.key))
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// A selector that is nothing but labels.
fn plain(selector: &Value, symbols: &mut Interner) -> Vec<(Symbol, Symbol)> {
    let texts = Option::<BTreeMap<String, String>>::deserialize(selector).unwrap_or_default();
    labels_of(texts.iter().flatten(), symbols)
}
