//! DynamicResources: a pod runs where its ResourceClaims are, or can be, allocated; who decides picks the devices.
//!
//! Invariant: a claim is allocated once, and stays where it is as long as anyone may use it.
//! Not here: which devices are picked (see `device_allocation`). Extended resources that a DeviceClass offers, taints of
//! devices, devices given out in parts: not done; the last are refused by name.

use super::normalize_by_max;
use crate::scheduler::cache::Slot;
use crate::scheduler::claim_status::allocation_status;
use crate::scheduler::device_allocation::{taken, Allocation, Allocator, Trouble};
use crate::scheduler::device_requests::{items, text, ClaimRequests};
use crate::scheduler::devices::{terms, DeviceId, Inventory};
use crate::scheduler::event::ClusterEvent;
use crate::scheduler::framework::{
    state_of, Code, CycleState, Plugin, PreFilter, Reach, Reason, Rejection, World,
};
use crate::scheduler::interner::{Interner, Symbol};
use crate::scheduler::node::{NodeFacts, NodeInfo};
use crate::scheduler::node_selector::Term;
use crate::scheduler::objects::Objects;
use crate::scheduler::pod::PodInfo;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{json, Value};
use std::sync::{Arc, Mutex};

const KIND: &str = "ResourceClaim";
const FINALIZER: &str = "resource.kubernetes.io/delete-protection";
/// Pods that may share a claim.
const RESERVED_MAX: usize = 256;

const NOT_AVAILABLE: &str = "resourceclaim not available on the node";
const NOT_ALLOCATED: &str = "cannot allocate all claims";
const OUT_OF_STEPS: &str = "timed out trying to allocate devices";
const IN_USE: &str = "resourceclaim in use";
const NO_CLAIMS: &str = "no new claims to deallocate";
const DEALLOCATED: &str = "deallocation of ResourceClaim completed";
const STILL_NOT: &str = "still not schedulable";

/// One claim of the pod, as PreFilter found it.
struct PodClaim {
    key: String,
    /// Where it can be used, for an allocated one; None: everywhere.
    terms: Option<Vec<Term>>,
    /// What is still to be allocated.
    requests: Option<Arc<ClaimRequests>>,
}

impl PodClaim {
    fn admits(&self, node: &NodeFacts) -> bool {
        self.terms.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
    }
}

struct ClaimState {
    claims: Arc<Vec<PodClaim>>,
    inventory: Arc<Inventory>,
    taken: Arc<FxHashSet<DeviceId>>,
    /// What Filter chose, by node.
    found: Mutex<FxHashMap<Symbol, Arc<Vec<Allocation>>>>,
    /// Positions of the claims that are allocated where some node cannot use them.
    unavailable: Arc<Mutex<FxHashSet<usize>>>,
}

impl ClaimState {
    fn found_on(&self, node: Symbol) -> Option<Arc<Vec<Allocation>>> {
        self.found.lock().expect("nothing panics under the lock").get(&node).cloned()
    }
}

impl Clone for ClaimState {
    fn clone(&self) -> Self {
        ClaimState {
            claims: self.claims.clone(),
            inventory: self.inventory.clone(),
            taken: self.taken.clone(),
            unavailable: self.unavailable.clone(),
            found: Mutex::new(self.found.lock().expect("nothing panics under the lock").clone()),
        }
    }
}

pub struct DynamicResources;

impl Plugin for DynamicResources {
    fn name(&self) -> &str {
        "DynamicResources"
    }

    fn pre_enqueue(&self, pod: &PodInfo, world: &World) -> Option<String> {
        claims_of(pod, world.objects).err()
    }

