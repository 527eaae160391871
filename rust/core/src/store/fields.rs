//! Selectable fields: which ones objects have, by the prefix their keys are under.
//!
//! Invariant: the longest registered prefix of a key decides; without one an object has only metadata.name and
//! metadata.namespace.
//! Not here: reading the fields from an object (see `object::envelope`).

use std::sync::Arc;

use crate::object::envelope::FieldSpec;

#[derive(Clone)]
pub struct FieldTable {
    /// Longest prefix first.
    by_prefix: Vec<(Box<str>, Arc<[FieldSpec]>)>,
    none: Arc<[FieldSpec]>,
}

impl FieldTable {
    pub fn new() -> Self {
        Self { by_prefix: Vec::new(), none: Arc::from([]) }
    }

    /// Whether this changed anything: a fork is told again what its origin knew.
    pub fn register(&mut self, prefix: &str, specs: Vec<FieldSpec>) -> bool {
        if self.by_prefix.iter().any(|(known, old)| **known == *prefix && **old == *specs) {
            return false;
        }
        self.by_prefix.retain(|(known, _)| **known != *prefix);
        self.by_prefix.push((prefix.into(), specs.into()));
        self.by_prefix.sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
        true
    }

    pub fn of(&self, key: &str) -> &Arc<[FieldSpec]> {
        let found = self.by_prefix.iter().find(|(prefix, _)| key.starts_with(&**prefix));
        found.map_or(&self.none, |(_, specs)| specs)
    }
}
