//! VolumeBinding: a node must reach the pod's bound volumes, and offer or get volumes for its unbound claims.
//!
//! Invariant: what `filter` found for a node is what `reserve` takes there; both look at the same lists, made by
//! `pre_filter`.
//! Not here: waiting until the claims are bound (see `pyk8s.scheduler`); translation of the zone labels of in-tree
//! volumes to those of their CSI drivers.

use super::node_volume_limits::MIGRATED_PLUGINS;
use crate::scheduler::cache::Slot;
use crate::scheduler::claims::{
    binding_mode, claim_of, foreign_message, is_made_for, is_own_claim, key_in, not_found, text, Claim,
    SELECTED_NODE, WAIT_FOR_FIRST_CONSUMER,
};
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    state_of, Code, CycleState, Plugin, PreFilter, PreScore, Reach, Reason, Rejection, World,
};
use crate::scheduler::interner::Interner;
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::objects::Objects;
use crate::scheduler::pod::PodInfo;
use crate::scheduler::volume_matching::{find_volume, volumes_for, Volume};
use crate::scheduler::volume_provisioning::{can_provision, capacities, has_room, volume_limit, Capacity};
use crate::scheduler::volumes::ClaimReference;
use serde_json::{json, Value};
use std::sync::Arc;

const REASON_AFFINITY: &str = "node(s) didn't match PersistentVolume's node affinity";
const REASON_NO_VOLUME: &str = "node(s) didn't find available persistent volumes to bind";
const REASON_NO_ROOM: &str = "node(s) did not have enough free storage";
const REASON_NO_SUCH_VOLUME: &str =
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
const UNBOUND_IMMEDIATE: &str = "pod has unbound immediate PersistentVolumeClaims";
const PRE_FILTER_FAILED: &str = "running PreFilter plugin \"VolumeBinding\": ";
const FILTER_FAILED: &str = "running \"VolumeBinding\" filter plugin: ";

pub struct VolumeBinding;

/// The pod's claims and what there is for them.
struct Claims {
    /// The volumes of claims that have one; None: it does not exist.
    bound: Vec<Option<Volume>>,
    /// Those that wait for the pod.
    unbound: Vec<Claim>,
    /// Of the classes of the unbound claims.
    volumes: Vec<Volume>,
    published: Vec<Capacity>,
}

/// Nothing in it depends on pods, so what-if questions share it.
type Shared = Arc<Claims>;

/// What a node has for the unbound claims, or why not.
#[derive(Default)]
struct Found<'a> {
    bindings: Vec<(&'a Claim, &'a Volume)>,
    provisions: Vec<&'a Claim>,
    reasons: Vec<&'static str>,
}

impl Found<'_> {
    /// Reasons are told in a fixed order: that of a volume that is not there comes last.
    fn add(&mut self, reason: &'static str) {
        let is_last = self.reasons.last() == Some(&REASON_NO_SUCH_VOLUME);
        self.reasons.insert(self.reasons.len() - usize::from(is_last), reason);
    }
}

/// Why the pod cannot use the claim on any node.
fn claim_problem(pod: &PodInfo, reference: &ClaimReference, claim: Option<&Claim>) -> Option<String> {
    let Some(claim) = claim else {
        let name = &reference.name;
        let missing = not_found("persistentvolumeclaim", name);
        let waiting = "waiting for ephemeral volume controller to create the persistentvolumeclaim";
        return Some(if reference.is_ephemeral { format!("{waiting} \"{name}\"") } else { missing });
    };
    let (name, volume) = (&claim.name, &claim.volume_name);
    if claim.is_lost {
        return Some(format!(
            "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
        ));
    }
    if claim.is_deleted {
        return Some(format!("persistentvolumeclaim \"{name}\" is being deleted"));
    }
    let is_foreign = reference.is_ephemeral && !is_made_for(&claim.object, pod);
    is_foreign.then(|| foreign_message(reference, pod))
}

