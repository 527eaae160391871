//! Writing: single keys, transactions, leases, and the passing of time.
//!
//! Invariant: a call either changes everything it says, at one revision, or nothing.
//! Invariant: values are parsed before the lock is taken; only the revision is written into them under it.
//! Not here: applying (see `state`), what operations mean (see `txn`).

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::error::StoreError;
use super::mutation::{Mutation, Record, Write};
use super::state::{Draft, State, FIRST_REVISION};
use super::store::Store;
use super::txn::{check_compares, check_key, check_operations, Compare, Operation, Transaction};
use super::version::{ObjectMeta, Version};

/// What a write expects to find.
#[derive(Clone, Copy)]
pub enum Precondition {
    None,
    Absent,
    /// The mod revision.
    Revision(i64),
}

impl Precondition {
    fn check(self, key: &str, living: Option<&Arc<Version>>) -> Result<(), StoreError> {
        match (self, living) {
            (Precondition::None, _) | (Precondition::Absent, None) => Ok(()),
            (Precondition::Absent, Some(_)) => Err(StoreError::KeyExists { key: key.into() }),
            (Precondition::Revision(_), None) => Err(StoreError::KeyNotFound { key: key.into() }),
            (Precondition::Revision(expected), Some(living)) if living.mod_revision != expected => {
                let actual = living.mod_revision;
                Err(StoreError::Conflict { key: key.into(), expected, actual })
            }
            (Precondition::Revision(_), Some(_)) => Ok(()),
        }
    }
}

/// One of many writes that share a lock.
pub struct BatchWrite {
    pub key: String,
    pub value: Vec<u8>,
    /// 0 is none.
    pub lease: i64,
    pub precondition: Precondition,
}

/// A value parsed before the lock is taken.
struct Parsed {
    value: Arc<[u8]>,
    object: Option<ObjectMeta>,
}

impl Parsed {
    /// Writes the revision of the commit into an object.
    fn commit(mut self, revision: i64, lease: i64) -> Draft {
        if let Some(object) = &mut self.object {
            self.value = object.envelope.write_revision(&self.value, revision).into();
        }
        Draft { value: self.value, lease, object: self.object }
    }
}

impl Store {
    /// Writes the key, whatever is there as far as `precondition` allows it; `lease` 0 is none.
    pub fn put(
        &self,
        key: &str,
        value: &[u8],
        lease: i64,
        precondition: Precondition,
    ) -> Result<Arc<Version>, StoreError> {
        check_key(key)?;
        let parsed = self.read_value(key, value)?;
        let mut state = self.state.write();
        state.check_open()?;
        let living = state.index.get(key);
        precondition.check(key, living)?;
        check_lease(&state, lease)?;
        let revision = state.revision + 1;
        let draft = parsed.commit(revision, lease);
        let version = Arc::new(state.next_version(key, living.map(|living| &**living), draft));
        let write = Write { key: version.key.clone(), version: Some(version.clone()) };
        self.commit(&mut state, Mutation::Commit { revision, writes: vec![write] })?;
        self.settle(state)?;
        Ok(version)
    }

    /// Writes many keys, each at a revision of its own, under one lock and with one wait for the disk.
    ///
    /// The answers stand in the order of the writes; one that is refused does not hinder the others.
    pub fn put_batch(&self, writes: &[BatchWrite]) -> Result<Vec<Result<i64, StoreError>>, StoreError> {
        let parsed: Vec<Result<Parsed, StoreError>> = writes
            .iter()
            .map(|write| check_key(&write.key).and_then(|()| self.read_value(&write.key, &write.value)))
            .collect();
        let mut state = self.state.write();
        state.check_open()?;
        let mut answers = Vec::with_capacity(writes.len());
        for (write, parsed) in writes.iter().zip(parsed) {
            answers.push(parsed.and_then(|parsed| self.put_one(&mut state, write, parsed)));
        }
        self.settle(state)?;
        Ok(answers)
    }

    fn put_one(&self, state: &mut State, write: &BatchWrite, parsed: Parsed) -> Result<i64, StoreError> {
        let living = state.index.get(&write.key);
        write.precondition.check(&write.key, living)?;
        check_lease(state, write.lease)?;
        let revision = state.revision + 1;
        let draft = parsed.commit(revision, write.lease);
        let version = Arc::new(state.next_version(&write.key, living.map(|living| &**living), draft));
        let written = Write { key: version.key.clone(), version: Some(version) };
        self.commit(state, Mutation::Commit { revision, writes: vec![written] })?;
        Ok(revision)
    }

