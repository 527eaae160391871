//! Choosing devices for claims on one node: the first way, in the order of devices and alternatives, that fits.
//!
//! Invariant: no device is chosen twice, and none that is taken, but for requests with admin access; a choice that fits
//! all is found if there is one within `STEPS_MAX` looks at devices.
//! Not here: what is offered (see `devices`), what is asked (see `device_requests`).

use super::cel;
use super::cel_library::{equals, Value as CelValue};
use super::cel_syntax::CelError;
use super::device_requests::{items, text, Alternative, ClaimRequests, Constraint, ALTERNATIVES_MAX};
use super::devices::{Device, DeviceId, Inventory, Pool};
use super::interner::Interner;
use super::node::NodeFacts;
use super::objects::Objects;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

const STEPS_MAX: usize = 100_000;
const DEVICES_PER_CLAIM_MAX: usize = 32;

/// Why it cannot be said whether the claims fit.
pub enum Trouble {
    /// The claim cannot be allocated anywhere.
    Request(String),
    /// Too many ways to look through.
    OutOfSteps,
}

#[derive(Clone, Debug)]
pub struct Chosen {
    /// Positions of the request and of its alternative.
    pub request: usize,
    pub alternative: usize,
    pub device: Arc<Device>,
}

/// The devices of one claim.
#[derive(Clone, Debug)]
pub struct Allocation {
    pub requests: Arc<ClaimRequests>,
    pub chosen: Vec<Chosen>,
}

impl Allocation {
    pub fn alternative(&self, chosen: &Chosen) -> &Alternative {
        &self.requests.requests[chosen.request].alternatives[chosen.alternative]
    }

    /// Earlier alternatives are worth more.
    pub fn score(&self) -> i64 {
        let scored = self.chosen.iter().filter(|each| self.requests.requests[each.request].is_scored);
        let mut seen: Vec<(usize, usize)> = scored.map(|each| (each.request, each.alternative)).collect();
        seen.dedup();
        seen.iter().map(|(_, alternative)| (ALTERNATIVES_MAX - alternative) as i64).sum()
    }
}

/// The devices that allocated claims hold.
pub fn taken(objects: &Objects) -> FxHashSet<DeviceId> {
    let mut found = FxHashSet::default();
    for (_, claim) in objects.all("ResourceClaim") {
        for result in items(&claim["status"]["allocation"]["devices"]["results"]) {
            if !result["adminAccess"].as_bool().unwrap_or(false) {
                found.insert(DeviceId {
                    driver: Arc::from(text(&result["driver"])),
                    pool: Arc::from(text(&result["pool"])),
                    device: Arc::from(text(&result["device"])),
                });
            }
        }
    }
    found
}

/// One node.
pub struct Allocator<'a> {
    pools: Vec<&'a Pool>,
    devices: Vec<Arc<Device>>,
    taken: &'a FxHashSet<DeviceId>,
    mine: FxHashSet<DeviceId>,
    steps: usize,
    /// Positions in `devices`, by claim, request and alternative.
    matching: FxHashMap<(usize, usize, usize), Arc<Vec<usize>>>,
}

