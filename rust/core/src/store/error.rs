//! What the store refuses: the caller's mistakes, the world's state, damaged files.
//!
//! Invariant: each variant maps to one class of `pyk8s.errors` (see the binding), with the same facts.

use std::io;

use crate::object::envelope::EnvelopeError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("key {key} already exists")]
    KeyExists { key: String },
    #[error("key {key} does not exist")]
    KeyNotFound { key: String },
    #[error("key {key} is at revision {actual}, not {expected}")]
    Conflict { key: String, expected: i64, actual: i64 },
    #[error("revision {revision} has been compacted; the oldest kept is after {compact_revision}")]
    Compacted { revision: i64, compact_revision: i64 },
    #[error("revision {revision} is in the future; the store is at {current}")]
    FutureRevision { revision: i64, current: i64 },
    #[error("watcher fell more than {backlog_max} events behind; list again and watch from there")]
    WatchOverflow { backlog_max: usize },
    #[error("lease {lease} does not exist")]
    LeaseNotFound { lease: i64 },
    #[error("{path}: damaged at byte {offset}: {detail}")]
    Damaged { path: String, offset: u64, detail: String },
    #[error("{path}: written in format {found}; this version reads format {supported}")]
    Version { path: String, found: u32, supported: u32 },
    #[error("{path}: another process is using this store")]
    Locked { path: String },
    #[error(transparent)]
    Object(#[from] EnvelopeError),
    /// An argument that no state of the store would make right.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl StoreError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        StoreError::Invalid(message.into())
    }
}
