//! Leases: a time to live shared by the keys attached to it.
//!
//! Invariant: a key is attached to at most one lease of the table, the one its living version names.
//! Invariant: `deadlines` holds exactly one entry per lease.
//! Not here: deleting the keys of a lease that ended (see `write`), any clock.

use std::sync::Arc;

use super::error::StoreError;
use super::node_keys::TreeKey;
use super::tree::Tree;
use super::version::Version;

pub const LEASE_ID_MAX: i64 = 1 << 62;

#[derive(Clone)]
pub struct Lease {
    pub ttl_s: f64,
    pub expires_s: f64,
    keys: Tree<Arc<str>, ()>,
}

#[derive(Clone, Copy, PartialEq)]
struct Deadline {
    expires_s: f64,
    lease: i64,
}

impl Eq for Deadline {}

impl TreeKey for Deadline {}

impl Ord for Deadline {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.expires_s.total_cmp(&other.expires_s).then(self.lease.cmp(&other.lease))
    }
}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Default)]
pub struct LeaseTable {
    leases: Tree<i64, Lease>,
    deadlines: Tree<Deadline, ()>,
    last_id: i64,
}

impl LeaseTable {
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    pub fn get(&self, lease: i64) -> Result<&Lease, StoreError> {
        self.leases.get(&lease).ok_or(StoreError::LeaseNotFound { lease })
    }

    pub fn iter(&self) -> impl Iterator<Item = (i64, &Lease)> {
        self.leases.iter().map(|(id, lease)| (*id, lease))
    }

    /// Highest id that was ever granted, 0 for none.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    /// The id of a new lease: the one asked for, or for 0 one past the highest ever granted.
    pub fn choose_id(&self, asked: i64) -> Result<i64, StoreError> {
        let lease = if asked == 0 { self.last_id + 1 } else { asked };
        if !(1..=LEASE_ID_MAX).contains(&lease) {
            return Err(StoreError::invalid(format!("lease id {lease} is not between 1 and {LEASE_ID_MAX}")));
        }
        if self.leases.get(&lease).is_some() {
            return Err(StoreError::invalid(format!("lease {lease} exists already")));
        }
        Ok(lease)
    }

    /// Makes or renews a lease; its keys stay attached.
    pub fn grant(&mut self, lease: i64, ttl_s: f64, expires_s: f64) {
        self.last_id = self.last_id.max(lease);
        let keys = self.take(lease).map(|old| old.keys).unwrap_or_default();
        self.leases.insert(lease, Lease { ttl_s, expires_s, keys });
        self.deadlines.insert(Deadline { expires_s, lease }, ());
    }

    /// Forgets a lease; returns its keys in byte order.
    pub fn remove(&mut self, lease: i64) -> Vec<Arc<str>> {
        let ended = self.take(lease);
        ended.map(|lease| lease.keys.iter().map(|(key, ())| key.clone()).collect()).unwrap_or_default()
    }

    fn take(&mut self, lease: i64) -> Option<Lease> {
        let taken = self.leases.remove(&lease)?;
        self.deadlines.remove(&Deadline { expires_s: taken.expires_s, lease });
        Some(taken)
    }

    /// Leases whose time is up, in the order in which they ran out.
    pub fn expired(&self, now_s: f64) -> Vec<i64> {
        let due = self.deadlines.iter().take_while(|(deadline, ())| deadline.expires_s <= now_s);
        due.map(|(deadline, ())| deadline.lease).collect()
    }

    /// Attaches a key to the lease of its state `after`, detaches it from that of the state `before`.
    pub fn follow(&mut self, before: Option<&Version>, after: Option<&Version>) {
        for version in before.into_iter().filter(|version| version.lease != 0) {
            if let Some(lease) = self.leases.get_mut(&version.lease) {
                lease.keys.remove(&version.key);
            }
        }
        for version in after.into_iter().filter(|version| version.lease != 0) {
            if let Some(lease) = self.leases.get_mut(&version.lease) {
                lease.keys.insert(version.key.clone(), ());
            }
        }
    }
}
