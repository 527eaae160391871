//! PersistentVolumes, and which of them fits a claim on a node.
//!
//! Invariant: a volume that names a claim serves that claim alone; among the others the smallest that is large enough
//! wins, of equal ones the first by name.
//! Not here: volumes that do not exist yet (see `volume_provisioning`).

use super::claims::{bytes, class_name, text, texts, volume_mode, Claim};
use super::interner::Interner;
use super::manifest::NodeSelectorTerm;
use super::node::NodeFacts;
use super::node_selector::Term;
use super::objects::Objects;
use crate::selector::Selection;
use serde::Deserialize;
use serde_json::{json, Value};
use std::sync::Arc;

const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

#[derive(Clone, Debug)]
pub struct Volume {
    pub name: String,
    pub class_name: String,
    pub capacity_bytes: i64,
    pub access_modes: Vec<String>,
    pub volume_mode: String,
    pub attributes_class: String,
    /// Made or promised for a claim.
    pub is_promised: bool,
    pub is_available: bool,
    pub is_deleted: bool,
    /// Where it can be reached; None from everywhere.
    pub terms: Option<Vec<Term>>,
    pub object: Arc<Value>,
}

impl Volume {
    pub fn parse(object: &Arc<Value>, symbols: &Interner) -> Volume {
        let (meta, spec) = (&object["metadata"], &object["spec"]);
        Volume {
            name: text(&meta["name"]).to_owned(),
            class_name: class_name(object).to_owned(),
            capacity_bytes: bytes(&spec["capacity"]["storage"]).unwrap_or(0),
            access_modes: texts(&spec["accessModes"]),
            volume_mode: volume_mode(spec).to_owned(),
            attributes_class: text(&spec["volumeAttributesClassName"]).to_owned(),
            is_promised: !spec["claimRef"].is_null(),
            is_available: text(&object["status"]["phase"]) == "Available",
            is_deleted: !meta["deletionTimestamp"].is_null(),
            terms: terms(&spec["nodeAffinity"]["required"], symbols),
            object: object.clone(),
        }
    }

    pub fn is_reachable_from(&self, node: &NodeFacts) -> bool {
        self.terms.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
    }

    pub fn is_for(&self, claim: &Claim) -> bool {
        is_promised_to(&self.object, claim)
    }

    /// What holds on every node, and for a volume meant for the claim too.
    fn could_serve(&self, claim: &Claim) -> bool {
        (!self.is_promised || self.is_for(claim))
            && self.capacity_bytes >= claim.requested_bytes.unwrap_or(0)
            && self.volume_mode == claim.volume_mode
            && self.attributes_class == claim.attributes_class
            && !self.is_deleted
    }

    /// What a volume that is meant for nobody must fulfil besides.
    fn is_free_for(&self, claim: &Claim) -> bool {
        let labels = &self.object["metadata"]["labels"];
        let matches = |s: &Selection| s.matches(|key| labels[key].as_str(), |_| "");
        self.is_available
            && claim.selector.as_ref().is_none_or(matches)
            && self.class_name == claim.class_name
            && claim.access_modes.iter().all(|mode| self.access_modes.contains(mode))
    }

    /// The merge patch that promises the volume to the claim.
    pub fn bound_to(&self, claim: &Claim) -> Value {
        let mut reference = json!({
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace,
            "name": claim.name,
            "uid": claim.uid,
            "apiVersion": "v1",
        });
        let version = &claim.object["metadata"]["resourceVersion"];
        if !text(version).is_empty() {
            reference["resourceVersion"] = version.clone();
        }
        if self.is_promised {
            // Promised by its maker: that it was not we who chose it must stay visible.
            return json!({"spec": {"claimRef": reference}});
        }
        json!({"metadata": {"annotations": {BOUND_BY_CONTROLLER: "yes"}}, "spec": {"claimRef": reference}})
    }
}

/// Whether the volume names the claim; without a uid it means any claim of that name.
fn is_promised_to(volume: &Value, claim: &Claim) -> bool {
    let reference = &volume["spec"]["claimRef"];
    let uid = text(&reference["uid"]);
    text(&reference["name"]) == claim.name
        && text(&reference["namespace"]) == claim.namespace
        && (uid.is_empty() || uid == claim.uid)
}

fn terms(required: &Value, symbols: &Interner) -> Option<Vec<Term>> {
    let listed = required["nodeSelectorTerms"].as_array().into_iter().flatten();
    // A term that cannot be read matches nothing, as an empty one does.
    let parse = |term: &Value| Term::find(&NodeSelectorTerm::deserialize(term).unwrap_or_default(), symbols);
    (!required.is_null()).then(|| listed.map(parse).collect())
}

/// The volumes that one of the claims may get somewhere, by name.
pub fn volumes_for(claims: &[Claim], objects: &Objects, symbols: &Interner) -> Vec<Volume> {
    let mut found = Vec::new();
    for (_, object) in objects.all("PersistentVolume") {
        let (class, is_free) = (class_name(object), object["spec"]["claimRef"].is_null());
        let is_candidate =
            |claim: &Claim| claim.class_name == class && (is_free || is_promised_to(object, claim));
        if claims.iter().any(is_candidate) {
            found.push(Volume::parse(object, symbols));
        }
    }
    found
}

/// The volume that the claim would get on the node, of those not `taken`.
pub fn find_volume<'a>(
    claim: &Claim,
    volumes: &'a [Volume],
    node: &NodeFacts,
    taken: &[(&Claim, &Volume)],
) -> Option<&'a Volume> {
    let mut best: Option<&Volume> = None;
    for volume in volumes {
        let is_taken = taken.iter().any(|(_, other)| other.name == volume.name);
        if is_taken || volume.class_name != claim.class_name || !volume.could_serve(claim) {
            continue;
        }
        if volume.is_for(claim) {
            return volume.is_reachable_from(node).then_some(volume);
        }
        let is_better = best.is_none_or(|best| volume.capacity_bytes < best.capacity_bytes);
        if is_better && volume.is_free_for(claim) && volume.is_reachable_from(node) {
            best = Some(volume);
        }
    }
    best
}
