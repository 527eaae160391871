//! Mutations: what changes a store, in the form in which it is applied and journalled.
//!
//! Invariant: replaying the records of the same mutations in the same order on an empty store gives the same store.
//! Invariant: every change of a store is one of these and passes `Store::commit`.
//! Not here: files (see `wal`).

use std::io;
use std::sync::Arc;

use super::content::Content;
use super::version::Version;

/// A put, or a deletion when `version` is `None`.
pub struct Write {
    pub key: Arc<str>,
    pub version: Option<Arc<Version>>,
}

/// What `Store::commit` journals and applies.
pub enum Mutation {
    /// One write transaction: `writes` at `revision`, one past the store's.
    Commit {
        revision: i64,
        writes: Vec<Write>,
    },
    /// Makes a lease, or renews it.
    LeaseGrant {
        lease: i64,
        ttl_s: f64,
        expires_s: f64,
    },
    /// Ends a lease; its keys, if it has any, are deleted at `revision`.
    LeaseRevoke {
        lease: i64,
        revision: i64,
    },
    Compaction {
        revision: i64,
    },
}

/// A write as the journal gives it back; in an object store the value holds its resourceVersion already.
pub struct RecordedWrite {
    pub key: Arc<str>,
    pub value: Option<Arc<[u8]>>,
    pub lease: i64,
}

/// A mutation as the journal gives it back, for `Store::replay`.
pub enum Record {
    Commit { revision: i64, writes: Vec<RecordedWrite> },
    LeaseGrant { lease: i64, ttl_s: f64, expires_s: f64 },
    LeaseRevoke { lease: i64, revision: i64 },
    Compaction { revision: i64 },
}

/// Where mutations are written before they are applied.
pub trait Journal: Send + Sync {
    /// Takes the mutation, under the store's lock. An error means: it is not applied.
    fn append(&self, mutation: &Mutation) -> io::Result<()>;
    /// Returns when `revision` is as durable as was asked for; called without the store's lock.
    fn settle(&self, revision: i64) -> io::Result<()>;
    fn durable_revision(&self) -> i64;
    /// Whether a change may be shown to watchers only when it is durable.
    fn is_durable_before_seen(&self) -> bool;
    fn wal_bytes(&self) -> u64;
    /// Makes everything appended so far durable.
    fn sync(&self) -> io::Result<()>;
    /// Whether the log has grown so long that a snapshot should take its place.
    fn wants_checkpoint(&self) -> bool;
    /// Begins to save `content`, the store's at this moment; called under the store's lock.
    fn checkpoint(&self, content: Content);
    fn close(&self) -> io::Result<()>;
}
