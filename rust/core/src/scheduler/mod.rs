//! The scheduling framework: queue, cache, cycle, plugins; kube-scheduler v1.36's decisions.
//!
//! Invariant: a decision depends on what was fed in and in which order, never on timing, hashing or threads.
//! Invariant: all arithmetic on quantities and scores is 64-bit integers that saturate; only
//! NodeResourcesBalancedAllocation works in floating point, as upstream does.
//! Not here: reading watches, writing bindings and events (see `pyk8s.scheduler`).

pub mod attached;
mod budgets;
mod cache;
mod cel;
mod cel_library;
mod cel_syntax;
mod claim_status;
mod claims;
mod config;
mod cycle;
mod declared_features;
mod device_allocation;
mod device_requests;
mod devices;
mod engine;
mod evaluate;
mod event;
mod evictions;
mod foreign;
mod framework;
mod groups;
mod images;
mod index;
mod interner;
mod label_selector;
mod manifest;
mod namespaces;
mod node;
mod node_order;
mod node_selector;
mod node_table;
mod objects;
mod owners;
mod plugins;
mod pod;
mod pod_affinity;
mod pod_claims;
mod preemption;
mod quantity;
mod queue;
mod random;
mod raw_pod;
mod refusal;
mod requests;
mod resources;
mod semantic_version;
mod spread_constraints;
mod template;
mod volume_matching;
mod volume_provisioning;
mod volumes;
mod waiting;

pub use engine::{Decision, Outcome, SchedulerEngine};
pub use foreign::{ForeignPlugin, ForeignPlugins, ForeignPreFilter, Refusal};
pub use node_table::{Column, NodeTable, PodRow};

/// What the caller fed in that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SchedulerError {
    /// The text says which object and field, and what is wrong with it.
    #[error("{0}")]
    Decode(String),
}