    /// Removes the key; `expected` 0 is any revision. Returns its last state with the deletion's revision.
    pub fn delete(&self, key: &str, expected: i64) -> Result<Arc<Version>, StoreError> {
        check_key(key)?;
        let mut state = self.state.write();
        state.check_open()?;
        let not_found = || StoreError::KeyNotFound { key: key.into() };
        let living = state.index.get(key).ok_or_else(not_found)?.clone();
        if expected != 0 {
            Precondition::Revision(expected).check(key, Some(&living))?;
        }
        let revision = state.revision + 1;
        let removed = Arc::new(living.removed_at(revision));
        let write = Write { key: living.key.clone(), version: None };
        self.commit(&mut state, Mutation::Commit { revision, writes: vec![write] })?;
        self.settle(state)?;
        Ok(removed)
    }

    /// All compares hold: runs `success`, else `failure`; atomically, at one revision.
    pub fn txn(
        &self,
        compares: &[Compare],
        success: &[Operation],
        failure: &[Operation],
    ) -> Result<Transaction, StoreError> {
        check_compares(compares)?;
        check_operations(success)?;
        check_operations(failure)?;
        let (on_success, on_failure) = (self.read_values(success)?, self.read_values(failure)?);
        let mut state = self.state.write();
        state.check_open()?;
        let succeeded = compares.iter().all(|compare| compare.holds(state.index.get(&compare.key)));
        let (operations, parsed) = if succeeded { (success, on_success) } else { (failure, on_failure) };
        let (writes, results) = plan(&state, operations, parsed)?;
        let revision = if writes.is_empty() { state.revision } else { state.revision + 1 };
        if !writes.is_empty() {
            self.commit(&mut state, Mutation::Commit { revision, writes })?;
        }
        self.settle(state)?;
        Ok(Transaction { succeeded, revision, results })
    }

    fn read_value(&self, key: &str, value: &[u8]) -> Result<Parsed, StoreError> {
        let object = self.parse(key, value)?;
        Ok(Parsed { value: value.into(), object })
    }

    fn read_values(&self, operations: &[Operation]) -> Result<Vec<Option<Parsed>>, StoreError> {
        let values = operations.iter().map(|operation| match operation {
            Operation::Put { key, value, .. } => self.read_value(key, value).map(Some),
            _ => Ok(None),
        });
        values.collect()
    }

    // -- time ------------------------------------------------------------------------------------------------

    /// Expires leases and compacts history older than `history_s` (<= 0 keeps everything); returns the deleted
    /// keys' count. A time before the last one told is ignored.
    pub fn advance(&self, now_s: f64, history_s: f64) -> Result<usize, StoreError> {
        let mut state = self.state.write();
        state.check_open()?;
        if now_s < state.clock.now_s {
            return Ok(0);
        }
        let mut deleted_count = 0;
        for lease in state.leases.expired(now_s) {
            deleted_count += self.revoke(&mut state, lease)?;
        }
        let reached = state.revision;
        state.clock.mark(now_s, reached, history_s);
        if history_s > 0.0 {
            let revision = state.clock.take_older(now_s - history_s);
            // What watchers have not been told of yet stays; the next mark takes it along.
            if revision > state.compact_revision && revision <= state.log.visible_revision {
                self.commit(&mut state, Mutation::Compaction { revision })?;
            }
        }
        self.settle(state)?;
        Ok(deleted_count)
    }

    /// A new lease; its id is chosen when `lease` is 0.
    pub fn lease_grant(&self, ttl_s: f64, now_s: f64, lease: i64) -> Result<i64, StoreError> {
        if ttl_s.is_nan() || ttl_s <= 0.0 {
            return Err(StoreError::invalid("a lease's ttl must be positive"));
        }
        let mut state = self.state.write();
        state.check_open()?;
        let lease = state.leases.choose_id(lease)?;
        self.commit(&mut state, Mutation::LeaseGrant { lease, ttl_s, expires_s: now_s + ttl_s })?;
        self.settle(state)?;
        Ok(lease)
    }

    /// Starts the TTL anew; returns it.
    pub fn lease_keepalive(&self, lease: i64, now_s: f64) -> Result<f64, StoreError> {
        let mut state = self.state.write();
        state.check_open()?;
        let ttl_s = state.leases.get(lease)?.ttl_s;
        self.commit(&mut state, Mutation::LeaseGrant { lease, ttl_s, expires_s: now_s + ttl_s })?;
        Ok(ttl_s)
    }

