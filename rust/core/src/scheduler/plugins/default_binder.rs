//! DefaultBinder: the Binding object that puts a pod on its node.

use crate::scheduler::pod::PodInfo;
use serde_json::json;

/// The body for POST …/pods/NAME/binding.
pub fn binding(pod: &PodInfo, node_name: &str) -> Vec<u8> {
    let body = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": &*pod.name, "namespace": &*pod.namespace, "uid": &*pod.uid},
        "target": {"kind": "Node", "name": node_name},
    });
    body.to_string().into_bytes()
}
