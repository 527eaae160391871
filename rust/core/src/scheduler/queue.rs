//! The queue of pending pods: active, backing off, unschedulable, gated.
//!
//! Invariant: a pod is in exactly one place, and that place's index holds it once.
//! Invariant: a pod refused by plugins leaves the unschedulable set only for an event that one of them hopes for, for
//! its own update, or after five minutes.
//! Not here: what plugins hope for (the caller asks them), pods whose binding is under way (see `engine`).

use super::interner::Symbol;
use super::plugins::ActiveKey;
use super::pod::PodInfo;
use super::waiting::Waiting;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pod is tried again after this long whatever happens; looked at on every whole `FLUSH_EVERY_S`.
const UNSCHEDULABLE_MAX_S: f64 = 300.0;
const FLUSH_EVERY_S: f64 = 30.0;

/// Doublings beyond this cannot matter: 1 s << 20 is longer than any cap in use.
const DOUBLINGS_MAX: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Active(ActiveKey),
    Backoff(BackoffKey),
    Unschedulable,
    /// Held back by a PreEnqueue plugin.
    Gated,
}

/// (expiry in whole seconds, order among equals).
type BackoffKey = (i64, ActiveKey);

/// A pending pod and its history.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    pub info: Arc<PodInfo>,
    /// When it last entered the queue or was refused.
    pub timestamp_s: f64,
    pub attempts: u32,
    pub unschedulable_count: u32,
    pub consecutive_errors_count: u32,
    /// Bit i: plugin i of the framework refused it. 0 after an error.
    pub rejectors: u64,
    /// The framework's position: what `rejectors` is about.
    pub profile: usize,
    /// The nomination that the API last had.
    pub told_node_name: Symbol,
    arrival: u64,
    place: Place,
}

impl QueuedPod {
    /// Its position in the active queue.
    pub fn key(&self) -> ActiveKey {
        ActiveKey::new(self.info.priority, self.timestamp_s, self.arrival)
    }

    /// For an event.
    fn is_waiting(&self) -> bool {
        matches!(self.place, Place::Unschedulable | Place::Gated)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub initial_s: f64,
    pub max_s: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub active: usize,
    pub backoff: usize,
    pub unschedulable: usize,
    pub gated: usize,
}

#[derive(Debug)]
pub struct Queue {
    backoff: Backoff,
    pods: FxHashMap<Arc<str>, QueuedPod>,
    active: BTreeMap<ActiveKey, Arc<str>>,
    /// Refused by plugins: may be popped early when nothing is active.
    backing_off: BTreeMap<BackoffKey, Arc<str>>,
    /// Failed by an error: waits its time out.
    backing_off_error: BTreeMap<BackoffKey, Arc<str>>,
    unschedulable: BTreeMap<ActiveKey, Arc<str>>,
    waiting: Waiting,
    gated_count: usize,
    arrivals: u64,
}

impl Queue {
    pub fn new(backoff: Backoff) -> Queue {
        Queue {
            backoff,
            pods: FxHashMap::default(),
            active: BTreeMap::new(),
            backing_off: BTreeMap::new(),
            backing_off_error: BTreeMap::new(),
            unschedulable: BTreeMap::new(),
            waiting: Waiting::default(),
            gated_count: 0,
            arrivals: 0,
        }
    }

    pub fn counts(&self) -> QueueCounts {
        QueueCounts {
            active: self.active.len(),
            backoff: self.backing_off.len() + self.backing_off_error.len(),
            unschedulable: self.unschedulable.len(),
            gated: self.gated_count,
        }
    }

    pub fn get(&self, uid: &str) -> Option<&QueuedPod> {
        self.pods.get(uid)
    }

    /// A pod that is here.
    pub fn pod(&self, uid: &str) -> &QueuedPod {
        &self.pods[uid]
    }

    /// A pod that was not here before. `gate`: the plugin that holds it back.
    pub fn add(&mut self, info: Arc<PodInfo>, profile: usize, now_s: f64, gate: Option<usize>) {
        let mut pod = QueuedPod {
            told_node_name: info.nominated_node_name,
            info,
            profile,
            timestamp_s: now_s,
            attempts: 0,
            unschedulable_count: 0,
            consecutive_errors_count: 0,
            rejectors: 0,
            arrival: 0,
            place: Place::Gated,
        };
        match gate {
            Some(plugin) => {
                pod.rejectors = 1 << plugin;
                self.insert(pod, Place::Gated);
            }
            None => self.activate(pod),
        }
    }

