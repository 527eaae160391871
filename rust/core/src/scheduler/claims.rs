//! PersistentVolumeClaims and StorageClasses, as the volume plugins read them.
//!
//! Invariant: the old beta annotation for a storage class wins over the field, in claims as in volumes.
//! Not here: which volume a claim gets (see `volume_matching`), which claims a pod names (see `volumes`).

use super::event::ClusterEvent;
use super::objects::{key_of, Objects};
use super::pod::PodInfo;
use super::quantity;
use super::volumes::ClaimReference;
use crate::selector::{Selection, SelectorError};
use serde_json::Value;
use std::sync::Arc;

pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
pub const WAIT_FOR_FIRST_CONSUMER: &str = "WaitForFirstConsumer";
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";

#[derive(Clone, Debug)]
pub struct Claim {
    pub key: String,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub class_name: String,
    pub volume_name: String,
    /// Named its volume, and the volume's controller has completed the binding.
    pub is_bound: bool,
    pub is_lost: bool,
    pub is_deleted: bool,
    /// Where its volume is being provisioned.
    pub selected_node: Option<String>,
    pub requested_bytes: Option<i64>,
    pub access_modes: Vec<String>,
    pub volume_mode: String,
    pub attributes_class: String,
    pub selector: Option<Selection>,
    pub object: Arc<Value>,
}

impl Claim {
    pub fn parse(object: &Arc<Value>) -> Result<Claim, SelectorError> {
        let (meta, spec) = (&object["metadata"], &object["spec"]);
        let annotations = &meta["annotations"];
        let volume_name = volume_name(object).to_owned();
        Ok(Claim {
            key: key_of(object),
            name: text(&meta["name"]).to_owned(),
            namespace: text(&meta["namespace"]).to_owned(),
            uid: text(&meta["uid"]).to_owned(),
            class_name: class_name(object).to_owned(),
            is_bound: !volume_name.is_empty() && annotations.get(BIND_COMPLETED).is_some(),
            volume_name,
            is_lost: text(&object["status"]["phase"]) == "Lost",
            is_deleted: !meta["deletionTimestamp"].is_null(),
            selected_node: annotations[SELECTED_NODE].as_str().map(str::to_owned),
            requested_bytes: bytes(&spec["resources"]["requests"]["storage"]),
            access_modes: texts(&spec["accessModes"]),
            volume_mode: volume_mode(spec).to_owned(),
            attributes_class: text(&spec["volumeAttributesClassName"]).to_owned(),
            selector: selection(&spec["selector"])?,
            object: object.clone(),
        })
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|v| text(v).to_owned()).collect()
}

/// A quantity, written as a text or a bare number; None when there is none.
pub fn bytes(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => quantity::value(text),
        Value::Number(number) => quantity::value(&number.to_string()),
        _ => None,
    }
}

pub fn volume_mode(spec: &Value) -> &str {
    spec["volumeMode"].as_str().filter(|mode| !mode.is_empty()).unwrap_or("Filesystem")
}

/// A label selector written in an object; None when it is absent.
pub fn selection(selector: &Value) -> Result<Option<Selection>, SelectorError> {
    match selector {
        Value::Null => Ok(None),
        written => Selection::from_label_selector(written.to_string().as_bytes()).map(Some),
    }
}

/// Whether the pod controls the claim, as the claims of its ephemeral volumes must be.
pub fn is_made_for(claim: &Value, pod: &PodInfo) -> bool {
    let mut owners = claim["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let controller = owners.find(|owner| owner["controller"].as_bool() == Some(true));
    controller.map_or("", |owner| text(&owner["uid"])) == &*pod.uid
}

/// The storage class of a claim or a volume, "" when there is none.
pub fn class_name(object: &Value) -> &str {
    match text(&object["metadata"]["annotations"][BETA_CLASS]) {
        "" => text(&object["spec"]["storageClassName"]),
        beta => beta,
    }
}

/// When claims of the class are bound: "" when its object does not say, None when there is no such class.
pub fn binding_mode<'a>(objects: &'a Objects, name: &str) -> Option<&'a str> {
    objects.get("StorageClass", name).map(|class| text(&class["volumeBindingMode"]))
}

pub fn claim_of<'a>(
    pod: &PodInfo,
    reference: &ClaimReference,
    objects: &'a Objects,
) -> Option<&'a Arc<Value>> {
    objects.get("PersistentVolumeClaim", &key_in(&pod.namespace, &reference.name))
}

/// A claim's key.
pub fn key_in(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

pub fn volume_name(claim: &Value) -> &str {
    text(&claim["spec"]["volumeName"])
}

/// Why an ephemeral volume of the pod cannot use the claim.
pub fn foreign_message(reference: &ClaimReference, pod: &PodInfo) -> String {
    let (namespace, name, claim) = (&pod.namespace, &pod.name, &reference.name);
    format!("PVC {namespace}/{claim} was not created for pod {namespace}/{name} (pod is not owner)")
}

pub fn not_found(resource: &str, name: &str) -> String {
    format!("{resource} \"{name}\" not found")
}

/// Whether the event is about a claim that is there and that the pod names; made for it or not, if `with_ephemeral`.
pub fn is_own_claim(pod: &PodInfo, event: &ClusterEvent, with_ephemeral: bool) -> bool {
    let ClusterEvent::ObjectChanged { kind: "PersistentVolumeClaim", new: Some(new), .. } = event else {
        return false;
    };
    let meta = &new["metadata"];
    let mut claims = pod.shape.volumes.claims.iter();
    text(&meta["namespace"]) == &*pod.namespace
        && claims.any(|c| *c.name == *text(&meta["name"]) && (with_ephemeral || !c.is_ephemeral))
}
