//! `SchedulerEngine`: nodes and pods in, decisions out.
//!
//! Invariant: a pod is pending in the queue, in flight (assumed, its binding under way), bound in the cache, or unknown.
//! Invariant: time moves only by `advance` and `schedule_one`, and never backwards.
//! Not here: who feeds the engine and writes what it decides (see `pyk8s.scheduler`).

use super::cache::{Cache, Slot};
use super::config::Config;
use super::cycle::{pre_filter, state_at, Attempt, Cycle, Luck};
use super::evaluate;
use super::event::ClusterEvent;
use super::foreign::ForeignPlugins;
use super::framework::{Code, Framework, World};
use super::groups;
use super::index::{Answer, Index, Refused};
use super::interner::{Interner, Symbol, EMPTY};
use super::node::NodeFacts;
use super::node_table::SharedTexts;
use super::objects::{self, Objects};
use super::plugins::{self, gang_scheduling, ActiveKey};
use super::pod::{PodInfo, Shapes};
use super::preemption::{post_filter, Preemption};
use super::queue::{Backoff, Queue, QueueCounts, QueuedPod};
use super::random::SplitMix64;
use super::template::Templates;
use super::SchedulerError;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::sync::Arc;

const TOPOLOGY_LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];
const UNBROKEN: &str = "whoever holds the texts' lock does not panic";

pub struct SchedulerEngine {
    frameworks: Vec<Framework>,
    /// The objects as they came; None without foreign plugins.
    texts: Option<SharedTexts>,
    symbols: Interner,
    shapes: Shapes,
    templates: Templates,
    cycle: Cycle,
    /// None: every decision looks at every node.
    index: Option<Index>,
    cache: Cache,
    objects: Objects,
    queue: Queue,
    /// Assumed pods and their history, until the binding is seen or forgotten.
    in_flight: FxHashMap<Arc<str>, QueuedPod>,
    /// Labels that a node hands on to its pods, as the admission plugin PodTopologyLabels does.
    topology_keys: [Symbol; 2],
    /// What is decided of a group and not yet told.
    decided: VecDeque<Decision>,
    /// Groups that did not fit since a pod last joined them.
    failed_groups: FxHashSet<String>,
    random: SplitMix64,
    start: usize,
    now_s: f64,
}

/// What plugins may read, of an engine's fields.
macro_rules! world {
    ($engine:expr) => {
        World { cache: &$engine.cache, objects: &$engine.objects, symbols: &$engine.symbols }
    };
}

mod attempts;
mod decision;
mod group_cycle;
mod nomination;
mod waking;

pub use decision::{Decision, Outcome, PodReference};

use nomination::{ends_nomination, with_nomination};

impl SchedulerEngine {
    /// `config`: a compiled configuration, empty for the defaults. `is_indexed`: false looks at every node each time.
    pub fn new(config: &[u8], seed: u64, is_indexed: bool) -> Result<SchedulerEngine, SchedulerError> {
        SchedulerEngine::with_plugins(config, seed, is_indexed, &ForeignPlugins::new())
    }

    /// `foreign`: the plugins from outside that the configuration names.
    pub fn with_plugins(
        config: &[u8],
        seed: u64,
        is_indexed: bool,
        foreign: &ForeignPlugins,
    ) -> Result<SchedulerEngine, SchedulerError> {
        let config = Config::parse(config)?;
        let texts = SharedTexts::default();
        let mut symbols = Interner::default();
        let frameworks: Result<Vec<Framework>, SchedulerError> =
            config.profiles.into_iter().map(|p| Framework::new(p, &mut symbols, foreign, &texts)).collect();
        let backoff = Backoff { initial_s: config.initial_backoff_s, max_s: config.max_backoff_s };
        Ok(SchedulerEngine {
            frameworks: frameworks?,
            topology_keys: TOPOLOGY_LABELS.map(|key| symbols.intern(key)),
            texts: (!foreign.is_empty()).then_some(texts),
            symbols,
            shapes: Shapes::default(),
            templates: Templates::default(),
            cycle: Cycle::default(),
            index: is_indexed.then(Index::default),
            cache: Cache::default(),
            objects: Objects::default(),
            queue: Queue::new(backoff),
            in_flight: FxHashMap::default(),
            decided: VecDeque::new(),
            failed_groups: FxHashSet::default(),
            random: SplitMix64::new(seed),
            start: 0,
            now_s: 0.0,
        })
    }

    pub fn set_node(&mut self, json: &[u8]) -> Result<(), SchedulerError> {
        let facts = NodeFacts::parse(json, &mut self.symbols)?;
        if let Some(texts) = &self.texts {
            let name = self.symbols.text(facts.name);
            texts.write().expect(UNBROKEN).set_node(facts.name, name, json);
        }
        if self.cache.node(facts.name).is_some_and(|node| node.facts == facts) {
            self.cache.touch(facts.name);
            return Ok(());
        }
        match self.cache.set_node(facts.clone()) {
            Some(old) => self.wake(&ClusterEvent::NodeUpdated { old: &old, node: &facts }),
            None => self.wake(&ClusterEvent::NodeAdded { node: &facts }),
        }
        Ok(())
    }