/// What the node has for the pod's claims. An error is a text about the objects themselves: the attempt fails.
fn find<'a>(
    claims: &'a Claims,
    node: &NodeFacts,
    objects: &Objects,
    symbols: &Interner,
) -> Result<Found<'a>, String> {
    let mut found = Found::default();
    for volume in &claims.bound {
        match volume {
            Some(volume) if volume.is_reachable_from(node) => continue,
            Some(_) => found.add(REASON_AFFINITY),
            None => found.add(REASON_NO_SUCH_VOLUME),
        }
        break;
    }
    let mut matching = Vec::new();
    for claim in &claims.unbound {
        match &claim.selected_node {
            None => matching.push(claim),
            Some(_) => found.provisions.push(claim),
        }
    }
    let here = symbols.text(node.name);
    if found.provisions.iter().any(|claim| claim.selected_node.as_deref() != Some(here)) {
        found.add(REASON_NO_VOLUME);
        return Ok(found);
    }
    matching.sort_by_key(|claim| claim.requested_bytes.unwrap_or(0));
    for claim in matching {
        match find_volume(claim, &claims.volumes, node, &found.bindings) {
            Some(volume) => found.bindings.push((claim, volume)),
            None => found.provisions.push(claim),
        }
    }
    for place in 0..found.provisions.len() {
        let claim = found.provisions[place];
        if let Some(reason) = provision_problem(claim, node, (objects, symbols), &claims.published)? {
            found.add(reason);
            break;
        }
    }
    Ok(found)
}

fn provision_problem(
    claim: &Claim,
    node: &NodeFacts,
    (objects, symbols): (&Objects, &Interner),
    published: &[Capacity],
) -> Result<Option<&'static str>, String> {
    if claim.class_name.is_empty() {
        return Err(format!("no class for claim \"{}\"", claim.key));
    }
    let class = objects.get("StorageClass", &claim.class_name);
    let class = class.ok_or_else(|| format!("failed to find storage class \"{}\"", claim.class_name))?;
    if !can_provision(class, node, symbols) {
        return Ok(Some(REASON_NO_VOLUME));
    }
    let is_room = has_room(claim, class, node, (objects, symbols), published);
    Ok((!is_room).then_some(REASON_NO_ROOM))
}

fn sort_out(claims: Vec<Claim>, world: &World) -> PreFilter {
    let objects = world.objects;
    let volume = |claim: &Claim| objects.get("PersistentVolume", &claim.volume_name);
    let parsed = |claim: &Claim| volume(claim).map(|object| Volume::parse(object, world.symbols));
    let (bound, unbound): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(|claim| claim.is_bound);
    let modes: Vec<Option<&str>> = unbound.iter().map(|c| binding_mode(objects, &c.class_name)).collect();
    if let Some(place) = modes.iter().position(|mode| *mode == Some("")) {
        let name = &unbound[place].class_name;
        let message = format!("{PRE_FILTER_FAILED}VolumeBindingMode not set for StorageClass \"{name}\"");
        return PreFilter::Refuse(Code::Error, message);
    }
    // A claim that names its volume but is not bound yet is the volume controller's, whatever its class says.
    let mut each = unbound.iter().zip(&modes);
    if each.any(|(claim, mode)| *mode != Some(WAIT_FOR_FIRST_CONSUMER) || !claim.volume_name.is_empty()) {
        return PreFilter::Refuse(Code::UnschedulableAndUnresolvable, UNBOUND_IMMEDIATE.into());
    }
    let is_any = !unbound.is_empty();
    let shared: Shared = Arc::new(Claims {
        bound: bound.iter().map(parsed).collect(),
        volumes: if is_any { volumes_for(&unbound, objects, world.symbols) } else { Vec::new() },
        published: if is_any { capacities(objects) } else { Vec::new() },
        unbound,
    });
    PreFilter::Run(Some(Box::new(shared)))
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &str {
        "VolumeBinding"
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        if pod.shape.volumes.claims.is_empty() {
            return PreFilter::Skip;
        }
        let mut claims = Vec::new();
        for reference in &pod.shape.volumes.claims {
            let claim = match claim_of(pod, reference, world.objects).map(Claim::parse).transpose() {
                Ok(claim) => claim,
                Err(error) => {
                    let message = format!(
                        "{PRE_FILTER_FAILED}error creating internal label selector for claim: {error}"
                    );
                    return PreFilter::Refuse(Code::Error, message);
                }
            };
            if let Some(problem) = claim_problem(pod, reference, claim.as_ref()) {
                return PreFilter::Refuse(Code::UnschedulableAndUnresolvable, problem);
            }
            claims.extend(claim);
        }
        sort_out(claims, world)
    }

    fn filter(
        &self,
        _pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let claims = state_of::<Shared>(state).expect("pre_filter made one");
        match find(claims, &node.facts, world.objects, world.symbols) {
            Ok(found) if found.reasons.is_empty() => true,
            Ok(found) => {
                rejection.code = Code::UnschedulableAndUnresolvable;
                rejection.reasons.extend(found.reasons.into_iter().map(Reason::Text));
                false
            }
            Err(trouble) => {
                rejection.code = Code::Error;
                rejection.reasons.push(Reason::Told(format!("{FILTER_FAILED}{trouble}").into()));
                false
            }
        }
    }

    /// Scoring by capacity (gate StorageCapacityScoring) is off by default in v1.36, and not here.
    fn pre_score(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
    ) -> PreScore {
        PreScore::Skip
    }

    fn reserve(
        &self,
        _pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        objects: &mut Objects,
        symbols: &Interner,
    ) -> Result<Vec<Value>, (Code, String)> {
        let Some(claims) = state_of::<Shared>(state).filter(|claims| !claims.unbound.is_empty()) else {
            return Ok(Vec::new());
        };
        let found = find(claims, &node.facts, objects, symbols).map_err(|trouble| (Code::Error, trouble))?;
        let selected = json!({"metadata": {"annotations": {SELECTED_NODE: symbols.text(node.facts.name)}}});
        let bindings = found.bindings.iter();
        let bindings = bindings.map(|(claim, v)| ("PersistentVolume", &v.object, v.bound_to(claim)));
        let provisions = found.provisions.iter();
        let provisions = provisions.map(|claim| ("PersistentVolumeClaim", &claim.object, selected.clone()));
        let mut writes = Vec::new();
        for (kind, object, patch) in bindings.chain(provisions) {
            let mut assumed = Value::clone(object);
            apply(&mut assumed, &patch);
            objects.assume(kind, Arc::new(assumed));
            writes.push(write(kind, object, patch));
        }
        Ok(writes)
    }

    fn unreserve(&self, pod: &PodInfo, objects: &mut Objects) {
        let claims = pod.shape.volumes.claims.iter();
        let keys: Vec<String> = claims.map(|claim| key_in(&pod.namespace, &claim.name)).collect();
        if keys.is_empty() {
            return;
        }
        for key in &keys {
            objects.give_up("PersistentVolumeClaim", key);
        }
        let is_promised = |volume: &Value| {
            let reference = &volume["spec"]["claimRef"];
            keys.contains(&key_in(text(&reference["namespace"]), text(&reference["name"])))
        };
        let all = objects.all("PersistentVolume").filter(|(_, volume)| is_promised(volume));
        let names: Vec<String> = all.map(|(name, _)| name.to_owned()).collect();
        for name in names {
            objects.give_up("PersistentVolume", &name);
        }
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        if pod.shape.volumes.claims.is_empty() {
            Reach::Nothing
        } else {
            Reach::World
        }
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::NodeUpdated { old, node } => old.labels != node.labels,
            ClusterEvent::ObjectChanged { kind: "PersistentVolumeClaim", .. } => {
                is_own_claim(pod, event, true)
            }
            ClusterEvent::ObjectChanged { kind, old, new: Some(new) } => may_help(kind, *old, new),
            _ => false,
        }
    }
}

