//! PodDisruptionBudgets, as far as preemption heeds them.
//!
//! Invariant: holds what `Objects` holds of the kind, but for budgets that select nothing or everything.
//! Not here: who is evicted (see `preemption`).

use super::interner::{Interner, Symbol};
use super::label_selector::LabelSelector;
use super::manifest;
use super::pod::PodInfo;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use serde_json::Value;

pub const KIND: &str = "PodDisruptionBudget";

#[derive(Debug)]
pub struct Budget {
    selector: LabelSelector,
    pub allowed_count: i64,
    /// Pods whose eviction the API server has counted already.
    disrupted: FxHashSet<Box<str>>,
}

impl Budget {
    fn parse(object: &Value, symbols: &mut Interner) -> Option<Budget> {
        let selector = Option::<manifest::LabelSelector>::deserialize(&object["spec"]["selector"]);
        let selector = LabelSelector::parse(selector.ok()?.as_ref(), symbols);
        if selector.requirements.as_ref().is_none_or(Vec::is_empty) {
            return None;
        }
        let status = &object["status"];
        let disrupted = status["disruptedPods"].as_object().into_iter().flatten();
        Some(Budget {
            selector,
            allowed_count: status["disruptionsAllowed"].as_i64().unwrap_or(0),
            disrupted: disrupted.map(|(name, _)| name.as_str().into()).collect(),
        })
    }

    /// True when evicting the pod, of the budget's namespace, would cost this budget one.
    pub fn covers(&self, pod: &PodInfo) -> bool {
        let labels = &pod.shape.labels;
        !labels.is_empty() && !self.disrupted.contains(&pod.name[..]) && self.selector.matches(labels)
    }
}

#[derive(Debug, Default)]
pub struct Budgets {
    by_namespace: FxHashMap<Symbol, Vec<(Box<str>, Budget)>>,
}

impl Budgets {
    pub fn set(&mut self, key: &str, object: &Value, symbols: &mut Interner) {
        self.remove(key, symbols);
        let namespace = symbols.intern(namespace_of(key));
        if let Some(budget) = Budget::parse(object, symbols) {
            self.by_namespace.entry(namespace).or_default().push((key.into(), budget));
        }
    }

    /// `key`: namespace/name.
    pub fn remove(&mut self, key: &str, symbols: &Interner) {
        let Some(namespace) = symbols.find(namespace_of(key)) else { return };
        if let Some(budgets) = self.by_namespace.get_mut(&namespace) {
            budgets.retain(|(known, _)| **known != *key);
            if budgets.is_empty() {
                self.by_namespace.remove(&namespace);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_namespace.is_empty()
    }

    pub fn of(&self, namespace: Symbol) -> impl Iterator<Item = &Budget> {
        self.by_namespace.get(&namespace).into_iter().flatten().map(|(_, budget)| budget)
    }
}

fn namespace_of(key: &str) -> &str {
    key.split_once('/').map_or("", |(namespace, _)| namespace)
}
