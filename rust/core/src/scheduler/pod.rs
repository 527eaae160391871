//! Pods: who each is, and the shape it shares with all pods that want the same.
//!
//! Invariant: two pods with equal shapes get the same answer from every plugin on every node.
//! Not here: the queue's notes about a pod (see `queue`).

use super::declared_features::inferred_features;
use super::images::PodImages;
use super::interner::{Interner, Symbol, EMPTY};
use super::manifest;
use super::node::{Effect, Taint};
use super::node_selector::Operator;
use super::node_selector::{decimal, node_affinity_terms, Term};
use super::pod_affinity::PodAffinity;
use super::pod_claims::PodClaims;
use super::requests::PodRequests;
use super::spread_constraints::PodSpread;
use super::volumes::PodVolumes;
use super::SchedulerError;
use crate::object::time::{Precision, Time};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// A host port; `ip` is empty for the wildcard address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub protocol: Symbol,
    pub port: i64,
    pub ip: Symbol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TolerationOperator {
    Equal,
    Exists,
    /// With the bound, when the value is an integer.
    LessThan(Option<i64>),
    GreaterThan(Option<i64>),
    Invalid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Toleration {
    pub key: Symbol,
    pub operator: TolerationOperator,
    pub value: Symbol,
    /// None tolerates every effect.
    pub effect: Option<ToleratedEffect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ToleratedEffect(pub u8);

impl From<Effect> for ToleratedEffect {
    fn from(effect: Effect) -> Self {
        ToleratedEffect(effect as u8)
    }
}

impl Toleration {
    fn parse(manifest: &manifest::Toleration, symbols: &mut Interner) -> Toleration {
        let effect = manifest.effect.as_deref().unwrap_or_default();
        let bound = decimal(manifest.value.as_deref().unwrap_or_default());
        Toleration {
            key: symbols.intern(manifest.key.as_deref().unwrap_or_default()),
            operator: match manifest.operator.as_deref().unwrap_or_default() {
                "" | "Equal" => TolerationOperator::Equal,
                "Exists" => TolerationOperator::Exists,
                "Lt" => TolerationOperator::LessThan(bound),
                "Gt" => TolerationOperator::GreaterThan(bound),
                _ => TolerationOperator::Invalid,
            },
            value: symbols.intern(manifest.value.as_deref().unwrap_or_default()),
            effect: (!effect.is_empty()).then(|| Effect::parse(effect).into()),
        }
    }

    /// `is_comparing`: the operators Lt and Gt are in use.
    #[inline]
    pub fn tolerates(&self, taint: &Taint, is_comparing: bool) -> bool {
        (self.effect.is_none() || self.effect == Some(taint.effect.into()))
            && (self.key == EMPTY || self.key == taint.key)
            && match self.operator {
                TolerationOperator::Equal => self.value == taint.value && self.key == taint.key,
                TolerationOperator::Exists => true,
                TolerationOperator::LessThan(Some(bound)) => {
                    is_comparing && taint.number.is_some_and(|number| number < bound)
                }
                TolerationOperator::GreaterThan(Some(bound)) => {
                    is_comparing && taint.number.is_some_and(|number| number > bound)
                }
                _ => false,
            }
    }
}

/// Everything about a pod that plugins look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodShape {
    pub requests: PodRequests,
    pub namespace: Symbol,
    /// Sorted by key.
    pub labels: Vec<(Symbol, Symbol)>,
    pub ports: Vec<HostPort>,
    pub tolerations: Vec<Toleration>,
    pub node_selector: Vec<(Symbol, Symbol)>,
    /// None: no required node affinity. An empty list matches no node.
    pub required_terms: Option<Vec<Term>>,
    /// (weight, term), without those that can add nothing.
    pub preferred_terms: Vec<(i64, Term)>,
    pub spread: PodSpread,
    pub affinity: PodAffinity,
    pub volumes: PodVolumes,
    pub images: PodImages,
    pub claims: PodClaims,
    /// What its node must declare.
    pub features: Vec<Symbol>,
}

impl PodShape {
    /// True when the required node affinity says by name which nodes can do.
    pub fn names_nodes(&self) -> bool {
        let names = |term: &Term| term.names.iter().any(|r| r.operator == Operator::In);
        self.required_terms.as_ref().is_some_and(|terms| !terms.is_empty() && terms.iter().all(names))
    }

    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerates_comparing(taint, false)
    }

    /// `is_comparing`: the operators Lt and Gt are in use.
    #[inline]
    pub fn tolerates_comparing(&self, taint: &Taint, is_comparing: bool) -> bool {
        self.tolerations.iter().any(|t| t.tolerates(taint, is_comparing))
    }

    fn parse(pod: &manifest::Pod, symbols: &mut Interner, owner: &str) -> Result<PodShape, SchedulerError> {
        let nothing = manifest::PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&nothing);
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        let mut shape = PodShape { requests: PodRequests::of(pod, symbols, owner)?, ..PodShape::default() };
        let meta = pod.metadata.as_ref();
        shape.namespace = symbols.intern(meta.and_then(|m| m.namespace.as_deref()).unwrap_or_default());
        for (key, value) in meta.and_then(|m| m.labels.as_ref()).into_iter().flatten() {
            shape.labels.push((symbols.intern(key), symbols.intern(value)));
        }
        shape.labels.sort_unstable();
        shape.ports = host_ports(spec, symbols);
        shape.tolerations =
            spec.tolerations.iter().flatten().map(|t| Toleration::parse(t, symbols)).collect();
        for (key, value) in spec.node_selector.iter().flatten() {
            shape.node_selector.push((symbols.intern(key), symbols.intern(value)));
        }
        if let Some(affinity) = affinity {
            (shape.required_terms, shape.preferred_terms) = node_affinity_terms(affinity, symbols);
        }
        shape.spread = PodSpread::parse(pod, &shape.labels, symbols);
        shape.affinity = PodAffinity::parse(spec, shape.namespace, symbols);
        shape.volumes = PodVolumes::parse(pod);
        shape.claims = PodClaims::parse(pod);
        shape.images = PodImages::parse(spec, symbols);
        shape.features = inferred_features(spec, symbols);
        Ok(shape)
    }
}