    /// New facts about a pod that stays where it is.
    pub fn replace(&mut self, info: Arc<PodInfo>) {
        if let Some(pod) = self.pods.get_mut(&info.uid) {
            pod.info = info;
        }
    }

    /// What the API says about a pod's nomination.
    pub fn set_told_node_name(&mut self, uid: &str, node_name: Symbol) {
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.told_node_name = node_name;
        }
    }

    pub fn remove(&mut self, uid: &str) -> Option<QueuedPod> {
        let pod = self.pods.remove(uid)?;
        match pod.place {
            Place::Active(key) => drop(self.active.remove(&key)),
            Place::Backoff(key) => drop(self.backing_off_map(&pod).remove(&key)),
            Place::Unschedulable => drop(self.unschedulable.remove(&waiting_key(&pod))),
            Place::Gated => self.gated_count -= 1,
        }
        if pod.is_waiting() {
            self.waiting.remove(pod.profile, pod.rejectors, waiting_key(&pod));
        }
        Some(pod)
    }

    /// Those of the pods that are not gated, to be tried now.
    pub fn take(&mut self, uids: &[Arc<str>]) -> Vec<QueuedPod> {
        let is_free = |uid: &&Arc<str>| self.pods.get(*uid).is_some_and(|pod| pod.place != Place::Gated);
        let free: Vec<&Arc<str>> = uids.iter().filter(is_free).collect();
        let mut taken: Vec<QueuedPod> = free.into_iter().filter_map(|uid| self.remove(uid)).collect();
        taken.iter_mut().for_each(|pod| pod.attempts += 1);
        taken
    }

    /// The next pod to try: the first active one, else the first that backs off after a refusal.
    pub fn pop(&mut self) -> Option<QueuedPod> {
        let first = self.active.values().next().or_else(|| self.backing_off.values().next())?.clone();
        let mut pod = self.remove(&first).expect("indexes hold only uids of pods in the queue");
        pod.attempts += 1;
        Some(pod)
    }

    /// A tried pod that plugins refused.
    pub fn add_unschedulable(&mut self, mut pod: QueuedPod, rejectors: u64, now_s: f64) {
        pod.timestamp_s = now_s;
        pod.rejectors = rejectors;
        if rejectors == 0 {
            // Nobody could say what would help: try again after the backoff, as after an error.
            return self.add_error(pod, now_s);
        }
        pod.unschedulable_count += 1;
        pod.consecutive_errors_count = 0;
        self.insert(pod, Place::Unschedulable);
    }

    /// A tried pod whose cycle or binding failed.
    pub fn add_error(&mut self, mut pod: QueuedPod, now_s: f64) {
        pod.timestamp_s = now_s;
        pod.rejectors = 0;
        pod.consecutive_errors_count += 1;
        self.back_off(pod);
    }

    /// Moves a waiting pod to the active queue, or to backoff when its time is not over.
    pub fn move_on(&mut self, uid: &str, now_s: f64) {
        if !self.pods.get(uid).is_some_and(QueuedPod::is_waiting) {
            return;
        }
        let mut pod = self.remove(uid).expect("looked up three lines above");
        if pod.attempts == 0 {
            (pod.rejectors, pod.timestamp_s) = (0, now_s);
        }
        if self.is_backing_off(&pod, now_s) {
            self.back_off(pod);
        } else {
            self.activate(pod);
        }
    }

    /// A waiting pod that a PreEnqueue plugin does not let go on.
    pub fn hold(&mut self, uid: &str, gate: usize) {
        let Some(pod) = self.pods.get_mut(uid).filter(|pod| pod.is_waiting()) else { return };
        if pod.place != Place::Gated {
            let mut pod = self.remove(uid).expect("looked up two lines above");
            pod.rejectors |= 1 << gate;
            return self.insert(pod, Place::Gated);
        }
        if pod.rejectors & (1 << gate) != 0 {
            return;
        }
        pod.rejectors |= 1 << gate;
        let (profile, key, uid) = (pod.profile, waiting_key(pod), pod.info.uid.clone());
        self.waiting.insert(profile, 1 << gate, key, &uid);
    }

