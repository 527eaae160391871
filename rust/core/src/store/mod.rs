//! The MVCC store: revisions, transactions, watches, durability.
//!
//! Invariant: `store` locks, `state` changes, `key_index`, `select_index`, `event_log` and `lease` hold; all of them on
//! persistent trees, so that a fork or a reader's snapshot costs a few pointers.
//! Not here: HTTP, Kubernetes' names for keys, any clock.

mod checkpoint;
mod compaction;
pub mod content;
mod directory;
pub mod encode;
pub mod error;
mod event_log;
mod fields;
pub mod frame;
mod key_index;
mod lease;
pub mod mutation;
mod node_keys;
pub mod notifier;
pub mod read;
pub mod record;
pub mod recover;
mod segment;
mod select_index;
pub mod snapshot;
mod state;
#[allow(clippy::module_inception)]
pub mod store;
mod tree;
pub mod txn;
pub mod version;
pub mod wal;
pub mod watch;
mod watch_hub;
pub mod write;

pub use error::StoreError;
pub use store::Store;