    pub fn remove_node(&mut self, name: &str) {
        let Some(name) = self.symbols.find(name) else { return };
        if let Some(texts) = &self.texts {
            texts.write().expect(UNBROKEN).remove_node(name);
        }
        if let Some(facts) = self.cache.remove_node(name) {
            self.wake(&ClusterEvent::NodeRemoved { node: &facts });
        }
    }

    /// Any other object, as it is now; kinds that scheduling does not look at are ignored.
    pub fn set_object(&mut self, kind: &str, json: &[u8]) -> Result<(), SchedulerError> {
        let Some(kind) = objects::known(kind) else { return Ok(()) };
        let object = objects::parse(kind, json)?;
        let old = self.objects.set(kind, object.clone(), &mut self.symbols);
        if old.as_ref() != Some(&object) {
            self.wake(&ClusterEvent::ObjectChanged { kind, old: old.as_deref(), new: Some(&object) });
        }
        Ok(())
    }

    pub fn remove_object(&mut self, kind: &str, key: &str) {
        let Some(kind) = objects::known(kind) else { return };
        if let Some(old) = self.objects.remove(kind, key, &self.symbols) {
            self.wake(&ClusterEvent::ObjectChanged { kind, old: Some(&old), new: None });
        }
    }

    /// A pod as it is now: pending ones enter the queue, bound ones the cache, ended ones leave both.
    pub fn set_pod(&mut self, json: &[u8]) -> Result<(), SchedulerError> {
        let pod = Arc::new(self.templates.parse(json, &mut self.symbols, &mut self.shapes)?);
        if let Some(texts) = &self.texts {
            let mut texts = texts.write().expect(UNBROKEN);
            if pod.is_terminal || pod.node_name != EMPTY {
                texts.remove_pod(&pod.uid);
            } else {
                texts.set_pod(&pod.uid, json);
            }
        }
        if pod.is_terminal {
            self.remove_pod(&pod.uid);
        } else if pod.node_name != EMPTY {
            self.set_bound(pod);
        } else if self.frameworks.iter().any(|f| f.profile.scheduler_name[..] == pod.scheduler_name[..]) {
            self.set_pending(pod);
        }
        Ok(())
    }

    fn set_bound(&mut self, pod: Arc<PodInfo>) {
        self.queue.remove(&pod.uid);
        self.cache.groups.add(&pod);
        let was_assumed = self.in_flight.remove(&pod.uid).is_some();
        let old = self.cache.set_pod(pod.clone(), pod.node_name);
        self.settle(&pod, pod.node_name);
        if pod.is_deleted {
            self.cache.evictions.seen(&pod.uid);
        }
        match old {
            Some(old) if !was_assumed => {
                if old.shape != pod.shape {
                    self.wake(&ClusterEvent::AssignedPodUpdated { old: &old, pod: &pod });
                }
            }
            _ => self.wake(&ClusterEvent::AssignedPodAdded { pod: &pod }),
        }
    }

    fn set_pending(&mut self, mut pod: Arc<PodInfo>) {
        if let Some(flying) = self.in_flight.get_mut(&pod.uid) {
            flying.info = pod;
            return;
        }
        let told = pod.nominated_node_name;
        if let Some(queued) = self.queue.get(&pod.uid).filter(|queued| queued.told_node_name == told) {
            // The API has nothing new to say about it: what was decided here since then stands.
            pod = with_nomination(pod, queued.info.nominated_node_name);
        }
        self.nominate(&pod, pod.nominated_node_name);
        let profile = self.program_of(&pod);
        let known = match self.queue.get(&pod.uid) {
            Some(queued) if queued.info.priority == pod.priority => queued.info.clone(),
            _ => {
                self.queue.remove(&pod.uid);
                self.cache.groups.add(&pod);
                let gate = self.frameworks[profile].pre_enqueue(&pod, &world!(self));
                let group = groups::key_of(&pod);
                self.queue.add(pod, profile, self.now_s, gate);
                return self.gather(&group);
            }
        };
        self.queue.set_told_node_name(&pod.uid, told);
        self.queue.replace(pod.clone());
        let is_changed = known.shape != pod.shape || known.gates != pod.gates;
        let event = ClusterEvent::PodUpdated { old: &known, pod: &pod };
        if (pod.is_deleted && !known.is_deleted) || (is_changed && self.is_hopeful(&pod.uid, &event)) {
            self.move_on(&pod.uid);
        }
    }

    /// A pod that is gone. Unknown uids are fine.
    pub fn remove_pod(&mut self, uid: &str) {
        if let Some(texts) = &self.texts {
            texts.write().expect(UNBROKEN).remove_pod(uid);
        }
        self.cache.evictions.seen(uid);
        self.cache.groups.remove(uid);
        if let Some(queued) = self.queue.remove(uid).or_else(|| self.in_flight.remove(uid)) {
            self.settle(&queued.info, EMPTY);
        }
        self.release(uid);
    }

