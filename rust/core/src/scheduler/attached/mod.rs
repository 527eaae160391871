//! A scheduler inside the store's process: reads the store's changes, commits bindings in batches, without a client.
//!
//! Invariant: what a client sees is what `POST …/binding` does, and the event that the scheduler's recorder writes.
//! Invariant: a batch is committed while the next one is decided; its answers are taken in before the next is sent, so
//! that what comes out does not depend on how fast either is.
//! Not here: deciding (see `engine`), carrying out refusals and preemptions (the caller does).

mod committer;
mod splice;
mod template;

use super::engine::{Decision, Outcome, SchedulerEngine};
use super::SchedulerError;
use crate::store::notifier::Notifier;
use crate::store::read::RangeQuery;
use crate::store::version::{Event, EventKind, Version};
use crate::store::watch::{Budget, WatchOptions, Watcher};
use crate::store::{Store, StoreError};
use committer::{Answers, Binding, Committer, Places};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use std::sync::Arc;
use template::Template;

/// Changes that may wait to be taken in; beyond them the engine is out of date and must be made anew.
/// A change waits as two words: a million pods created and bound at once cost 100 MB.
const BACKLOG_MAX: usize = 4_000_000;

/// What went wrong with reading the store.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("prefixes: {0} is missing")]
    NoPrefix(&'static str),
}

/// One kind of objects: where they lie, and the watch that tells of them.
struct Feed {
    kind: String,
    prefix: String,
    watcher: Arc<Watcher>,
}

/// What one step came to.
#[derive(Default)]
pub struct Step {
    pub attempt_count: usize,
    pub bound_count: usize,
    /// What the caller has to carry out.
    pub decisions: Vec<Decision>,
    pub failures: Vec<(Decision, String)>,
}

pub struct AttachedScheduler {
    store: Arc<Store>,
    feeds: Vec<Feed>,
    committer: Committer,
    /// The placements that are being committed, in the order of their batch.
    sent: Vec<Decision>,
    sent_keys: FxHashSet<Arc<str>>,
    /// Pods without a node as they were last seen: what a binding is made from, unless they change meanwhile.
    pending: FxHashMap<Arc<str>, Arc<Version>>,
    /// Changes of pods whose binding is being committed: whose they are is known when its answer is.
    deferred: Vec<Event>,
    /// Revisions that this scheduler wrote itself and has not yet come across.
    own: VecDeque<i64>,
    /// What has come of batches and not been told yet; no attempts in it.
    told: Step,
    pod_prefix: String,
    is_listed: bool,
    listed: Vec<(usize, Vec<Arc<Version>>)>,
}

impl AttachedScheduler {
    /// `prefixes`: (kind, range). Pod and Node are needed; Event turns events on.
    pub fn new(
        store: Arc<Store>,
        prefixes: &[(String, String)],
        event_template: &[u8],
        seed: u64,
        notifier: Option<Arc<Notifier>>,
    ) -> Result<AttachedScheduler, AttachError> {
        let prefix_of =
            |kind: &str| prefixes.iter().find(|(k, _)| k == kind).map(|(_, prefix)| prefix.clone());
        let pods = prefix_of("Pod").ok_or(AttachError::NoPrefix("Pod"))?;
        let nodes = prefix_of("Node").ok_or(AttachError::NoPrefix("Node"))?;
        let events = prefix_of("Event").filter(|_| !event_template.is_empty()).unwrap_or_default();
        let (mut feeds, mut listed) = (Vec::new(), Vec::new());
        // Nodes first, pods last: what a pod needs is known when it is seen.
        let mut kinds: Vec<&(String, String)> = prefixes.iter().filter(|(kind, _)| kind != "Event").collect();
        kinds.sort_by_key(|(kind, _)| (kind == "Pod", kind != "Node", kind.clone()));
        for (at, (kind, prefix)) in kinds.into_iter().enumerate() {
            let page = store.range(RangeQuery { prefix, ..RangeQuery::default() })?;
            let watcher = store.watch(WatchOptions {
                prefix: prefix.clone(),
                start_revision: page.revision + 1,
                selection: None,
                notifier: notifier.clone(),
                backlog_max: BACKLOG_MAX,
            })?;
            listed.push((at, page.items));
            feeds.push(Feed { kind: kind.clone(), prefix: prefix.clone(), watcher });
        }
        let places = Places { nodes, events };
        Ok(AttachedScheduler {
            committer: Committer::new(store.clone(), places, Template::new(event_template), seed),
            store,
            feeds,
            sent: Vec::new(),
            sent_keys: FxHashSet::default(),
            pending: FxHashMap::default(),
            deferred: Vec::new(),
            own: VecDeque::new(),
            told: Step::default(),
            pod_prefix: pods,
            is_listed: false,
            listed,
        })
    }

