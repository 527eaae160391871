//! What a pod asks for: containers, init containers, sidecars, pod-level resources and overhead added up.
//!
//! effective(r) = max(sum of containers and sidecars, the largest moment of the init phase); a pod-level request
//! then replaces its resource; overhead comes on top. Source: kubernetes.io, "Sidecar Containers", "Resource sharing
//! within containers", and "Pod Overhead".
//! Not here: what nodes have left (see `node`).

use super::interner::Interner;
use super::manifest::{Container, ContainerStatus, Pod, PodSpec, Requirements};
use super::resources::Resources;
use super::SchedulerError;

/// What a container without a cpu request counts in scores that would otherwise ignore it.
pub const DEFAULT_MILLI_CPU: i64 = 100;
/// The same for memory.
pub const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// The three sums that the scheduler keeps of a pod.
#[derive(Debug, Default, PartialEq, Eq, Hash, Clone)]
pub struct PodRequests {
    /// From the spec alone: what Filter asks a node for.
    pub spec: Resources,
    /// What the pod takes from its node, resizes under way included.
    pub requested: Resources,
    /// cpu and memory with a fallback for containers that name none; used by Least- and MostAllocated.
    pub non_zero_milli_cpu: i64,
    pub non_zero_memory_bytes: i64,
    /// What LeastAllocated adds for the incoming pod: as non-zero, but blind to pod-level requests. kube-scheduler's
    /// NodeResourcesFit does so under its default strategy; the recordings show it.
    pub scored_milli_cpu: i64,
    pub scored_memory_bytes: i64,
}

/// One container's list: its amounts, and whether cpu and memory are named at all.
#[derive(Clone, Default)]
struct Ask {
    amounts: Resources,
    has_cpu: bool,
    has_memory: bool,
}

impl PodRequests {
    pub fn of(pod: &Pod, symbols: &mut Interner, owner: &str) -> Result<PodRequests, SchedulerError> {
        let nothing = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&nothing);
        let from_spec = collect(spec, None, symbols, owner)?;
        let actual = match pod.status.as_ref() {
            Some(status)
                if has_resources(
                    status.container_statuses.as_deref(),
                    status.init_container_statuses.as_deref(),
                ) =>
            {
                collect(spec, Some(pod), symbols, owner)?
            }
            _ => from_spec.clone(),
        };
        let (level, overhead) =
            (ask(spec.resources.as_ref(), symbols, owner)?, list(spec.overhead.as_ref(), symbols, owner)?);
        let spec_total = total(&from_spec, &level, &overhead, (false, false));
        let requested = total(&actual, &level, &overhead, (false, false));
        let fallback = fallback(spec, &actual, &level);
        let non_zero = total(&actual, &level, &overhead, fallback);
        let scored = total(&actual, &Ask::default(), &overhead, (true, true));
        Ok(PodRequests {
            spec: spec_total,
            requested,
            non_zero_milli_cpu: non_zero.milli_cpu,
            non_zero_memory_bytes: non_zero.memory_bytes,
            scored_milli_cpu: scored.milli_cpu,
            scored_memory_bytes: scored.memory_bytes,
        })
    }
}

/// Regular containers, then init containers with whether they go on running.
#[derive(Clone, Default)]
struct Asks {
    containers: Vec<Ask>,
    init_containers: Vec<(Ask, bool)>,
}

fn collect(
    spec: &PodSpec,
    pod: Option<&Pod>,
    symbols: &mut Interner,
    owner: &str,
) -> Result<Asks, SchedulerError> {
    let status = pod.and_then(|p| p.status.as_ref());
    let is_infeasible = status.is_some_and(|s| {
        s.conditions.iter().flatten().any(|c| {
            c.kind.as_deref() == Some("PodResizePending") && c.reason.as_deref() == Some("Infeasible")
        })
    });
    let mut asks = Asks::default();
    for container in spec.containers.iter().flatten() {
        let statuses = status.and_then(|s| s.container_statuses.as_deref());
        asks.containers.push(container_ask(container, statuses, is_infeasible, symbols, owner)?);
    }
    for container in spec.init_containers.iter().flatten() {
        let is_sidecar = container.restart_policy.as_deref() == Some("Always");
        let statuses = status.and_then(|s| s.init_container_statuses.as_deref()).filter(|_| is_sidecar);
        asks.init_containers
            .push((container_ask(container, statuses, is_infeasible, symbols, owner)?, is_sidecar));
    }
    Ok(asks)
}