    fn pre_filter(&self, pod: &PodInfo, world: &World) -> PreFilter {
        let refuse = |message| PreFilter::Refuse(Code::UnschedulableAndUnresolvable, message);
        let found = match claims_of(pod, world.objects) {
            Ok(found) if found.is_empty() => return PreFilter::Skip,
            Ok(found) => found,
            Err(message) => return refuse(message),
        };
        let mut claims = Vec::new();
        for (key, claim) in found {
            match seen(key, &claim, pod, world) {
                Ok(claim) => claims.push(claim),
                Err(message) => return refuse(message),
            }
        }
        PreFilter::Run(Some(Box::new(ClaimState {
            claims: Arc::new(claims),
            inventory: Arc::new(Inventory::of(world.objects, world.symbols)),
            taken: Arc::new(taken(world.objects)),
            found: Mutex::default(),
            unavailable: Arc::default(),
        })))
    }

    fn filter(
        &self,
        _pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        world: &World,
        rejection: &mut Rejection,
    ) -> bool {
        let state: &ClaimState = state_of(state).expect("PreFilter skips pods without claims");
        let code = Code::UnschedulableAndUnresolvable;
        let claims = state.claims.iter().enumerate();
        let mut elsewhere = claims.filter(|(_, claim)| !claim.admits(&node.facts)).peekable();
        if elsewhere.peek().is_some() {
            let mut unavailable = state.unavailable.lock().expect("nothing panics under the lock");
            unavailable.extend(elsewhere.map(|(i, _)| i));
            return rejection.refuse(code, NOT_AVAILABLE);
        }
        let wanted = state.claims.iter().filter_map(|claim| claim.requests.clone());
        let mut allocator = Allocator::new(&node.facts, &state.inventory, &state.taken, world.symbols);
        match allocator.allocate(wanted) {
            Ok(Some(allocations)) => {
                let mut found = state.found.lock().expect("nothing panics under the lock");
                found.insert(node.facts.name, Arc::new(allocations));
                true
            }
            Ok(None) => rejection.refuse(code, NOT_ALLOCATED),
            Err(Trouble::OutOfSteps) => rejection.refuse(code, OUT_OF_STEPS),
            Err(Trouble::Request(text)) => {
                rejection.code = Code::Error;
                rejection.reasons.push(Reason::Told(Arc::from(text)));
                false
            }
        }
    }

    fn post_filter(&self, pod: &PodInfo, state: Option<&dyn CycleState>, world: &World) -> Option<String> {
        let has_claims = claims_of(pod, world.objects).is_ok_and(|found| !found.is_empty());
        let told = match idle(pod, state, world.objects) {
            _ if !has_claims => NO_CLAIMS,
            None => STILL_NOT,
            Some(_) => DEALLOCATED,
        };
        Some(told.to_owned())
    }

    /// An idle claim that keeps the pod off some node gives its devices back, to be allocated where the pod fits.
    fn post_filter_writes(&self, pod: &PodInfo, state: Option<&dyn CycleState>, world: &World) -> Vec<Value> {
        let Some(claim) = idle(pod, state, world.objects) else { return Vec::new() };
        let mut write = target(claim);
        write["patch"] = json!({ "status": { "allocation": null, "reservedFor": null } });
        write["subresource"] = json!("status");
        vec![write]
    }

    /// Earlier alternatives of requests are better.
    fn score(&self, _pod: &PodInfo, node: &NodeInfo, state: Option<&dyn CycleState>, _world: &World) -> i64 {
        let found = state_of::<ClaimState>(state).and_then(|state| state.found_on(node.facts.name));
        found.map_or(0, |allocations| allocations.iter().map(Allocation::score).sum())
    }

    fn normalize(
        &self,
        _pod: &PodInfo,
        _nodes: &[Slot],
        _state: Option<&dyn CycleState>,
        _world: &World,
        scores: &mut [i64],
    ) {
        normalize_by_max(scores, false);
    }

