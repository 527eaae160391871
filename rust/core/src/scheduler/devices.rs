//! Devices: what ResourceSlices offer, and on which nodes.
//!
//! Invariant: only the newest generation of a pool counts; devices stand in the order of their slices' names and of each
//! slice's list.
//! Not here: which of them are taken (see `device_allocation`).
//! Source: kubernetes.io, "Dynamic Resource Allocation".

use super::cel_library::{Map, Value as CelValue};
use super::interner::{Interner, Symbol};
use super::manifest::NodeSelector;
use super::node::NodeFacts;
use super::node_selector::Term;
use super::objects::Objects;
use super::semantic_version::SemanticVersion;
use crate::object::quantity::Quantity;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId {
    pub driver: Arc<str>,
    pub pool: Arc<str>,
    pub device: Arc<str>,
}

/// Where a slice or a device can be reached from.
#[derive(Clone, Debug)]
pub enum Place {
    /// One node; None: it is not there.
    Node(Option<Symbol>),
    Everywhere,
    /// With the node selector as it was written, for allocations.
    Selected(Vec<Term>, Value),
}

impl Place {
    fn parse(spec: &Value, symbols: &Interner) -> Place {
        match spec["nodeName"].as_str().unwrap_or_default() {
            "" if spec["allNodes"].as_bool().unwrap_or(false) => Place::Everywhere,
            "" => Place::Selected(terms(&spec["nodeSelector"], symbols), spec["nodeSelector"].clone()),
            name => Place::Node(symbols.find(name)),
        }
    }

    fn admits(&self, node: &NodeFacts) -> bool {
        match self {
            Place::Node(name) => *name == Some(node.name),
            Place::Everywhere => true,
            Place::Selected(terms, _) => terms.iter().any(|term| term.matches(node)),
        }
    }
}

/// The terms of a node selector; none when it cannot be read.
pub fn terms(selector: &Value, symbols: &Interner) -> Vec<Term> {
    let read = NodeSelector::deserialize(selector).unwrap_or_default();
    read.node_selector_terms.iter().flatten().map(|term| Term::find(term, symbols)).collect()
}

#[derive(Debug)]
pub struct Device {
    pub id: DeviceId,
    pub place: Place,
    /// By domain, then by name; a domain left out is the driver's.
    pub attributes: Arc<Map>,
    /// What a selector sees as `device`.
    pub variable: CelValue,
    /// The field by which it asks for more than is done here; "" for none.
    pub unsupported: &'static str,
}

/// Devices that share counters, are given out in parts, or are bound in steps.
const UNSUPPORTED: [&str; 3] = ["consumesCounters", "allowMultipleAllocations", "bindingConditions"];

impl Device {
    fn parse(entry: &Value, pool: &Pool, place: Place) -> Device {
        let attributes = domains(&entry["attributes"], &pool.driver, attribute);
        let capacity = domains(&entry["capacity"], &pool.driver, |entry| {
            CelValue::Quantity(Arc::new(quantity(&entry["value"])))
        });
        let variable = BTreeMap::from([
            ("driver".to_owned(), CelValue::Text(pool.driver.clone())),
            ("attributes".to_owned(), CelValue::Map(attributes.clone())),
            ("capacity".to_owned(), CelValue::Map(capacity)),
            ("allowMultipleAllocations".to_owned(), CelValue::Bool(false)),
        ]);
        let name = entry["name"].as_str().unwrap_or_default();
        let id = DeviceId { driver: pool.driver.clone(), pool: pool.name.clone(), device: Arc::from(name) };
        let unsupported = UNSUPPORTED.into_iter().find(|field| is_set(&entry[*field])).unwrap_or_default();
        Device { id, place, attributes, variable: CelValue::map(variable), unsupported }
    }
}

/// Neither absent nor empty nor false.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_on) => *is_on,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn domains(given: &Value, driver: &str, read: impl Fn(&Value) -> CelValue) -> Arc<Map> {
    let mut found: BTreeMap<String, BTreeMap<String, CelValue>> = BTreeMap::new();
    for (name, entry) in given.as_object().into_iter().flatten() {
        let (domain, last) = name.rsplit_once('/').unwrap_or((driver, name));
        let domain = if domain.is_empty() { driver } else { domain };
        found.entry(domain.to_owned()).or_default().insert(last.to_owned(), read(entry));
    }
    let entries = found.into_iter().map(|(domain, map)| (domain, CelValue::map(map))).collect();
    Arc::new(Map { entries, is_of_domains: true })
}