fn container_ask(
    container: &Container,
    statuses: Option<&[ContainerStatus]>,
    is_infeasible: bool,
    symbols: &mut Interner,
    owner: &str,
) -> Result<Ask, SchedulerError> {
    let wanted = ask(container.resources.as_ref(), symbols, owner)?;
    let Some(status) = statuses.into_iter().flatten().find(|s| s.name == container.name) else {
        return Ok(wanted);
    };
    let actuated = ask(status.resources.as_ref(), symbols, owner)?;
    let allocated = list(status.allocated_resources.as_ref(), symbols, owner)?;
    let mut merged = if is_infeasible { Ask::default() } else { wanted };
    for other in [&actuated, &allocated] {
        merged.amounts.raise_to(&other.amounts);
        merged.has_cpu |= other.has_cpu;
        merged.has_memory |= other.has_memory;
    }
    Ok(merged)
}

fn has_resources(regular: Option<&[ContainerStatus]>, init: Option<&[ContainerStatus]>) -> bool {
    let statuses = regular.into_iter().flatten().chain(init.into_iter().flatten());
    statuses.into_iter().any(|s| s.resources.is_some() || s.allocated_resources.is_some())
}

fn ask(
    requirements: Option<&Requirements>,
    symbols: &mut Interner,
    owner: &str,
) -> Result<Ask, SchedulerError> {
    list(requirements.and_then(|r| r.requests.as_ref()), symbols, owner)
}

fn list(
    requests: Option<&super::manifest::ResourceList>,
    symbols: &mut Interner,
    owner: &str,
) -> Result<Ask, SchedulerError> {
    let Some(requests) = requests else { return Ok(Ask::default()) };
    Ok(Ask {
        amounts: Resources::parse(requests, symbols, owner)?,
        has_cpu: requests.contains_key("cpu"),
        has_memory: requests.contains_key("memory"),
    })
}

/// Whether missing cpu and memory requests of containers count as the defaults: always without pod-level requests;
/// with them, only for what neither the pod nor any container names.
fn fallback(spec: &PodSpec, asks: &Asks, level: &Ask) -> (bool, bool) {
    let is_level_set =
        spec.resources.as_ref().and_then(|r| r.requests.as_ref()).is_some_and(|r| !r.is_empty());
    if !is_level_set {
        return (true, true);
    }
    let mut all = asks.containers.iter().chain(asks.init_containers.iter().map(|i| &i.0));
    let has_cpu = level.has_cpu || all.clone().any(|a| a.has_cpu);
    let has_memory = level.has_memory || all.any(|a| a.has_memory);
    (!has_cpu, !has_memory)
}

fn total(asks: &Asks, level: &Ask, overhead: &Ask, fallback: (bool, bool)) -> Resources {
    let mut sum = Resources::default();
    for container in &asks.containers {
        sum.add(&filled(container, fallback));
    }
    let (mut sidecars, mut largest) = (Resources::default(), Resources::default());
    for (container, is_sidecar) in &asks.init_containers {
        let amounts = filled(container, fallback);
        let mut moment = sidecars.clone();
        moment.add(&amounts);
        if *is_sidecar {
            sum.add(&amounts);
            sidecars = moment.clone();
        }
        largest.raise_to(&moment);
    }
    sum.raise_to(&largest);
    replace(&mut sum, level);
    sum.add(&overhead.amounts);
    sum
}

fn filled(container: &Ask, fallback: (bool, bool)) -> Resources {
    let mut amounts = container.amounts.clone();
    if fallback.0 && !container.has_cpu {
        amounts.milli_cpu = DEFAULT_MILLI_CPU;
    }
    if fallback.1 && !container.has_memory {
        amounts.memory_bytes = DEFAULT_MEMORY_BYTES;
    }
    amounts
}

/// Pod-level requests stand for the whole pod: cpu, memory and huge pages are all that may be named there.
fn replace(sum: &mut Resources, level: &Ask) {
    if level.has_cpu {
        sum.milli_cpu = level.amounts.milli_cpu;
    }
    if level.has_memory {
        sum.memory_bytes = level.amounts.memory_bytes;
    }
    for (name, amount) in &level.amounts.scalars {
        sum.set_scalar(*name, *amount);
    }
}