    fn reserve(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        state: Option<&dyn CycleState>,
        objects: &mut Objects,
        symbols: &Interner,
    ) -> Result<Vec<Value>, (Code, String)> {
        let Some(state) = state_of::<ClaimState>(state) else { return Ok(Vec::new()) };
        let found = state.found_on(node.facts.name);
        let mine = |key: &str| {
            let mut allocations = found.iter().flat_map(|found| found.iter());
            allocations.find(|a| a.requests.claim == key).expect("Filter allocated every claim that was not")
        };
        let mut writes = Vec::new();
        for claim in state.claims.iter() {
            let Some(object) = objects.get(KIND, &claim.key).cloned() else {
                return Err((Code::Unschedulable, format!("resourceclaim \"{}\" not found", claim.key)));
            };
            if claim.requests.is_none() && is_reserved_for(&object, pod) {
                continue;
            }
            let node_name = symbols.text(node.facts.name);
            let is_new = claim.requests.is_some();
            let allocation = is_new.then(|| allocation_status(mine(&claim.key), node_name));
            writes.extend(reserved(&object, pod, allocation, objects));
        }
        Ok(writes)
    }

    fn unreserve(&self, pod: &PodInfo, objects: &mut Objects) {
        for (key, claim) in claims_of(pod, objects).unwrap_or_default() {
            let Some(told) = objects.told(KIND, &key).cloned() else { continue };
            if Arc::ptr_eq(&told, &claim) || is_reserved_for(&told, pod) {
                continue;
            }
            let reserved = items(&claim["status"]["reservedFor"]);
            let left: Vec<Value> = reserved.filter(|one| text(&one["uid"]) != &*pod.uid).cloned().collect();
            if left.iter().eq(items(&told["status"]["reservedFor"])) {
                objects.give_up(KIND, &key);
            } else {
                let mut assumed = Value::clone(&claim);
                assumed["status"]["reservedFor"] = Value::Array(left);
                objects.assume(KIND, Arc::new(assumed));
            }
        }
    }

    fn reach(&self, pod: &PodInfo) -> Reach<'_> {
        if pod.shape.claims.names.is_empty() {
            Reach::Nothing
        } else {
            Reach::World
        }
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, world: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::NodeUpdated { old, node } => {
                old.labels != node.labels || old.allocatable != node.allocatable
            }
            ClusterEvent::PodUpdated { old, pod } => old.shape.claims != pod.shape.claims,
            ClusterEvent::ObjectChanged { kind: "DeviceClass" | "ResourceSlice", new, .. } => new.is_some(),
            ClusterEvent::ObjectChanged { kind: KIND, old, new } => may_help(pod, *old, *new, world.objects),
            _ => false,
        }
    }
}

/// The pod's claims by key, in its order; the error says why they are not all there.
fn claims_of(pod: &PodInfo, objects: &Objects) -> Result<Vec<(String, Arc<Value>)>, String> {
    let mut found: Vec<(String, Arc<Value>)> = Vec::new();
    let (namespace, name) = (&pod.namespace, &pod.name);
    for named in &pod.shape.claims.names {
        let Some(claim) = &named.claim else {
            return Err(format!("pod \"{namespace}/{name}\": ResourceClaim not created yet"));
        };
        if claim.is_empty() {
            continue;
        }
        let key = format!("{namespace}/{claim}");
        let Some(object) = objects.get(KIND, &key) else {
            return Err(format!("resourceclaim \"{key}\" not found"));
        };
        let meta = &object["metadata"];
        if !text(&meta["deletionTimestamp"]).is_empty() {
            return Err(format!("resourceclaim \"{claim}\" is being deleted"));
        }
        let mut owners = items(&meta["ownerReferences"]);
        if named.is_generated && owners.all(|one| text(&one["uid"]) != &*pod.uid) {
            let pod = format!("{namespace}/{name} (pod is not owner)");
            return Err(format!("ResourceClaim {key} was not created for pod {pod}"));
        }
        if found.iter().all(|(known, _)| *known != key) {
            found.push((key, object.clone()));
        }
    }
    Ok(found)
}

fn is_allocated(claim: &Value) -> bool {
    claim["status"]["allocation"].as_object().is_some_and(|fields| !fields.is_empty())
}

fn is_reserved_for(claim: &Value, pod: &PodInfo) -> bool {
    items(&claim["status"]["reservedFor"]).any(|one| text(&one["uid"]) == &*pod.uid)
}