    /// The pods that wait for an event, by the plugins that refused them.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Ends backoffs that are over, and waits of more than five minutes.
    pub fn advance(&mut self, now_s: f64) {
        let now_whole_s = now_s.floor() as i64;
        for is_error in [false, true] {
            while let Some(uid) = self.first_expired(is_error, now_whole_s) {
                let pod = self.remove(&uid).expect("indexes hold only uids of pods in the queue");
                self.activate(pod);
            }
        }
        let flush_s = (now_s / FLUSH_EVERY_S).floor() * FLUSH_EVERY_S;
        let overdue = |uid: &&Arc<str>| flush_s - self.pods[*uid].timestamp_s > UNSCHEDULABLE_MAX_S;
        let stale: Vec<Arc<str>> = self.unschedulable.values().take_while(overdue).cloned().collect();
        for uid in stale {
            self.move_on(&uid, now_s);
        }
    }

    /// When `advance` or `pop` next has something to do; `now_s` when a pod is ready.
    pub fn next_deadline_s(&self, now_s: f64) -> Option<f64> {
        if !self.active.is_empty() || !self.backing_off.is_empty() {
            return Some(now_s);
        }
        let error = self.backing_off_error.keys().next().map(|(expiry_s, _)| (*expiry_s + 1) as f64);
        let flush = self.unschedulable.values().next().map(|oldest| {
            let past = ((self.pods[oldest].timestamp_s + UNSCHEDULABLE_MAX_S) / FLUSH_EVERY_S).floor() + 1.0;
            past * FLUSH_EVERY_S
        });
        [error, flush].into_iter().flatten().reduce(f64::min)
    }

    fn first_expired(&self, is_error: bool, now_whole_s: i64) -> Option<Arc<str>> {
        let map = if is_error { &self.backing_off_error } else { &self.backing_off };
        let ((expiry_s, _), uid) = map.iter().next()?;
        (*expiry_s < now_whole_s).then(|| uid.clone())
    }

    /// The whole second at which the pod's backoff ends; None when it has failed never.
    fn expiry_s(&self, pod: &QueuedPod) -> Option<i64> {
        let failures = match pod.consecutive_errors_count {
            0 => pod.unschedulable_count,
            errors => errors,
        };
        if failures == 0 {
            return None;
        }
        let doubled = self.backoff.initial_s * f64::from(1u32 << (failures - 1).min(DOUBLINGS_MAX));
        Some((pod.timestamp_s + doubled.min(self.backoff.max_s)).floor() as i64)
    }

    fn is_backing_off(&self, pod: &QueuedPod, now_s: f64) -> bool {
        self.expiry_s(pod).is_some_and(|expiry_s| expiry_s >= now_s.floor() as i64)
    }

    fn back_off(&mut self, pod: QueuedPod) {
        let arrival = self.next_arrival();
        let key = ActiveKey::new(pod.info.priority, pod.timestamp_s, arrival);
        let expiry_s = self.expiry_s(&pod).unwrap_or(0);
        self.insert(QueuedPod { arrival, ..pod }, Place::Backoff((expiry_s, key)));
    }

    fn activate(&mut self, pod: QueuedPod) {
        let arrival = self.next_arrival();
        let key = ActiveKey::new(pod.info.priority, pod.timestamp_s, arrival);
        self.insert(QueuedPod { arrival, ..pod }, Place::Active(key));
    }

    fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    fn insert(&mut self, mut pod: QueuedPod, place: Place) {
        let uid = pod.info.uid.clone();
        pod.place = place;
        match place {
            Place::Active(key) => drop(self.active.insert(key, uid.clone())),
            Place::Backoff(key) => drop(self.backing_off_map(&pod).insert(key, uid.clone())),
            Place::Unschedulable => {
                pod.arrival = self.next_arrival();
                self.unschedulable.insert(waiting_key(&pod), uid.clone());
            }
            Place::Gated => {
                pod.arrival = self.next_arrival();
                self.gated_count += 1;
            }
        }
        if pod.is_waiting() {
            self.waiting.insert(pod.profile, pod.rejectors, waiting_key(&pod), &uid);
        }
        let doubled = self.pods.insert(uid, pod);
        debug_assert!(doubled.is_none(), "a pod is removed from its place before it enters another");
    }

    fn backing_off_map(&mut self, pod: &QueuedPod) -> &mut BTreeMap<BackoffKey, Arc<str>> {
        if pod.rejectors == 0 {
            &mut self.backing_off_error
        } else {
            &mut self.backing_off
        }
    }
}

/// Waiting pods are kept in order of arrival, so that what an event moves is moved in a fixed order.
fn waiting_key(pod: &QueuedPod) -> ActiveKey {
    ActiveKey::new(0, pod.timestamp_s, pod.arrival)
}