/// Whether a change of an object that is not a claim may give a pod its volumes.
fn may_help(kind: &str, old: Option<&Value>, new: &Value) -> bool {
    let is_limited = |driver: &Value| driver["spec"]["storageCapacity"].as_bool() == Some(true);
    let migrations = |node: &Value| text(&node["metadata"]["annotations"][MIGRATED_PLUGINS]).to_owned();
    match (kind, old) {
        ("PersistentVolume", _) | ("StorageClass" | "CSINode" | "CSIStorageCapacity", None) => true,
        ("StorageClass", Some(old)) => old["allowedTopologies"] != new["allowedTopologies"],
        ("CSINode", Some(old)) => migrations(old) != migrations(new),
        ("CSIDriver", Some(old)) => is_limited(old) && !is_limited(new),
        ("CSIStorageCapacity", Some(old)) => {
            let before = volume_limit(old);
            volume_limit(new).is_some_and(|limit| before.is_none_or(|before| limit > before))
        }
        _ => false,
    }
}

/// The patch only applies to the object as it was seen: a claim or volume that someone else took is left alone.
fn write(kind: &str, object: &Value, mut patch: Value) -> Value {
    let meta = &object["metadata"];
    if !text(&meta["resourceVersion"]).is_empty() {
        patch["metadata"]["resourceVersion"] = meta["resourceVersion"].clone();
    }
    json!({
        "kind": kind,
        "namespace": text(&meta["namespace"]),
        "name": text(&meta["name"]),
        "uid": text(&meta["uid"]),
        "patch": patch,
    })
}

/// Applies a patch; only objects and texts occur in the patches made here.
fn apply(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in fields {
        apply(&mut object[key.as_str()], value);
    }
}