fn seen(key: String, claim: &Value, pod: &PodInfo, world: &World) -> Result<PodClaim, String> {
    if !is_allocated(claim) {
        let requests = Arc::new(ClaimRequests::parse(&key, &claim["spec"], world.objects)?);
        return Ok(PodClaim { key, terms: None, requests: Some(requests) });
    }
    if world.objects.told(KIND, &key).is_some_and(|told| !is_allocated(told)) {
        return Err(format!("resource claim {key} is in the process of being allocated"));
    }
    if !is_reserved_for(claim, pod) && items(&claim["status"]["reservedFor"]).count() >= RESERVED_MAX {
        return Err(IN_USE.to_owned());
    }
    let selector = &claim["status"]["allocation"]["nodeSelector"];
    let is_placed = selector.as_object().is_some_and(|fields| !fields.is_empty());
    Ok(PodClaim { key, terms: is_placed.then(|| terms(selector, world.symbols)), requests: None })
}

/// The first claim that is allocated in the wrong place and used by nobody else.
fn idle<'a>(pod: &PodInfo, state: Option<&dyn CycleState>, objects: &'a Objects) -> Option<&'a Arc<Value>> {
    let state = state_of::<ClaimState>(state)?;
    let unavailable = state.unavailable.lock().expect("nothing panics under the lock");
    let claims = state.claims.iter().enumerate().filter(|(i, _)| unavailable.contains(i));
    claims
        .filter_map(|(_, claim)| objects.get(KIND, &claim.key))
        .find(|claim| items(&claim["status"]["reservedFor"]).all(|one| text(&one["uid"]) == &*pod.uid))
}

/// What a write is about.
fn target(claim: &Value) -> Value {
    let meta = &claim["metadata"];
    json!({
        "kind": KIND,
        "namespace": text(&meta["namespace"]),
        "name": text(&meta["name"]),
        "uid": text(&meta["uid"]),
    })
}

/// Devices have come free, or a claim of the pod's own came or changed and all of them are there.
fn may_help(pod: &PodInfo, old: Option<&Value>, new: Option<&Value>, objects: &Objects) -> bool {
    if old.is_some_and(is_allocated) && !new.is_some_and(is_allocated) {
        return true;
    }
    let Some(new) = new else { return false };
    if claims_of(pod, objects).is_err() {
        return false;
    }
    let (namespace, name) = (text(&new["metadata"]["namespace"]), text(&new["metadata"]["name"]));
    let mut names = pod.shape.claims.names.iter();
    namespace == &*pod.namespace && names.any(|named| named.claim.as_deref() == Some(name))
}

/// Assumes the claim reserved for the pod, allocated now if it was not; what to write for it.
fn reserved(
    claim: &Arc<Value>,
    pod: &PodInfo,
    allocation: Option<Value>,
    objects: &mut Objects,
) -> Vec<Value> {
    let meta = &claim["metadata"];
    let one = json!({ "resource": "pods", "name": &*pod.name, "uid": &*pod.uid });
    let reserved_for: Vec<Value> =
        items(&claim["status"]["reservedFor"]).cloned().chain(std::iter::once(one)).collect();
    let mut patch = json!({ "reservedFor": reserved_for });
    let mut writes = Vec::new();
    let mut assumed = Value::clone(claim);
    if !assumed["status"].is_object() {
        assumed["status"] = json!({});
    }
    if let Some(allocation) = allocation {
        assumed["status"]["allocation"] = allocation.clone();
        patch["allocation"] = allocation;
        let mut finalizers: Vec<&str> = items(&meta["finalizers"]).map(text).collect();
        if !finalizers.contains(&FINALIZER) {
            finalizers.push(FINALIZER);
            let mut write = target(claim);
            write["patch"] = json!({ "metadata": { "finalizers": finalizers } });
            writes.push(write);
        }
    }
    assumed["status"]["reservedFor"] = patch["reservedFor"].clone();
    let mut write = target(claim);
    write["patch"] = json!({ "status": patch });
    write["subresource"] = json!("status");
    writes.push(write);
    objects.assume(KIND, Arc::new(assumed));
    writes
}
