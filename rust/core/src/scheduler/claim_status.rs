//! What an allocation says in a ResourceClaim's status: the devices, their configuration, where they can be used.
//!
//! Not here: reserving the claim for pods (see `plugins::dynamic_resources`).

use super::device_allocation::{Allocation, Chosen};
use super::device_requests::{is_among, texts};
use super::devices::Place;
use serde_json::{json, Map, Value};

/// The claim's status.allocation.
pub fn allocation_status(allocation: &Allocation, node_name: &str) -> Value {
    let results: Vec<Value> = allocation.chosen.iter().map(|each| result(allocation, each)).collect();
    let mut devices = json!({ "results": results });
    let config = config_of(allocation);
    if !config.is_empty() {
        devices["config"] = Value::Array(config);
    }
    let mut status = json!({ "devices": devices });
    if let Some(selector) = selector_of(allocation, node_name) {
        status["nodeSelector"] = selector;
    }
    status
}

fn result(allocation: &Allocation, chosen: &Chosen) -> Value {
    let (alternative, device) = (allocation.alternative(chosen), &chosen.device.id);
    let mut result = json!({
        "request": alternative.name,
        "driver": &*device.driver,
        "pool": &*device.pool,
        "device": &*device.device,
    });
    if alternative.is_admin {
        result["adminAccess"] = Value::Bool(true);
    }
    result
}

/// Of the classes, for their requests, then of the claim, as far as it is about what was chosen.
fn config_of(allocation: &Allocation) -> Vec<Value> {
    let mut found = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for chosen in &allocation.chosen {
        let alternative = allocation.alternative(chosen);
        if names.contains(&alternative.name.as_str()) {
            continue;
        }
        names.push(&alternative.name);
        for entry in &alternative.config {
            found.push(joined(json!({ "source": "FromClass", "requests": [alternative.name] }), entry));
        }
    }
    for entry in &allocation.requests.config {
        let about = texts(&entry["requests"]);
        if about.is_empty() || names.iter().any(|name| is_among(&about, name)) {
            found.push(joined(json!({ "source": "FromClaim" }), entry));
        }
    }
    found
}

/// The first with the fields of the second.
fn joined(mut first: Value, second: &Value) -> Value {
    let nothing = Map::new();
    let fields = first.as_object_mut().expect("callers build objects");
    for (key, value) in second.as_object().unwrap_or(&nothing) {
        fields.insert(key.clone(), value.clone());
    }
    first
}

/// Where the devices can be used: on this node when one is of this node, else where all are; None: anywhere.
fn selector_of(allocation: &Allocation, node_name: &str) -> Option<Value> {
    let mut expressions: Vec<&Value> = Vec::new();
    for chosen in &allocation.chosen {
        match &chosen.device.place {
            Place::Node(_) => {
                let field = json!({ "key": "metadata.name", "operator": "In", "values": [node_name] });
                return Some(json!({ "nodeSelectorTerms": [{ "matchFields": [field] }] }));
            }
            Place::Everywhere => {}
            Place::Selected(_, selector) => {
                // Selectors of slices have one term, so those of several are joined by putting their parts together.
                let parts = &selector["nodeSelectorTerms"][0]["matchExpressions"];
                for part in parts.as_array().into_iter().flatten() {
                    if !expressions.contains(&part) {
                        expressions.push(part);
                    }
                }
            }
        }
    }
    (!expressions.is_empty()).then(|| json!({ "nodeSelectorTerms": [{ "matchExpressions": expressions }] }))
}
