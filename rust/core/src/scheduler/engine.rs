//! `SchedulerEngine`: nodes and pods in, decisions out.
//!
//! Invariant: a pod is pending in the queue, in flight (assumed, its binding under way), bound in the cache, or unknown.
//! Invariant: time moves only by `advance` and `schedule_one`, and never backwards.
//! Not here: who feeds the engine and writes what it decides (see `pyk8s.scheduler`).

use super::cache::Cache;
use super::cycle::{Cycle, World};
use super::evaluate;
use super::event::ClusterEvent;
use super::framework::Framework;
use super::interner::{Interner, EMPTY};
use super::node::NodeFacts;
use super::plugins;
use super::pod::{PodInfo, Shapes};
use super::queue::{Backoff, Queue, QueueCounts, QueuedPod};
use super::SchedulerError;
use rustc_hash::FxHashMap;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    pub scheduler_name: String,
    /// 0: adaptive, as kube-scheduler's default.
    pub percentage_of_nodes_to_score: usize,
    pub initial_backoff_s: f64,
    pub max_backoff_s: f64,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        SchedulerOptions {
            scheduler_name: "default-scheduler".to_owned(),
            percentage_of_nodes_to_score: 0,
            initial_backoff_s: 1.0,
            max_backoff_s: 10.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Scheduled,
    Unschedulable,
    /// The pod is being deleted: it was not tried, and is out of the queue.
    Skipped,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Scheduled => "scheduled",
            Outcome::Unschedulable => "unschedulable",
            Outcome::Skipped => "skipped",
        }
    }
}

/// What came of one attempt.
#[derive(Debug, Clone)]
pub struct Decision {
    pub pod: Arc<PodInfo>,
    pub outcome: Outcome,
    /// "" unless scheduled.
    pub node_name: String,
    /// "" when scheduled.
    pub message: String,
    /// The plugins that refused the pod on some node, in the profile's order.
    pub plugins: Vec<&'static str>,
    pub attempts: u32,
}

impl Decision {
    /// The Binding to post; empty unless scheduled.
    pub fn binding(&self) -> Vec<u8> {
        match self.outcome {
            Outcome::Scheduled => plugins::binding(&self.pod, &self.node_name),
            _ => Vec::new(),
        }
    }
}

pub struct SchedulerEngine {
    options: SchedulerOptions,
    symbols: Interner,
    shapes: Shapes,
    framework: Framework,
    cycle: Cycle,
    cache: Cache,
    queue: Queue,
    /// Assumed pods and their history, until the binding is seen or forgotten.
    in_flight: FxHashMap<Arc<str>, QueuedPod>,
    start: usize,
    now_s: f64,
}

impl SchedulerEngine {
    pub fn new(options: SchedulerOptions) -> SchedulerEngine {
        let mut symbols = Interner::default();
        let framework = Framework::with_defaults(&mut symbols);
        let cycle = Cycle::new(&framework);
        let backoff = Backoff { initial_s: options.initial_backoff_s, max_s: options.max_backoff_s };
        SchedulerEngine {
            options,
            symbols,
            shapes: Shapes::default(),
            framework,
            cycle,
            cache: Cache::default(),
            queue: Queue::new(backoff),
            in_flight: FxHashMap::default(),
            start: 0,
            now_s: 0.0,
        }
    }

    pub fn set_node(&mut self, json: &[u8]) -> Result<(), SchedulerError> {
        let facts = NodeFacts::parse(json, &mut self.symbols)?;
        if self.cache.node(facts.name).is_some_and(|node| node.facts == facts) {
            return Ok(());
        }
        let old = self.cache.set_node(facts.clone());
        let event = match &old {
            Some(old) => ClusterEvent::NodeUpdated { old, node: &facts },
            None => ClusterEvent::NodeAdded { node: &facts },
        };
        wake(&mut self.queue, &self.framework, &event, self.now_s);
        Ok(())
    }

    pub fn remove_node(&mut self, name: &str) {
        let name = self.symbols.intern(name);
        self.cache.remove_node(name);
    }

    /// A pod as it is now: pending ones enter the queue, bound ones the cache, ended ones leave both.
    pub fn set_pod(&mut self, json: &[u8]) -> Result<(), SchedulerError> {
        let pod = Arc::new(PodInfo::parse(json, &mut self.symbols, &mut self.shapes)?);
        if pod.is_terminal {
            self.remove_pod(&pod.uid);
        } else if pod.node_name != EMPTY {
            self.set_bound(pod);
        } else if pod.scheduler_name[..] == self.options.scheduler_name[..] {
            self.set_pending(pod);
        }
        Ok(())
    }

    fn set_bound(&mut self, pod: Arc<PodInfo>) {
        self.queue.remove(&pod.uid);
        self.in_flight.remove(&pod.uid);
        let node = pod.node_name;
        if let Some(old) = self.cache.set_pod(pod.clone(), node) {
            if old.shape != pod.shape {
                let event = ClusterEvent::AssignedPodScaledDown { old: &old, pod: &pod };
                wake(&mut self.queue, &self.framework, &event, self.now_s);
            }
        }
    }