fn host_ports(spec: &manifest::PodSpec, symbols: &mut Interner) -> Vec<HostPort> {
    let sidecars =
        spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let mut ports = Vec::new();
    for port in spec.containers.iter().flatten().chain(sidecars).flat_map(|c| c.ports.iter().flatten()) {
        let number = port.host_port.unwrap_or(0);
        if number <= 0 {
            continue;
        }
        let ip = port.host_ip.as_deref().filter(|ip| *ip != "0.0.0.0").unwrap_or_default();
        let protocol = port.protocol.as_deref().filter(|p| !p.is_empty()).unwrap_or("TCP");
        ports.push(HostPort { protocol: symbols.intern(protocol), port: number, ip: symbols.intern(ip) });
    }
    ports
}

/// An RFC 3339 time in seconds since the epoch; None when it cannot be read.
fn seconds_of(text: &str) -> Option<f64> {
    let time = Time::parse(text, Precision::Seconds).ok()?;
    Some(time.seconds as f64 + f64::from(time.nanos) / 1e9)
}

/// One pod as the engine knows it.
#[derive(Debug, Clone)]
pub struct PodInfo {
    /// The uid, or namespace/name for an object without one.
    pub uid: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub scheduler_name: Arc<str>,
    pub priority: i32,
    /// Empty when the pod is bound to no node.
    pub node_name: Symbol,
    pub nominated_node_name: Symbol,
    pub is_deleted: bool,
    /// Succeeded or Failed: it uses nothing any more.
    pub is_terminal: bool,
    /// Being deleted because the scheduler made room for another.
    pub is_preempted: bool,
    pub gates: Vec<Arc<str>>,
    /// preemptionPolicy is Never.
    pub is_never_preempting: bool,
    /// When its kubelet took it, in seconds since the epoch.
    pub start_s: Option<f64>,
    /// The name of its PodGroup, "" for a pod of its own.
    pub group: Arc<str>,
    pub shape: Arc<PodShape>,
}

/// A shape, and the same with labels added.
type Labelled = (Arc<PodShape>, Arc<PodShape>);