impl<'a> Allocator<'a> {
    pub fn new(
        node: &NodeFacts,
        inventory: &'a Inventory,
        taken: &'a FxHashSet<DeviceId>,
        symbols: &Interner,
    ) -> Allocator<'a> {
        let pools = inventory.pools(node);
        let devices = pools.iter().flat_map(|pool| pool.devices(node, symbols)).collect();
        let (mine, matching) = (FxHashSet::default(), FxHashMap::default());
        Allocator { pools, devices, taken, mine, steps: 0, matching }
    }

    /// Devices for every claim; None when they do not fit.
    pub fn allocate(
        &mut self,
        claims: impl Iterator<Item = Arc<ClaimRequests>>,
    ) -> Result<Option<Vec<Allocation>>, Trouble> {
        let mut allocations: Vec<Allocation> =
            claims.map(|requests| Allocation { requests, chosen: Vec::new() }).collect();
        Ok(self.place(&mut allocations, 0, 0)?.then_some(allocations))
    }

    /// Chooses for this request and all that come after it.
    fn place(
        &mut self,
        allocations: &mut [Allocation],
        claim: usize,
        request: usize,
    ) -> Result<bool, Trouble> {
        let Some(allocation) = allocations.get(claim) else { return Ok(true) };
        let requests = allocation.requests.clone();
        let Some(wanted) = requests.requests.get(request) else {
            return self.place(allocations, claim + 1, 0);
        };
        for (index, alternative) in wanted.alternatives.iter().enumerate() {
            let candidates = self.candidates((claim, request, index), alternative)?;
            if alternative.count.is_none() && (candidates.is_empty() || !self.is_settled(alternative)?) {
                continue;
            }
            let count = alternative.count.unwrap_or(candidates.len());
            if allocations[claim].chosen.len().saturating_add(count) > DEVICES_PER_CLAIM_MAX {
                continue;
            }
            if self.take(allocations, (claim, request, index), &candidates, count)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Chooses `count` of the candidates, in their order, then goes on to the next request.
    fn take(
        &mut self,
        allocations: &mut [Allocation],
        (claim, request, alternative): (usize, usize, usize),
        candidates: &[usize],
        count: usize,
    ) -> Result<bool, Trouble> {
        if count == 0 {
            return self.place(allocations, claim, request + 1);
        }
        let is_admin = allocations[claim].requests.requests[request].alternatives[alternative].is_admin;
        for at in 0..(candidates.len() + 1).saturating_sub(count) {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(Trouble::OutOfSteps);
            }
            let device = self.devices[candidates[at]].clone();
            let chosen = Chosen { request, alternative, device: device.clone() };
            if !self.is_free(&chosen, &allocations[claim]) {
                continue;
            }
            allocations[claim].chosen.push(chosen);
            if !is_admin {
                self.mine.insert(device.id.clone());
            }
            let rest = &candidates[at + 1..];
            if self.take(allocations, (claim, request, alternative), rest, count - 1)? {
                return Ok(true);
            }
            allocations[claim].chosen.pop();
            if !is_admin {
                self.mine.remove(&device.id);
            }
        }
        Ok(false)
    }

    fn is_free(&self, chosen: &Chosen, allocation: &Allocation) -> bool {
        let (device, alternative) = (&chosen.device, allocation.alternative(chosen));
        if !alternative.is_admin && (self.taken.contains(&device.id) || self.mine.contains(&device.id)) {
            return false;
        }
        if allocation.chosen.iter().any(|each| each.device.id == device.id) {
            return false;
        }
        let mut constraints = allocation.requests.constraints.iter();
        constraints.all(|c| !c.concerns(&alternative.name) || agrees(c, device, allocation))
    }

    fn candidates(
        &mut self,
        key: (usize, usize, usize),
        alternative: &Alternative,
    ) -> Result<Arc<Vec<usize>>, Trouble> {
        if let Some(known) = self.matching.get(&key) {
            return Ok(known.clone());
        }
        let mut found = Vec::new();
        for (at, device) in self.devices.iter().enumerate() {
            if is_match(device, alternative).map_err(Trouble::Request)? {
                found.push(at);
            }
        }
        let found = Arc::new(found);
        self.matching.insert(key, found.clone());
        Ok(found)
    }

    /// Whether all slices of the pools are known: else "all devices" would leave some out.
    fn is_settled(&self, alternative: &Alternative) -> Result<bool, Trouble> {
        match self.pools.iter().find(|pool| !pool.is_complete()) {
            None => Ok(true),
            Some(pool) => Err(Trouble::Request(format!(
                "request {}: asks for all devices, but resource pool {}/{} is currently being updated",
                alternative.name, pool.driver, pool.name
            ))),
        }
    }
}

fn is_match(device: &Device, alternative: &Alternative) -> Result<bool, String> {
    for selector in &alternative.selectors {
        match cel::matches(&selector.expression, "device", &device.variable) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(CelError(text)) => return Err(format!("{}: CEL runtime error: {text}", selector.owner)),
        }
    }
    if !device.unsupported.is_empty() {
        let DeviceId { driver, pool, device: name } = &device.id;
        return Err(format!("device {driver}/{pool}/{name}: {} is not supported", device.unsupported));
    }
    Ok(true)
}

/// Whether the device may stand beside those of the claim that the constraint was applied to before.
fn agrees(constraint: &Constraint, device: &Device, allocation: &Allocation) -> bool {
    let Some(value) = attribute(constraint, device) else { return false };
    let concerned = |each: &&Chosen| constraint.concerns(&allocation.alternative(each).name);
    allocation.chosen.iter().filter(concerned).all(|other| {
        attribute(constraint, &other.device)
            .is_some_and(|theirs| equals(value, theirs) != constraint.is_distinct)
    })
}

fn attribute<'d>(constraint: &Constraint, device: &'d Device) -> Option<&'d CelValue> {
    let CelValue::Map(domain) = device.attributes.entries.get(&constraint.domain)? else { return None };
    domain.entries.get(&constraint.attribute).filter(|value| !matches!(value, CelValue::Null))
}