    /// Frees what the pod holds, and tells those who wait for it.
    fn release(&mut self, uid: &str) {
        if let Some(pod) = self.cache.remove_pod(uid) {
            self.wake(&ClusterEvent::AssignedPodDeleted { pod: &pod });
        }
    }

    /// The binding has been committed: the pod is on its node, with the node's topology labels.
    pub fn confirm(&mut self, uid: &str) {
        if self.in_flight.remove(uid).is_none() {
            return;
        }
        let Some(pod) = self.cache.pod(uid).cloned() else { return };
        let labels = self.topology_of(pod.node_name);
        let pod = if labels.is_empty() {
            pod
        } else {
            let shape = self.shapes.labelled(&pod.shape, &labels);
            let labelled = Arc::new(PodInfo { shape, ..(*pod).clone() });
            self.cache.set_pod(labelled.clone(), pod.node_name);
            labelled
        };
        self.wake(&ClusterEvent::AssignedPodAdded { pod: &pod });
    }

    /// The labels of the node that its pods get, as texts.
    pub fn topology_labels(&self, node: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(name) = self.symbols.find(node) else { return Vec::new() };
        let text = |symbol| self.symbols.shared(symbol);
        self.topology_of(name).into_iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    fn topology_of(&self, node: Symbol) -> Vec<(Symbol, Symbol)> {
        let Some(info) = self.cache.node(node) else { return Vec::new() };
        let label = |key: &Symbol| info.facts.label(*key).map(|label| (label.key, label.value));
        self.topology_keys.iter().filter_map(label).collect()
    }

    /// The binding failed: the node is free again, the pod backs off. Or the pod's victims could not be evicted: it waits
    /// for them no more. False when there was neither.
    pub fn forget(&mut self, uid: &str) -> bool {
        let Some(queued) = self.in_flight.remove(uid) else { return self.stop_evicting(uid) };
        let framework = &self.frameworks[self.program_of(&queued.info)];
        unreserve(framework, &queued.info, &mut self.objects);
        self.release(uid);
        self.queue.add_error(queued, self.now_s);
        true
    }

    /// Moves time on: backoffs end, waits of five minutes end.
    pub fn advance(&mut self, now_s: f64) {
        if now_s > self.now_s {
            self.now_s = now_s;
            self.queue.advance(now_s);
        }
    }

    /// When `schedule_one` should next be called; None when only an event can bring work.
    pub fn next_deadline_s(&self) -> Option<f64> {
        if self.decided.is_empty() {
            self.queue.next_deadline_s(self.now_s)
        } else {
            Some(self.now_s)
        }
    }

    /// How the pod would fare now, node by node, as JSON. Changes nothing.
    pub fn evaluate(&mut self, json: &[u8]) -> Result<Vec<u8>, SchedulerError> {
        let pod = PodInfo::parse(json, &mut self.symbols, &mut self.shapes)?;
        self.cache.look();
        self.cache.refresh_order();
        let luck = Luck { start: self.start, draw: self.random.peek() };
        let framework = &self.frameworks[self.program_of(&pod)];
        let texts = self.texts.as_ref().map(|texts| (texts, pod.uid.clone()));
        let known = texts.as_ref().and_then(|(texts, uid)| texts.write().expect(UNBROKEN).set_pod(uid, json));
        let answer = evaluate::evaluate(&mut self.cycle, &pod, framework, &world!(self), luck);
        if let Some((texts, uid)) = texts {
            texts.write().expect(UNBROKEN).restore_pod(&uid, known);
        }
        Ok(answer)
    }

    pub fn counts(&self) -> QueueCounts {
        self.queue.counts()
    }

    /// Attempts that the index answered.
    pub fn indexed_count(&self) -> u64 {
        self.index.as_ref().map_or(0, Index::answer_count)
    }

    pub fn node_count(&self) -> usize {
        self.cache.node_count()
    }

    /// Pods that hold a node's resources, assumed ones included.
    pub fn bound_count(&self) -> usize {
        self.cache.pod_count()
    }

    pub fn assumed_count(&self) -> usize {
        self.in_flight.len()
    }

    /// The profile that the pod asks for; the first for one that asks for another scheduler (dry runs only).
    fn program_of(&self, pod: &PodInfo) -> usize {
        let wanted = |f: &Framework| f.profile.scheduler_name[..] == pod.scheduler_name[..];
        self.frameworks.iter().position(wanted).unwrap_or(0)
    }

    fn framework_of(&self, pod: &PodInfo) -> &Framework {
        &self.frameworks[self.program_of(pod)]
    }
}

fn reference(pod: &PodInfo) -> PodReference {
    (pod.namespace.to_string(), pod.name.to_string(), pod.uid.to_string())
}

fn unreserve(framework: &Framework, pod: &PodInfo, objects: &mut Objects) {
    for index in framework.reserve.iter().rev() {
        framework.plugins[*index].unreserve(pod, objects);
    }
}

fn text_of(writes: Vec<Value>) -> Vec<u8> {
    if writes.is_empty() {
        return Vec::new();
    }
    Value::Array(writes).to_string().into_bytes()
}