/// Shapes in use, each held once.
#[derive(Debug, Default)]
pub struct Shapes {
    shapes: FxHashSet<Arc<PodShape>>,
    purge_at: usize,
    /// What `labelled` answered last: (shape, labels) -> shape. Bounded as `shapes` is.
    labelled: FxHashMap<(usize, Vec<(Symbol, Symbol)>), Labelled>,
}

/// Shapes that no pod has are dropped once the table is this large, and whenever it has doubled since.
const SHAPES_BEFORE_PURGE: usize = 1024;

impl Shapes {
    /// The shape with these labels too.
    pub fn labelled(&mut self, shape: &Arc<PodShape>, labels: &[(Symbol, Symbol)]) -> Arc<PodShape> {
        let key = (Arc::as_ptr(shape) as usize, labels.to_vec());
        if let Some((_, known)) = self.labelled.get(&key) {
            return known.clone();
        }
        let mut grown = (**shape).clone();
        grown.labels.retain(|(key, _)| labels.iter().all(|(added, _)| added != key));
        grown.labels.extend_from_slice(labels);
        grown.labels.sort_unstable();
        let grown = self.share(grown);
        if self.labelled.len() >= SHAPES_BEFORE_PURGE {
            self.labelled.clear();
        }
        // The original is held too, so that its address stays its own.
        self.labelled.insert(key, (shape.clone(), grown.clone()));
        grown
    }

    fn share(&mut self, shape: PodShape) -> Arc<PodShape> {
        if let Some(known) = self.shapes.get(&shape) {
            return known.clone();
        }
        if self.shapes.len() >= self.purge_at.max(SHAPES_BEFORE_PURGE) {
            self.shapes.retain(|s| Arc::strong_count(s) > 1);
            self.purge_at = 2 * self.shapes.len();
        }
        let shared = Arc::new(shape);
        self.shapes.insert(shared.clone());
        shared
    }
}

impl PodInfo {
    pub fn parse(
        json: &[u8],
        symbols: &mut Interner,
        shapes: &mut Shapes,
    ) -> Result<PodInfo, SchedulerError> {
        let pod: manifest::Pod = serde_json::from_slice(json)
            .map_err(|_| SchedulerError::Decode("pod: not the JSON of a Pod".into()))?;
        let nothing = manifest::ObjectMeta::default();
        let meta = pod.metadata.as_ref().unwrap_or(&nothing);
        let (namespace, name) =
            (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
        if name.is_empty() {
            return Err(SchedulerError::Decode("pod: metadata.name is missing".into()));
        }
        let key = format!("{namespace}/{name}");
        let shape = shapes.share(PodShape::parse(&pod, symbols, &format!("pod {key}"))?);
        let (no_spec, no_status) = (manifest::PodSpec::default(), manifest::PodStatus::default());
        let (spec, status) =
            (pod.spec.as_ref().unwrap_or(&no_spec), pod.status.as_ref().unwrap_or(&no_status));
        let gates = spec.scheduling_gates.iter().flatten();
        Ok(PodInfo {
            uid: Arc::from(meta.uid.as_deref().filter(|u| !u.is_empty()).unwrap_or(&key)),
            namespace: Arc::from(namespace),
            name: Arc::from(name),
            scheduler_name: Arc::from(
                spec.scheduler_name.as_deref().filter(|n| !n.is_empty()).unwrap_or("default-scheduler"),
            ),
            priority: spec.priority.unwrap_or(0),
            node_name: symbols.intern(spec.node_name.as_deref().unwrap_or_default()),
            nominated_node_name: symbols.intern(status.nominated_node_name.as_deref().unwrap_or_default()),
            is_deleted: meta.deletion_timestamp.is_some(),
            is_terminal: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            is_preempted: meta.deletion_timestamp.is_some()
                && status.conditions.iter().flatten().any(manifest::Condition::is_preemption),
            gates: gates.map(|g| Arc::from(g.name.as_deref().unwrap_or_default())).collect(),
            is_never_preempting: spec.preemption_policy.as_deref() == Some("Never"),
            start_s: status.start_time.as_deref().and_then(seconds_of),
            group: Arc::from(
                spec.scheduling_group.as_ref().and_then(|g| g.pod_group_name.as_deref()).unwrap_or_default(),
            ),
            shape,
        })
    }
}