    fn set_pending(&mut self, pod: Arc<PodInfo>) {
        if let Some(flying) = self.in_flight.get_mut(&pod.uid) {
            flying.info = pod;
            return;
        }
        let gate = self.framework.pre_enqueue(&pod).map(|(plugin, _)| plugin);
        let Some(known) = self.queue.get(&pod.uid) else {
            return self.queue.add(pod, self.now_s, gate);
        };
        let uid = pod.uid.clone();
        let is_gated = gate.is_some();
        let is_changed = known.info.shape != pod.shape
            || known.info.gates != pod.gates
            || (pod.is_deleted && !known.info.is_deleted);
        if known.info.priority == pod.priority {
            self.queue.replace(pod);
        } else {
            self.queue.remove(&uid);
            self.queue.add(pod, self.now_s, gate);
        }
        if is_changed && !is_gated {
            self.queue.move_on(&uid, self.now_s);
        }
    }

    /// A pod that is gone. Unknown uids are fine.
    pub fn remove_pod(&mut self, uid: &str) {
        self.queue.remove(uid);
        self.in_flight.remove(uid);
        if let Some(pod) = self.cache.remove_pod(uid) {
            let event = ClusterEvent::AssignedPodDeleted { pod: &pod };
            wake(&mut self.queue, &self.framework, &event, self.now_s);
        }
    }

    /// Takes the next pod and decides. A scheduled pod is assumed on its node from then on.
    pub fn schedule_one(&mut self, now_s: f64) -> Option<Decision> {
        self.advance(now_s);
        let queued = self.queue.pop()?;
        if queued.info.is_deleted {
            let pod = queued.info;
            let message = format!("skip schedule deleting pod: {}/{}", pod.namespace, pod.name);
            return Some(Decision::refused(pod, Outcome::Skipped, message, Vec::new(), queued.attempts));
        }
        self.cache.refresh_order();
        let world = World { framework: &self.framework, cache: &self.cache, symbols: &self.symbols };
        let percentage = self.options.percentage_of_nodes_to_score;
        let attempt = self.cycle.run(&queued.info, &world, self.start, percentage, None);
        self.start = (self.start + attempt.examined_count) % self.cache.node_count().max(1);
        let Some(position) = attempt.chosen else {
            let plugins = self.plugin_names(attempt.rejectors);
            let (pod, attempts) = (queued.info.clone(), queued.attempts);
            self.queue.add_unschedulable(queued, attempt.rejectors, self.now_s);
            return Some(Decision::refused(pod, Outcome::Unschedulable, attempt.message, plugins, attempts));
        };
        let node = self.cache.at(position).facts.name;
        Some(self.assume(queued, node))
    }

    /// Up to `max_count` attempts; fewer when no pod is ready.
    pub fn schedule(&mut self, now_s: f64, max_count: usize) -> Vec<Decision> {
        std::iter::from_fn(|| self.schedule_one(now_s)).take(max_count).collect()
    }

    fn assume(&mut self, queued: QueuedPod, node: u32) -> Decision {
        let pod = queued.info.clone();
        self.cache.set_pod(pod.clone(), node);
        let attempts = queued.attempts;
        self.in_flight.insert(pod.uid.clone(), queued);
        Decision {
            pod,
            outcome: Outcome::Scheduled,
            node_name: self.symbols.text(node).to_owned(),
            message: String::new(),
            plugins: Vec::new(),
            attempts,
        }
    }

    /// The binding failed: the node is free again, the pod backs off. True when it was in flight.
    pub fn forget(&mut self, uid: &str) -> bool {
        let Some(queued) = self.in_flight.remove(uid) else { return false };
        if let Some(pod) = self.cache.remove_pod(uid) {
            let event = ClusterEvent::AssignedPodDeleted { pod: &pod };
            wake(&mut self.queue, &self.framework, &event, self.now_s);
        }
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
        self.queue.next_deadline_s(self.now_s)
    }

    /// How the pod would fare now, node by node, as JSON. Changes nothing.
    pub fn evaluate(&mut self, json: &[u8]) -> Result<Vec<u8>, SchedulerError> {
        let pod = PodInfo::parse(json, &mut self.symbols, &mut self.shapes)?;
        self.cache.refresh_order();
        let world = World { framework: &self.framework, cache: &self.cache, symbols: &self.symbols };
        Ok(evaluate::evaluate(
            &mut self.cycle,
            &pod,
            &world,
            self.start,
            self.options.percentage_of_nodes_to_score,
        ))
    }

    pub fn counts(&self) -> QueueCounts {
        self.queue.counts()
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

    fn plugin_names(&self, bits: u64) -> Vec<&'static str> {
        let plugins = self.framework.plugins.iter().enumerate();
        plugins.filter(|(i, _)| bits & (1 << i) != 0).map(|(_, p)| p.name()).collect()
    }
}

impl Decision {
    fn refused(
        pod: Arc<PodInfo>,
        outcome: Outcome,
        message: String,
        plugins: Vec<&'static str>,
        attempts: u32,
    ) -> Decision {
        Decision { pod, outcome, node_name: String::new(), message, plugins, attempts }
    }
}

/// Moves the waiting pods for which a plugin that refused them hopes for this event.
fn wake(queue: &mut Queue, framework: &Framework, event: &ClusterEvent, now_s: f64) {
    let hopes = |pod: &&QueuedPod| {
        let mut plugins = framework.plugins.iter().enumerate();
        plugins.any(|(i, plugin)| pod.rejectors & (1 << i) != 0 && plugin.hint(&pod.info, event))
    };
    let moved: Vec<Arc<str>> = queue.waiting().filter(hopes).map(|p| p.info.uid.clone()).collect();
    for uid in moved {
        queue.move_on(&uid, now_s);
    }
}
