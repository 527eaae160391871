//! Node selectors: nodeSelector, and the terms of required and preferred node affinity.
//!
//! Invariant: an empty term matches no node; the terms of one selector are joined by OR, what is inside one by AND.
//! Not here: label selectors of the API (see `selector`), which have another grammar.

use super::interner::{Interner, Symbol};
use super::manifest::{NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm};
use super::node::NodeFacts;

const METADATA_NAME: &str = "metadata.name";

/// Of a text that nothing else has; a table of so many texts fits in no memory.
const UNKNOWN: Symbol = Symbol::MAX;

/// The text as an integer of 64 bits, written without plus sign or leading zeros: so tolerations compare with taints.
pub fn decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = text == "0" || digits.bytes().next().is_some_and(|first| (b'1'..=b'9').contains(&first));
    is_plain.then(|| text.parse().ok())?
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
    /// An operator that does not exist, or a bound that is no number: matches nothing.
    Invalid,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    pub key: Symbol,
    pub operator: Operator,
    pub values: Vec<Symbol>,
    /// The bound of Gt and Lt.
    pub bound: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Term {
    pub labels: Vec<Requirement>,
    /// Requirements on metadata.name, the only field there is.
    pub names: Vec<Requirement>,
}

impl Requirement {
    /// `symbol` gives each text's.
    fn read(manifest: &NodeSelectorRequirement, symbol: &mut impl FnMut(&str) -> Symbol) -> Requirement {
        let texts = manifest.values.as_deref().unwrap_or_default();
        let bound = match texts {
            [only] => only.parse::<i64>().ok(),
            _ => None,
        };
        let operator = match (manifest.operator.as_deref().unwrap_or_default(), bound) {
            ("In", _) => Operator::In,
            ("NotIn", _) => Operator::NotIn,
            ("Exists", _) => Operator::Exists,
            ("DoesNotExist", _) => Operator::DoesNotExist,
            ("Gt", Some(_)) => Operator::GreaterThan,
            ("Lt", Some(_)) => Operator::LessThan,
            _ => Operator::Invalid,
        };
        Requirement {
            key: symbol(manifest.key.as_deref().unwrap_or_default()),
            operator,
            values: texts.iter().map(|v| symbol(v)).collect(),
            bound: bound.unwrap_or(0),
        }
    }

    fn matches_label(&self, node: &NodeFacts) -> bool {
        let label = node.label(self.key);
        match self.operator {
            Operator::In => label.is_some_and(|l| self.values.contains(&l.value)),
            Operator::NotIn => !label.is_some_and(|l| self.values.contains(&l.value)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => label.and_then(|l| l.number).is_some_and(|n| n > self.bound),
            Operator::LessThan => label.and_then(|l| l.number).is_some_and(|n| n < self.bound),
            Operator::Invalid => false,
        }
    }

    fn matches_name(&self, node: &NodeFacts) -> bool {
        match self.operator {
            Operator::In => self.values.contains(&node.name),
            Operator::NotIn => !self.values.contains(&node.name),
            _ => false,
        }
    }
}

impl Term {
    pub fn parse(manifest: &NodeSelectorTerm, symbols: &mut Interner) -> Term {
        Term::read(manifest, &mut |text| symbols.intern(text))
    }

    /// Reads a term that is asked of the nodes there are, once: texts that none of them has may stay unknown.
    pub fn find(manifest: &NodeSelectorTerm, symbols: &Interner) -> Term {
        Term::read(manifest, &mut |text| symbols.find(text).unwrap_or(UNKNOWN))
    }

    fn read(manifest: &NodeSelectorTerm, symbol: &mut impl FnMut(&str) -> Symbol) -> Term {
        let expressions = manifest.match_expressions.iter().flatten();
        let labels = expressions.map(|r| Requirement::read(r, symbol)).collect();
        let mut names = Vec::new();
        for field in manifest.match_fields.iter().flatten() {
            let mut requirement = Requirement::read(field, symbol);
            if field.key.as_deref() != Some(METADATA_NAME) {
                requirement.operator = Operator::Invalid;
            }
            names.push(requirement);
        }
        Term { labels, names }
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.names.is_empty()
    }

    pub fn matches(&self, node: &NodeFacts) -> bool {
        !self.is_empty()
            && self.labels.iter().all(|r| r.matches_label(node))
            && self.names.iter().all(|r| r.matches_name(node))
    }

    /// The node names this term allows, when it names any: the intersection of its `metadata.name In` lists.
    pub fn allowed_names(&self) -> Option<Vec<Symbol>> {
        let mut lists = self.names.iter().filter(|r| r.operator == Operator::In).map(|r| &r.values);
        let mut allowed = lists.next()?.clone();
        for list in lists {
            allowed.retain(|name| list.contains(name));
        }
        Some(allowed)
    }
}

/// Required terms (None when there are none asked for) and preferred ones with their weights, as far as they add.
pub fn node_affinity_terms(
    affinity: &NodeAffinity,
    symbols: &mut Interner,
) -> (Option<Vec<Term>>, Vec<(i64, Term)>) {
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref().map(|selector| {
        selector.node_selector_terms.iter().flatten().map(|t| Term::parse(t, symbols)).collect()
    });
    let mut preferred = Vec::new();
    for term in affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten() {
        let weight = term.weight.unwrap_or(0);
        let parsed = Term::parse(term.preference.as_ref().unwrap_or(&Default::default()), symbols);
        if weight != 0 && !parsed.is_empty() {
            preferred.push((weight, parsed));
        }
    }
    (required, preferred)
}
