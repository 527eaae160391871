//! Node tables: some nodes as columns of numbers, and the objects as they came, for foreign plugins.
//!
//! Invariant: a table is a snapshot: it does not change when the engine goes on.
//! Not here: the plugins (see `foreign`).

use super::interner::{Interner, Symbol};
use super::node::NodeInfo;
use super::pod::PodInfo;
use super::resources::Resources;
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, RwLock};

/// A node as it came; its labels are read when first asked for.
#[derive(Debug)]
pub struct NodeText {
    pub name: String,
    pub json: Vec<u8>,
    labels: OnceLock<BTreeMap<String, String>>,
}

impl NodeText {
    pub fn label(&self, key: &str) -> Option<&str> {
        let read = || -> Option<BTreeMap<String, String>> {
            let node: Value = serde_json::from_slice(&self.json).ok()?;
            serde_json::from_value(node.get("metadata")?.get("labels")?.clone()).ok()
        };
        self.labels.get_or_init(|| read().unwrap_or_default()).get(key).map(String::as_str)
    }
}

/// The objects as they came, for plugins that want to read them.
#[derive(Debug, Default)]
pub struct Texts {
    nodes: FxHashMap<Symbol, Arc<NodeText>>,
    /// The pending ones, by uid.
    pods: FxHashMap<Arc<str>, Arc<[u8]>>,
}

impl Texts {
    pub fn set_node(&mut self, name: Symbol, text: &str, json: &[u8]) {
        let text = NodeText { name: text.to_owned(), json: json.to_vec(), labels: OnceLock::new() };
        self.nodes.insert(name, Arc::new(text));
    }

    pub fn remove_node(&mut self, name: Symbol) {
        self.nodes.remove(&name);
    }

    pub fn set_pod(&mut self, uid: &Arc<str>, json: &[u8]) -> Option<Arc<[u8]>> {
        self.pods.insert(uid.clone(), Arc::from(json))
    }

    pub fn pod(&self, uid: &str) -> Option<Arc<[u8]>> {
        self.pods.get(uid).cloned()
    }

    pub fn remove_pod(&mut self, uid: &str) {
        self.pods.remove(uid);
    }

    /// Back to what was known of the pod before a dry run.
    pub fn restore_pod(&mut self, uid: &Arc<str>, known: Option<Arc<[u8]>>) {
        match known {
            Some(text) => self.pods.insert(uid.clone(), text),
            None => self.pods.remove(uid),
        };
    }
}

pub type SharedTexts = Arc<RwLock<Texts>>;

/// One pod on a node: namespace, name, uid, labels.
pub type PodRow = (String, String, String, BTreeMap<String, String>);

/// A read-only column, one number for each node.
pub type Column = Arc<[i64]>;

type Amount = fn(&NodeInfo) -> i64;

const COLUMNS: [(&str, Amount); 10] = [
    ("allocatable_milli_cpu", |n| n.facts.allocatable.milli_cpu),
    ("allocatable_memory_bytes", |n| n.facts.allocatable.memory_bytes),
    ("allocatable_ephemeral_storage_bytes", |n| n.facts.allocatable.ephemeral_storage_bytes),
    ("allocatable_pods", |n| n.facts.allocatable.pods),
    ("requested_milli_cpu", |n| n.requested.milli_cpu),
    ("requested_memory_bytes", |n| n.requested.memory_bytes),
    ("requested_ephemeral_storage_bytes", |n| n.requested.ephemeral_storage_bytes),
    ("non_zero_milli_cpu", |n| n.non_zero_milli_cpu),
    ("non_zero_memory_bytes", |n| n.non_zero_memory_bytes),
    ("pod_count", |n| n.pod_count),
];

/// Some nodes as columns. A snapshot: it does not change when the engine goes on.
pub struct NodeTable {
    nodes: Vec<Arc<NodeText>>,
    columns: Vec<Column>,
    /// By name: allocatable, requested; of the resources that some node has or is asked for.
    scalars: BTreeMap<String, (Column, Column)>,
    pods: Option<Vec<Vec<PodRow>>>,
}

impl NodeTable {
    pub fn new(nodes: &[&NodeInfo], texts: &Texts, symbols: &Interner, reads_pods: bool) -> NodeTable {
        let text = |node: &&NodeInfo| {
            let known = texts.nodes.get(&node.facts.name);
            known.expect("every node that is looked at came as a text").clone()
        };
        NodeTable {
            nodes: nodes.iter().map(text).collect(),
            columns: COLUMNS.iter().map(|(_, amount)| nodes.iter().map(|n| amount(n)).collect()).collect(),
            scalars: scalars(nodes, symbols),
            pods: reads_pods.then(|| nodes.iter().map(|node| pod_rows(node, symbols)).collect()),
        }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A column by its name; None for others than `COLUMNS`.
    pub fn column(&self, name: &str) -> Option<Column> {
        COLUMNS.iter().position(|(known, _)| *known == name).map(|at| self.columns[at].clone())
    }

    pub fn allocatable(&self, resource: &str) -> Column {
        self.amounts("allocatable", resource)
    }

    pub fn requested(&self, resource: &str) -> Column {
        self.amounts("requested", resource)
    }

    fn amounts(&self, which: &str, resource: &str) -> Column {
        let is_allocatable = which == "allocatable";
        let native = match resource {
            "cpu" => self.column(&format!("{which}_milli_cpu")),
            "memory" => self.column(&format!("{which}_memory_bytes")),
            "ephemeral-storage" => self.column(&format!("{which}_ephemeral_storage_bytes")),
            "pods" if is_allocatable => self.column("allocatable_pods"),
            _ => None,
        };
        let scalar =
            || self.scalars.get(resource).map(|(has, used)| if is_allocatable { has } else { used }.clone());
        native.or_else(scalar).unwrap_or_else(|| vec![0; self.len()].into())
    }

    pub fn nodes(&self) -> &[Arc<NodeText>] {
        &self.nodes
    }

    /// None for a plugin that does not read pods.
    pub fn pods(&self, row: usize) -> Option<&[PodRow]> {
        self.pods.as_ref().map(|pods| pods[row].as_slice())
    }
}

fn scalars(nodes: &[&NodeInfo], symbols: &Interner) -> BTreeMap<String, (Column, Column)> {
    let names = |of: fn(&NodeInfo) -> &Resources| {
        nodes.iter().flat_map(move |node| of(node).scalars.iter().map(|(name, _)| *name))
    };
    let mut found: Vec<Symbol> = names(|n| &n.facts.allocatable).chain(names(|n| &n.requested)).collect();
    found.sort_unstable();
    found.dedup();
    let column = |name: Symbol| {
        let has = nodes.iter().map(|n| n.facts.allocatable.scalar(name)).collect();
        let used = nodes.iter().map(|n| n.requested.scalar(name)).collect();
        (symbols.text(name).to_owned(), (has, used))
    };
    found.into_iter().map(column).collect()
}

fn pod_rows(node: &NodeInfo, symbols: &Interner) -> Vec<PodRow> {
    let text = |symbol: Symbol| symbols.text(symbol).to_owned();
    let row = |pod: &Arc<PodInfo>| {
        let labels = pod.shape.labels.iter().map(|(key, value)| (text(*key), text(*value))).collect();
        (pod.namespace.to_string(), pod.name.to_string(), pod.uid.to_string(), labels)
    };
    node.pods.iter().map(row).collect()
}
