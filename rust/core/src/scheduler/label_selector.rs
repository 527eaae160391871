//! Label selectors as the scheduler asks them: over the labels of pods and of namespaces.
//!
//! Invariant: an absent selector selects nothing, an empty one everything. One that the API server would refuse selects
//! nothing.
//! Not here: the API server's words about wrong selectors (see `selector`), node selectors.

use super::interner::{Interner, Symbol};
use super::manifest;

/// Labels, sorted by key.
pub type Labels = [(Symbol, Symbol)];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    pub key: Symbol,
    pub operator: Operator,
    pub values: Vec<Symbol>,
}

impl Requirement {
    /// None for an operator that does not exist.
    fn parse(manifest: &manifest::NodeSelectorRequirement, symbols: &mut Interner) -> Option<Requirement> {
        Some(Requirement {
            key: symbols.intern(manifest.key.as_deref().unwrap_or_default()),
            operator: match manifest.operator.as_deref().unwrap_or_default() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            },
            values: manifest.values.iter().flatten().map(|v| symbols.intern(v)).collect(),
        })
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        let value = label(labels, self.key);
        match self.operator {
            Operator::In => value.is_some_and(|v| self.values.contains(&v)),
            Operator::NotIn => !value.is_some_and(|v| self.values.contains(&v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// The value under a key. Pods have few labels: walking beats searching.
pub fn label(labels: &Labels, key: Symbol) -> Option<Symbol> {
    labels.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
}

/// The labels of an object, sorted by key.
pub fn labels_of<'a>(
    texts: impl IntoIterator<Item = (&'a String, &'a String)>,
    symbols: &mut Interner,
) -> Vec<(Symbol, Symbol)> {
    let intern = |(key, value): (&'a String, &'a String)| (symbols.intern(key), symbols.intern(value));
    let mut labels: Vec<(Symbol, Symbol)> = texts.into_iter().map(intern).collect();
    labels.sort_unstable();
    labels
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    /// All must hold; None selects nothing.
    pub requirements: Option<Vec<Requirement>>,
}

impl LabelSelector {
    pub const NOTHING: LabelSelector = LabelSelector { requirements: None };

    pub fn parse(manifest: Option<&manifest::LabelSelector>, symbols: &mut Interner) -> LabelSelector {
        let Some(manifest) = manifest else { return LabelSelector::NOTHING };
        let own = LabelSelector::of_labels(&labels_of(manifest.match_labels.iter().flatten(), symbols));
        let expressions = manifest.match_expressions.iter().flatten();
        let requirements = expressions.map(|r| Requirement::parse(r, symbols)).collect();
        own.also(LabelSelector { requirements })
    }

    /// Selects what has all these labels.
    pub fn of_labels(labels: &Labels) -> LabelSelector {
        let has = |(key, value): &(Symbol, Symbol)| Requirement {
            key: *key,
            operator: Operator::In,
            values: vec![*value],
        };
        LabelSelector { requirements: Some(labels.iter().map(has).collect()) }
    }

    /// True when it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// What both select.
    pub fn also(self, other: LabelSelector) -> LabelSelector {
        let requirements = self.requirements.zip(other.requirements).map(|(mut own, more)| {
            own.extend(more);
            own
        });
        LabelSelector { requirements }
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.as_ref().is_some_and(|all| all.iter().all(|r| r.matches(labels)))
    }
}
