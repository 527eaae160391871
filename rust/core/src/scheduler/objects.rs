//! Every object that scheduling looks at beside nodes and pods: claims, volumes, services, budgets and their like.
//!
//! Invariant: an object stands under its kind and key; what an attempt assumed (`assume`) hides what the API last said
//! until the API says something newer or the assumption is given up.
//! Not here: nodes and pods (see `cache`), what the objects mean (the plugins that read them).

use super::budgets::{self, Budgets};
use super::interner::Interner;
use super::namespaces::Namespaces;
use super::owners::Owners;
use super::SchedulerError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const KINDS: [&str; 17] = [
    "Namespace",
    "Service",
    "ReplicationController",
    "ReplicaSet",
    "StatefulSet",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "StorageClass",
    "CSINode",
    "CSIDriver",
    "CSIStorageCapacity",
    "VolumeAttachment",
    "PodDisruptionBudget",
    "DeviceClass",
    "ResourceSlice",
    "ResourceClaim",
    "PodGroup",
];

/// The kind as one of `KINDS`.
pub fn known(kind: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|k| *k == kind)
}

/// Reads one object.
pub fn parse(kind: &str, json: &[u8]) -> Result<Arc<Value>, SchedulerError> {
    let wrong = || SchedulerError::Decode(format!("{kind}: not an object with metadata.name"));
    let object: Value = serde_json::from_slice(json).map_err(|_| wrong())?;
    let name = object["metadata"]["name"].as_str();
    if name.is_none_or(str::is_empty) {
        return Err(wrong());
    }
    Ok(Arc::new(object))
}

/// namespace/name, or name for an object without a namespace.
pub fn key_of(object: &Value) -> String {
    let meta = &object["metadata"];
    let name = meta["name"].as_str().unwrap_or_default();
    match meta["namespace"].as_str().unwrap_or_default() {
        "" => name.to_owned(),
        namespace => format!("{namespace}/{name}"),
    }
}

#[derive(Debug, Default)]
struct Table {
    told: BTreeMap<String, Arc<Value>>,
    assumed: BTreeMap<String, Arc<Value>>,
}

impl Table {
    fn get(&self, key: &str) -> Option<&Arc<Value>> {
        self.assumed.get(key).or_else(|| self.told.get(key))
    }
}

#[derive(Debug)]
pub struct Objects {
    tables: Vec<Table>,
    pub namespaces: Namespaces,
    pub owners: Owners,
    pub budgets: Budgets,
}

impl Default for Objects {
    fn default() -> Self {
        Objects {
            tables: KINDS.iter().map(|_| Table::default()).collect(),
            namespaces: Namespaces::default(),
            owners: Owners::default(),
            budgets: Budgets::default(),
        }
    }
}

impl Objects {
    /// An object as the API has it; ends what was assumed of it. Returns what it was before.
    pub fn set(
        &mut self,
        kind: &'static str,
        object: Arc<Value>,
        symbols: &mut Interner,
    ) -> Option<Arc<Value>> {
        if kind == "Namespace" {
            self.namespaces.set(&object, symbols);
        } else if Owners::is_watched(kind) {
            self.owners.set(kind, &object, symbols);
        }
        let key = key_of(&object);
        if kind == budgets::KIND {
            self.budgets.set(&key, &object, symbols);
        }
        let table = self.table_mut(kind);
        let old = table.get(&key).cloned();
        table.assumed.remove(&key);
        table.told.insert(key, object);
        old
    }

    pub fn remove(&mut self, kind: &'static str, key: &str, symbols: &Interner) -> Option<Arc<Value>> {
        if kind == "Namespace" {
            self.namespaces.remove(key, symbols);
        } else if Owners::is_watched(kind) {
            self.owners.remove(kind, key, symbols);
        } else if kind == budgets::KIND {
            self.budgets.remove(key, symbols);
        }
        let table = self.table_mut(kind);
        let old = table.get(key).cloned();
        table.assumed.remove(key);
        table.told.remove(key);
        old
    }

    pub fn get(&self, kind: &'static str, key: &str) -> Option<&Arc<Value>> {
        self.table(kind).get(key)
    }

    /// What the API last said, whatever was assumed since.
    pub fn told(&self, kind: &'static str, key: &str) -> Option<&Arc<Value>> {
        self.table(kind).told.get(key)
    }

    /// (key, object) in the order of keys, byte by byte.
    pub fn all(&self, kind: &'static str) -> impl Iterator<Item = (&str, &Arc<Value>)> {
        let table = self.table(kind);
        table.told.iter().map(|(key, told)| (key.as_str(), table.assumed.get(key).unwrap_or(told)))
    }

    /// What the object will be once a decision is written. Only for objects that are there.
    pub fn assume(&mut self, kind: &'static str, object: Arc<Value>) {
        let key = key_of(&object);
        let table = self.table_mut(kind);
        if table.told.contains_key(&key) {
            table.assumed.insert(key, object);
        }
    }

    /// The decision came to nothing: the object is what the API says.
    pub fn give_up(&mut self, kind: &'static str, key: &str) {
        self.table_mut(kind).assumed.remove(key);
    }

    fn table(&self, kind: &'static str) -> &Table {
        &self.tables[place(kind)]
    }

    fn table_mut(&mut self, kind: &'static str) -> &mut Table {
        &mut self.tables[place(kind)]
    }
}

fn place(kind: &'static str) -> usize {
    KINDS.iter().position(|k| *k == kind).expect("callers name one of KINDS")
}