    /// Deletes the lease and its keys, at one revision; returns their count.
    pub fn lease_revoke(&self, lease: i64) -> Result<usize, StoreError> {
        let mut state = self.state.write();
        state.check_open()?;
        state.leases.get(lease)?;
        let deleted_count = self.revoke(&mut state, lease)?;
        self.settle(state)?;
        Ok(deleted_count)
    }

    fn revoke(&self, state: &mut State, lease: i64) -> Result<usize, StoreError> {
        let revision = state.revision + 1;
        self.commit(state, Mutation::LeaseRevoke { lease, revision })
    }

    // -- recovery --------------------------------------------------------------------------------------------

    /// Applies what the journal gives back; nothing is journalled anew.
    pub fn replay(&self, record: Record) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let mutation = match record {
            Record::LeaseGrant { lease, ttl_s, expires_s } => {
                Mutation::LeaseGrant { lease, ttl_s, expires_s }
            }
            Record::LeaseRevoke { lease, revision } => Mutation::LeaseRevoke { lease, revision },
            Record::Compaction { revision } => Mutation::Compaction { revision },
            Record::Commit { revision, writes } => {
                let writes: Result<Vec<Write>, StoreError> = writes
                    .into_iter()
                    .map(|write| {
                        let Some(value) = write.value else {
                            return Ok(Write { key: write.key, version: None });
                        };
                        let object = self.parse(&write.key, &value)?;
                        let living = state.index.get(&write.key).map(|living| &**living);
                        let draft = Draft { value, lease: write.lease, object };
                        let version = state.next_version(&write.key, living, draft);
                        Ok(Write { key: version.key.clone(), version: Some(Arc::new(version)) })
                    })
                    .collect();
                Mutation::Commit { revision, writes: writes? }
            }
        };
        state.apply(mutation);
        Ok(())
    }

    /// Fills an empty store with a snapshot's content; watches may start after `revision`. Leases are replayed first.
    pub fn restore(
        &self,
        revision: i64,
        versions: impl IntoIterator<Item = Version>,
    ) -> Result<(), StoreError> {
        let mut state = self.state.write();
        assert!(
            state.revision == FIRST_REVISION && state.index.living.is_empty(),
            "only an empty store is restored"
        );
        state.revision = revision;
        state.compact_revision = revision;
        state.log.first_revision = revision + 1;
        state.log.visible_revision = revision;
        for mut version in versions {
            version.object = self.parse(&version.key, &version.value)?;
            let version = Arc::new(version);
            state.index.set_living(&version.key, Some(&version));
            state.select.follow(None, Some(&version));
            state.leases.follow(None, Some(&version));
        }
        Ok(())
    }
}

/// Turns operations into writes and results, applying nothing.
#[allow(clippy::type_complexity)]
fn plan(
    state: &State,
    operations: &[Operation],
    parsed: Vec<Option<Parsed>>,
) -> Result<(Vec<Write>, Vec<Option<Arc<Version>>>), StoreError> {
    let revision = state.revision + 1;
    let mut writes = Vec::new();
    let mut results = Vec::with_capacity(operations.len());
    let mut seen: FxHashMap<&str, Option<Arc<Version>>> = FxHashMap::default();
    for (operation, parsed) in operations.iter().zip(parsed) {
        let key = operation.key();
        let living = seen.get(key).cloned().unwrap_or_else(|| state.index.get(key).cloned());
        match (operation, parsed) {
            (Operation::Put { lease, .. }, Some(parsed)) => {
                check_lease(state, *lease)?;
                let draft = parsed.commit(revision, *lease);
                let version = Arc::new(state.next_version(key, living.as_deref(), draft));
                writes.push(Write { key: version.key.clone(), version: Some(version.clone()) });
                seen.insert(key, Some(version.clone()));
                results.push(Some(version));
            }
            (Operation::Delete { .. }, _) => {
                results.push(living.as_ref().map(|living| Arc::new(living.removed_at(revision))));
                writes.extend(living.map(|living| Write { key: living.key.clone(), version: None }));
                seen.insert(key, None);
            }
            _ => results.push(living),
        }
    }
    Ok((writes, results))
}

fn check_lease(state: &State, lease: i64) -> Result<(), StoreError> {
    if lease != 0 {
        state.leases.get(lease)?;
    }
    Ok(())
}
