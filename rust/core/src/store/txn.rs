//! Transactions: what is compared, and what the operations mean.
//!
//! Invariant: operations are checked before the first compare is evaluated; a refused transaction changes nothing.
//! Invariant: a key is written at most once; a get sees the writes before it.
//! Not here: committing (see `write`).

use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::error::StoreError;
use super::version::Version;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Mod,
    Create,
    Version,
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    Equal,
    NotEqual,
    Less,
    Greater,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    Number(i64),
    Bytes(Vec<u8>),
}

/// A condition on one key; an absent one has mod, create and version 0 and fails every value comparison.
#[derive(Clone, Debug)]
pub struct Compare {
    pub key: String,
    pub target: Target,
    pub comparator: Comparator,
    pub operand: Operand,
}

#[derive(Clone, Debug)]
pub enum Operation {
    Put { key: String, value: Vec<u8>, lease: i64 },
    Delete { key: String },
    Get { key: String },
}

pub struct Transaction {
    pub succeeded: bool,
    pub revision: i64,
    /// One per executed operation: the version written, read, or deleted (its last state).
    pub results: Vec<Option<Arc<Version>>>,
}

impl Operation {
    pub fn key(&self) -> &str {
        match self {
            Operation::Put { key, .. } | Operation::Delete { key } | Operation::Get { key } => key,
        }
    }
}

pub fn check_key(key: &str) -> Result<(), StoreError> {
    if key.is_empty() {
        return Err(StoreError::invalid("a key must not be empty"));
    }
    Ok(())
}

pub fn check_operations(operations: &[Operation]) -> Result<(), StoreError> {
    let mut written = FxHashSet::default();
    for operation in operations {
        let key = operation.key();
        check_key(key)?;
        if !matches!(operation, Operation::Get { .. }) && !written.insert(key) {
            return Err(StoreError::invalid(format!("key {key} is written twice in one transaction")));
        }
    }
    Ok(())
}

pub fn check_compares(compares: &[Compare]) -> Result<(), StoreError> {
    for compare in compares {
        if matches!(compare.operand, Operand::Bytes(_)) != (compare.target == Target::Value) {
            let target = match compare.target {
                Target::Mod => "mod",
                Target::Create => "create",
                Target::Version => "version",
                Target::Value => "value",
            };
            let message = format!("compare target {target} does not go with this operand");
            return Err(StoreError::Invalid(message));
        }
    }
    Ok(())
}

impl Compare {
    /// Does the key's present state satisfy the compare?
    pub fn holds(&self, version: Option<&Arc<Version>>) -> bool {
        let number = |of: fn(&Version) -> i64| version.map_or(0, |version| of(version));
        let order = match (&self.operand, self.target) {
            (Operand::Number(operand), Target::Mod) => number(|v| v.mod_revision).cmp(operand),
            (Operand::Number(operand), Target::Create) => number(|v| v.create_revision).cmp(operand),
            (Operand::Number(operand), Target::Version) => number(|v| v.version).cmp(operand),
            (Operand::Bytes(operand), Target::Value) => match version {
                Some(version) => (*version.value).cmp(operand),
                None => return false,
            },
            _ => return false,
        };
        match self.comparator {
            Comparator::Equal => order == Ordering::Equal,
            Comparator::NotEqual => order != Ordering::Equal,
            Comparator::Less => order == Ordering::Less,
            Comparator::Greater => order == Ordering::Greater,
        }
    }
}
