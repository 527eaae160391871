//! Volumes that a driver would make: whether a class can provide one for a node, and whether there is room for it.
//!
//! Invariant: a driver that does not publish its capacity is believed to have enough.
//! Not here: asking the driver for the volume (the claim's selected-node annotation does, see `VolumeBinding`).

use super::claims::{bytes, selection, text, Claim};
use super::interner::Interner;
use super::node::NodeFacts;
use super::objects::Objects;
use crate::selector::Selection;
use serde_json::Value;

const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// What a driver has published for a class and a part of the cluster.
#[derive(Clone, Debug)]
pub struct Capacity {
    class_name: String,
    /// The largest volume there is room for; None when it does not say.
    limit_bytes: Option<i64>,
    /// None: no node.
    nodes: Option<Selection>,
}

impl Capacity {
    fn parse(object: &Value) -> Capacity {
        Capacity {
            class_name: text(&object["storageClassName"]).to_owned(),
            limit_bytes: volume_limit(object),
            nodes: selection(&object["nodeTopology"]).ok().flatten(),
        }
    }

    fn has_room(&self, class_name: &str, size_bytes: i64, node: &NodeFacts, symbols: &Interner) -> bool {
        let label = |key: &str| label(node, key, symbols);
        self.class_name == class_name
            && self.limit_bytes.is_some_and(|limit| limit >= size_bytes)
            && self.nodes.as_ref().is_some_and(|nodes| nodes.matches(label, |_| ""))
    }
}

/// A node's label, by the text of its key.
fn label<'a>(node: &NodeFacts, key: &str, symbols: &'a Interner) -> Option<&'a str> {
    symbols.find(key).and_then(|key| node.label(key)).map(|label| symbols.text(label.value))
}

/// In bytes, of a CSIStorageCapacity: the largest volume when it says so, else all there is.
pub fn volume_limit(capacity: &Value) -> Option<i64> {
    let written = ["maximumVolumeSize", "capacity"].map(|key| &capacity[key]);
    written.into_iter().find(|value| !value.is_null()).and_then(bytes)
}

pub fn capacities(objects: &Objects) -> Vec<Capacity> {
    objects.all("CSIStorageCapacity").map(|(_, object)| Capacity::parse(object)).collect()
}

pub fn can_provision(storage_class: &Value, node: &NodeFacts, symbols: &Interner) -> bool {
    let provisioner = text(&storage_class["provisioner"]);
    !provisioner.is_empty()
        && provisioner != NO_PROVISIONER
        && is_allowed(&storage_class["allowedTopologies"], node, symbols)
}

/// No terms allow every node, an empty term none.
fn is_allowed(topologies: &Value, node: &NodeFacts, symbols: &Interner) -> bool {
    let terms = topologies.as_array().map(Vec::as_slice).unwrap_or_default();
    let holds = |expression: &Value| {
        let values = expression["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        let value = label(node, text(&expression["key"]), symbols);
        value.is_some_and(|value| values.iter().any(|allowed| allowed.as_str() == Some(value)))
    };
    let admits = |term: &Value| {
        let expressions = term["matchLabelExpressions"].as_array().map(Vec::as_slice).unwrap_or_default();
        !expressions.is_empty() && expressions.iter().all(holds)
    };
    terms.is_empty() || terms.iter().any(admits)
}

pub fn has_room(
    claim: &Claim,
    storage_class: &Value,
    node: &NodeFacts,
    (objects, symbols): (&Objects, &Interner),
    published: &[Capacity],
) -> bool {
    let driver = objects.get("CSIDriver", text(&storage_class["provisioner"]));
    let is_limited = driver.is_some_and(|d| d["spec"]["storageCapacity"].as_bool() == Some(true));
    match claim.requested_bytes {
        Some(size_bytes) if is_limited => {
            published.iter().any(|c| c.has_room(&claim.class_name, size_bytes, node, symbols))
        }
        _ => true,
    }
}