    /// Reads what has changed in the store, at most about `max_count` changes of each kind; returns their number.
    pub fn take_in(
        &mut self,
        engine: &mut SchedulerEngine,
        now_s: f64,
        max_count: usize,
    ) -> Result<usize, AttachError> {
        engine.advance(now_s);
        let mut count = self.take_in_lists(engine);
        for at in 0..self.feeds.len() {
            let events = self.store.poll(&self.feeds[at].watcher, Budget::Count(max_count))?;
            count += events.len();
            let is_pod = self.feeds[at].kind == "Pod";
            for event in events {
                if is_pod && self.is_own(&event) {
                    continue;
                }
                if is_pod && self.sent_keys.contains(event.change.key()) {
                    self.deferred.push(event);
                } else {
                    self.apply(engine, at, &event);
                }
            }
        }
        Ok(count)
    }

    fn take_in_lists(&mut self, engine: &mut SchedulerEngine) -> usize {
        if std::mem::replace(&mut self.is_listed, true) {
            return 0;
        }
        let mut count = 0;
        for (at, versions) in std::mem::take(&mut self.listed) {
            count += versions.len();
            for version in versions {
                self.set(engine, at, &version);
            }
        }
        count
    }

    /// True for a change that this scheduler wrote; it has been taken in with the answer to its batch.
    fn is_own(&mut self, event: &Event) -> bool {
        while self.own.front().is_some_and(|revision| *revision < event.revision()) {
            self.own.pop_front();
        }
        let is_own = self.own.front() == Some(&event.revision());
        if is_own {
            self.own.pop_front();
        }
        is_own
    }

    fn apply(&mut self, engine: &mut SchedulerEngine, at: usize, event: &Event) {
        let feed = &self.feeds[at];
        match event.kind {
            EventKind::Added | EventKind::Modified => self.set(engine, at, event.version()),
            EventKind::Deleted => {
                let version = event.version();
                self.pending.remove(&version.key);
                let key = version.key.strip_prefix(&*feed.prefix).unwrap_or(&version.key);
                match feed.kind.as_str() {
                    "Node" => engine.remove_node(key),
                    "Pod" => {
                        let uid = version.object.as_ref().map_or("", |object| object.envelope.uid());
                        engine.remove_pod(if uid.is_empty() { key } else { uid });
                    }
                    kind => engine.remove_object(kind, key),
                }
            }
        }
    }

    /// An object that cannot be read is no reason to stop: it is left as it was, as by the feeder.
    fn set(&mut self, engine: &mut SchedulerEngine, at: usize, version: &Arc<Version>) {
        if self.feeds[at].kind == "Pod" {
            let is_bound = version.object.as_ref().is_some_and(|object| {
                !object.envelope.field_named("spec.nodeName", &object.specs).is_empty()
            });
            if is_bound {
                self.pending.remove(&version.key);
            } else {
                self.pending.insert(version.key.clone(), version.clone());
            }
        }
        let outcome: Result<(), SchedulerError> = match self.feeds[at].kind.as_str() {
            "Node" => engine.set_node(&version.value),
            "Pod" => engine.set_pod(&version.value),
            kind => engine.set_object(kind, &version.value),
        };
        let _ = outcome;
    }

