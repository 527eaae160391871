//! Namespaces: their labels, for the terms that select namespaces by label.
//!
//! Invariant: holds what `Objects` holds of the kind Namespace, in symbols.
//! Not here: whether a namespace may be used.

use super::interner::{Interner, Symbol};
use super::label_selector::{labels_of, LabelSelector, Labels};
use super::manifest;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default)]
pub struct Namespaces {
    labels: FxHashMap<Symbol, Vec<(Symbol, Symbol)>>,
    /// Counts the changes, for those who remember what was selected.
    generation: u64,
}

impl Namespaces {
    pub fn set(&mut self, object: &Value, symbols: &mut Interner) {
        let meta = manifest::ObjectMeta::deserialize(&object["metadata"]).unwrap_or_default();
        let name = symbols.intern(meta.name.as_deref().unwrap_or_default());
        self.labels.insert(name, labels_of(meta.labels.iter().flatten(), symbols));
        self.generation += 1;
    }

    pub fn remove(&mut self, name: &str, symbols: &Interner) {
        if symbols.find(name).and_then(|name| self.labels.remove(&name)).is_some() {
            self.generation += 1;
        }
    }

    /// None for a namespace that is not there.
    pub fn labels(&self, name: Symbol) -> &Labels {
        self.labels.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The namespaces that the selector selects, sorted.
    pub fn selected(&self, selector: &LabelSelector) -> Vec<Symbol> {
        let matching = self.labels.iter().filter(|(_, labels)| selector.matches(labels));
        let mut names: Vec<Symbol> = matching.map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }
}
