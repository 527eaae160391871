//! `Selection`: a label selector and a field selector together, matched against one object.
//!
//! Invariant: matching allocates nothing; a `Selection` never changes after it was built.
//! Not here: the grammars (see `labels`, `fields`, `label_selector`).

use std::fmt;

use super::fields::{self, FieldTerm};
use super::label_selector;
use super::labels;
use super::requirement::Requirement;
use crate::object::envelope::{Envelope, FieldSpec};

/// A selector that does not parse; the text is Kubernetes'.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);

/// A label selector and a field selector, both parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    labels: Box<[Requirement]>,
    fields: Box<[FieldTerm]>,
    is_nothing: bool,
}

impl Selection {
    /// Parse both text forms; "" selects everything.
    pub fn parse(labels: &str, fields: &str) -> Result<Selection, SelectorError> {
        let labels = labels::parse(labels).map_err(SelectorError)?;
        let fields = fields::parse(fields).map_err(SelectorError)?;
        Ok(Selection { labels: labels.into(), fields: fields.into(), is_nothing: false })
    }

    /// Read the JSON of a metav1.LabelSelector: null selects nothing, `{}` everything.
    pub fn from_label_selector(json: &[u8]) -> Result<Selection, SelectorError> {
        let labels = label_selector::parse(json).map_err(SelectorError)?;
        let is_nothing = labels.is_none();
        Ok(Selection { labels: labels.unwrap_or_default().into(), fields: Box::default(), is_nothing })
    }

    pub fn is_everything(&self) -> bool {
        !self.is_nothing && self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn is_nothing(&self) -> bool {
        self.is_nothing
    }

    /// Conditions on labels, sorted by key; all must hold.
    pub fn label_requirements(&self) -> &[Requirement] {
        &self.labels
    }

    /// Conditions on fields, sorted by their text; all must hold.
    pub fn field_terms(&self) -> &[FieldTerm] {
        &self.fields
    }

    /// Match by look-up: `label` gives a label's value, `field` a field's ("" when the object has none).
    pub fn matches<'a>(
        &self,
        label: impl Fn(&str) -> Option<&'a str>,
        field: impl Fn(&str) -> &'a str,
    ) -> bool {
        !self.is_nothing
            && self.labels.iter().all(|requirement| requirement.holds(label(requirement.key())))
            && self.fields.iter().all(|term| term.holds(field(&term.field)))
    }

    /// Match a stored object; `specs` are the fields its envelope was parsed with.
    pub fn matches_envelope(&self, envelope: &Envelope, specs: &[FieldSpec]) -> bool {
        self.matches(|key| envelope.label(key), |name| envelope.field_named(name, specs))
    }
}

/// The canonical text of the label selector.
impl fmt::Display for Selection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.labels.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{requirement}")?;
        }
        Ok(())
    }
}