    /// Takes in what has changed, makes up to `max_count` attempts, sends their bindings out.
    pub fn step(
        &mut self,
        engine: &mut SchedulerEngine,
        now_s: f64,
        max_count: usize,
    ) -> Result<Step, AttachError> {
        self.take_in(engine, now_s, max_count.max(1))?;
        let (mut attempt_count, mut placed, mut decisions) = (0, Vec::new(), Vec::new());
        while attempt_count < max_count {
            let Some(decision) = engine.schedule_one(now_s) else { break };
            attempt_count += 1;
            if decision.outcome == Outcome::Scheduled && decision.writes.is_empty() {
                placed.push(decision);
            } else {
                decisions.push(decision);
            }
        }
        self.collect(engine);
        self.send(engine, placed, now_s);
        Ok(Step { attempt_count, decisions, ..std::mem::take(&mut self.told) })
    }

    /// Waits for the bindings on their way.
    pub fn settle(&mut self, engine: &mut SchedulerEngine, now_s: f64) -> Step {
        engine.advance(now_s);
        self.collect(engine);
        std::mem::take(&mut self.told)
    }

    /// Commits one placement whose writes have been made. The error says why not; it is forgotten then.
    pub fn bind(
        &mut self,
        engine: &mut SchedulerEngine,
        decision: Decision,
        now_s: f64,
    ) -> Result<(), String> {
        engine.advance(now_s);
        self.collect(engine);
        let failed_before = self.told.failures.len();
        self.send(engine, vec![decision], now_s);
        self.collect(engine);
        match self.told.failures.len() == failed_before {
            true => Ok(()),
            false => Err(self.told.failures.pop().expect("compared one line above").1),
        }
    }

    fn send(&mut self, engine: &SchedulerEngine, placed: Vec<Decision>, now_s: f64) {
        if placed.is_empty() {
            return;
        }
        let mut bindings = Vec::with_capacity(placed.len());
        for decision in &placed {
            let key = format!("{}{}/{}", self.pod_prefix, decision.pod.namespace, decision.pod.name);
            let (key, seen) = match self.pending.remove_entry(key.as_str()) {
                Some((key, version)) => (key, Some(version)),
                None => (Arc::from(key), None),
            };
            self.sent_keys.insert(key.clone());
            bindings.push(binding_of(engine, decision, key, seen));
        }
        self.sent = placed;
        self.committer.send(bindings, now_s);
    }

    /// Takes in the answers to the batch that is being committed, then what was put off because of it.
    fn collect(&mut self, engine: &mut SchedulerEngine) {
        if self.sent.is_empty() {
            return;
        }
        let answers: Answers = self.committer.wait();
        self.sent_keys.clear();
        for (decision, answer) in std::mem::take(&mut self.sent).into_iter().zip(answers) {
            match answer {
                Ok(revision) => {
                    self.own.push_back(revision);
                    engine.confirm(&decision.pod.uid);
                    self.told.bound_count += 1;
                }
                Err(why) => {
                    engine.forget(&decision.pod.uid);
                    self.told.failures.push((decision, why));
                }
            }
        }
        let pods =
            self.feeds.iter().position(|feed| feed.kind == "Pod").expect("there is always a feed of pods");
        for event in std::mem::take(&mut self.deferred) {
            if !self.is_own(&event) {
                self.apply(engine, pods, &event);
            }
        }
    }

    /// Stops reading. The bindings on their way are committed.
    pub fn close(&mut self, engine: &mut SchedulerEngine) {
        self.collect(engine);
        for feed in &self.feeds {
            self.store.close_watch(&feed.watcher);
        }
    }
}

fn binding_of(
    engine: &SchedulerEngine,
    decision: &Decision,
    key: Arc<str>,
    seen: Option<Arc<Version>>,
) -> Binding {
    Binding {
        key,
        seen,
        uid: decision.pod.uid.clone(),
        namespace: decision.pod.namespace.clone(),
        name: decision.pod.name.clone(),
        node: Arc::from(decision.node_name.as_str()),
        labels: engine.topology_labels(&decision.node_name),
    }
}