fn attribute(entry: &Value) -> CelValue {
    if let Some(value) = entry["bool"].as_bool() {
        return CelValue::Bool(value);
    }
    if let Some(number) = entry["int"].as_i64() {
        return CelValue::Int(number);
    }
    if let Some(text) = entry["string"].as_str() {
        return CelValue::text(text);
    }
    let version = SemanticVersion::parse(entry["version"].as_str().unwrap_or_default());
    version.map_or(CelValue::Null, |version| CelValue::Version(Arc::new(version)))
}

/// Zero when it cannot be read.
fn quantity(value: &Value) -> Quantity {
    let parsed = match value {
        Value::String(text) => Quantity::parse(text),
        other => Quantity::parse(&other.to_string()),
    };
    parsed.unwrap_or_else(|_| Quantity::parse("0").expect("zero is a quantity"))
}

#[derive(Debug)]
struct Slice {
    object: Arc<Value>,
    place: Place,
    is_per_device: bool,
}

#[derive(Debug)]
pub struct Pool {
    pub driver: Arc<str>,
    pub name: Arc<str>,
    generation: i64,
    slices: Vec<Slice>,
    slice_count: i64,
}

impl Pool {
    pub fn is_complete(&self) -> bool {
        self.slices.len() as i64 == self.slice_count
    }

    /// Whether any of the pool's slices is for the node, or says so device by device.
    fn reaches(&self, node: &NodeFacts) -> bool {
        self.slices.iter().any(|slice| slice.is_per_device || slice.place.admits(node))
    }

    /// Those of the pool's devices that the node can reach.
    pub fn devices(&self, node: &NodeFacts, symbols: &Interner) -> Vec<Arc<Device>> {
        let mut found = Vec::new();
        for slice in &self.slices {
            if !slice.is_per_device && !slice.place.admits(node) {
                continue;
            }
            for entry in slice.object["spec"]["devices"].as_array().into_iter().flatten() {
                let place =
                    if slice.is_per_device { Place::parse(entry, symbols) } else { slice.place.clone() };
                if place.admits(node) {
                    found.push(Arc::new(Device::parse(entry, self, place)));
                }
            }
        }
        found
    }

    /// The node that all slices are of.
    fn only_node(&self) -> Option<Symbol> {
        let mut nodes = self.slices.iter().map(|slice| match slice.place {
            Place::Node(name) if !slice.is_per_device => name,
            _ => None,
        });
        let first = nodes.next()??;
        nodes.all(|node| node == Some(first)).then_some(first)
    }
}

/// Every pool in its newest generation, by driver and name.
#[derive(Debug)]
pub struct Inventory {
    pools: Vec<Pool>,
    by_node: FxHashMap<Symbol, Vec<usize>>,
    /// Pools that are not of one node alone.
    shared: Vec<usize>,
}

impl Inventory {
    pub fn of(objects: &Objects, symbols: &Interner) -> Inventory {
        let mut found: BTreeMap<(&str, &str), Pool> = BTreeMap::new();
        for (_, object) in objects.all("ResourceSlice") {
            let spec = &object["spec"];
            let driver = spec["driver"].as_str().unwrap_or_default();
            let name = spec["pool"]["name"].as_str().unwrap_or_default();
            let generation = spec["pool"]["generation"].as_i64().unwrap_or(0);
            let new = || Pool {
                driver: Arc::from(driver),
                name: Arc::from(name),
                generation,
                slices: Vec::new(),
                slice_count: 0,
            };
            let pool = found.entry((driver, name)).or_insert_with(new);
            if pool.generation < generation {
                *pool = new();
            }
            if pool.generation == generation {
                pool.slices.push(Slice {
                    object: object.clone(),
                    place: Place::parse(spec, symbols),
                    is_per_device: spec["perDeviceNodeSelection"].as_bool().unwrap_or(false),
                });
                pool.slice_count = spec["pool"]["resourceSliceCount"].as_i64().unwrap_or(0);
            }
        }
        let pools: Vec<Pool> = found.into_values().collect();
        let (mut by_node, mut shared) = (FxHashMap::<Symbol, Vec<usize>>::default(), Vec::new());
        for (i, pool) in pools.iter().enumerate() {
            match pool.only_node() {
                Some(node) => by_node.entry(node).or_default().push(i),
                None => shared.push(i),
            }
        }
        Inventory { pools, by_node, shared }
    }

    /// The pools that the node can reach, in order.
    pub fn pools(&self, node: &NodeFacts) -> Vec<&Pool> {
        let own = self.by_node.get(&node.name).into_iter().flatten();
        let shared = self.shared.iter().filter(|i| self.pools[**i].reaches(node));
        let mut found: Vec<usize> = own.chain(shared).copied().collect();
        found.sort_unstable();
        found.into_iter().map(|i| &self.pools[i]).collect()
    }
}
