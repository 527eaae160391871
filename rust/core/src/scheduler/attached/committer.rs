//! Commits bindings: a thread that turns placements into writes, one batch at a time.
//!
//! Invariant: a batch is committed in its order, each binding at a revision of its own; the answer comes before the next.
//! Invariant: a binding that meets another write is made again from the newer pod, at most `TRIES_MAX` times.
//! Not here: what the engine makes of the answer (see `scheduler`).

use super::splice;
use super::template::{Facts, Template};
use crate::object::time::{Precision, Time};
use crate::scheduler::random::SplitMix64;
use crate::store::version::Version;
use crate::store::write::{BatchWrite, Precondition};
use crate::store::{Store, StoreError};
use rustc_hash::FxHashMap;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;

/// As the API server's binding.
const TRIES_MAX: usize = 6;
/// How long an event lives, as kube-apiserver's `--event-ttl`.
const EVENT_TTL_S: f64 = 3600.0;
/// One lease serves the events of a minute, at most so many: to grant one for each event would double what expires.
const LEASE_REUSE_S: f64 = 60.0;
const LEASE_KEYS_MAX: usize = 1000;

/// One placement to be written.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The pod's key in the store.
    pub key: Arc<str>,
    /// The pod as it was when it was decided, when that is known.
    pub seen: Option<Arc<Version>>,
    pub uid: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub node: Arc<str>,
    /// The node's topology labels.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

/// What became of a batch: one answer for each binding, the revision or why not.
pub type Answers = Vec<Result<i64, String>>;

/// Where nodes and events lie.
#[derive(Clone, Debug)]
pub struct Places {
    pub nodes: String,
    /// "" writes no events.
    pub events: String,
}

struct Batch {
    bindings: Vec<Binding>,
    now_s: f64,
}

pub struct Committer {
    batches: Option<Sender<Batch>>,
    answers: Receiver<Answers>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub fn new(store: Arc<Store>, places: Places, template: Template, seed: u64) -> Committer {
        let (batches, inbox) = channel::<Batch>();
        let (outbox, answers) = channel();
        let mut writer = Writer {
            store,
            places,
            template,
            random: SplitMix64::new(seed),
            lease: Lease::default(),
            last_ns: 0,
        };
        let work = move || {
            while let Ok(batch) = inbox.recv() {
                if outbox.send(writer.commit(&batch.bindings, batch.now_s)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("binding".into()).spawn(work);
        let thread = thread.expect("the machine can start one more thread");
        Committer { batches: Some(batches), answers, thread: Some(thread) }
    }

    /// Sends a batch; `wait` must be called before the next.
    pub fn send(&self, bindings: Vec<Binding>, now_s: f64) {
        let batches = self.batches.as_ref().expect("a committer takes batches until it is dropped");
        batches.send(Batch { bindings, now_s }).expect("the thread works until its inbox closes");
    }

    pub fn wait(&self) -> Answers {
        self.answers.recv().expect("the thread answers every batch")
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told of by `wait`; there is nobody left to tell here.
            let _ = thread.join();
        }
    }
}

#[derive(Default)]
struct Lease {
    id: i64,
    granted_s: f64,
    used_count: usize,
}

/// What the tries of one batch share.
struct Tries<'a> {
    is_first: bool,
    now: &'a str,
    /// The nodes that were looked up, and whether they are there.
    nodes: FxHashMap<&'a str, bool>,
}

struct Writer {
    store: Arc<Store>,
    places: Places,
    template: Template,
    random: SplitMix64,
    lease: Lease,
    last_ns: u128,
}

impl Writer {
    fn commit(&mut self, bindings: &[Binding], now_s: f64) -> Answers {
        let now = rfc3339(now_s);
        let mut answers: Vec<Option<Result<i64, String>>> = bindings.iter().map(|_| None).collect();
        let mut versions = vec![0; bindings.len()];
        let mut tries = Tries { is_first: true, now: &now, nodes: FxHashMap::default() };
        for _ in 0..TRIES_MAX {
            let open: Vec<usize> = (0..bindings.len()).filter(|i| answers[*i].is_none()).collect();
            if open.is_empty() {
                break;
            }
            self.try_once(bindings, &open, &mut tries, &mut answers, &mut versions);
            tries.is_first = false;
        }
        let contended = || {
            Err("the object has been modified; please apply your changes to the latest version and try again"
                .to_owned())
        };
        let answers: Answers = answers.into_iter().map(|answer| answer.unwrap_or_else(contended)).collect();
        self.tell(bindings, &answers, &versions, now_s, &now);
        answers
    }

    /// Writes the open bindings; those that met another write stay open.
    fn try_once<'a>(
        &self,
        bindings: &'a [Binding],
        open: &[usize],
        tries: &mut Tries<'a>,
        answers: &mut [Option<Result<i64, String>>],
        versions: &mut [i64],
    ) {
        let mut writes = Vec::with_capacity(open.len());
        let mut written = Vec::with_capacity(open.len());
        for at in open.iter().copied() {
            match self.prepare(&bindings[at], tries) {
                Ok((write, version)) => {
                    versions[at] = version;
                    writes.push(write);
                    written.push(at);
                }
                Err(why) => answers[at] = Some(Err(why)),
            }
        }
        match self.store.put_batch(&writes) {
            Ok(outcomes) => {
                for (at, outcome) in written.into_iter().zip(outcomes) {
                    match outcome {
                        Ok(revision) => answers[at] = Some(Ok(revision)),
                        // Changed or gone since it was seen: the next try reads it.
                        Err(StoreError::Conflict { .. } | StoreError::KeyNotFound { .. }) => {}
                        Err(error) => answers[at] = Some(Err(error.to_string())),
                    }
                }
            }
            Err(error) => written.into_iter().for_each(|at| answers[at] = Some(Err(error.to_string()))),
        }
    }

    /// The write that binds a pod, and the version of the pod that it was made from.
    fn prepare<'a>(&self, binding: &'a Binding, tries: &mut Tries<'a>) -> Result<(BatchWrite, i64), String> {
        let Binding { key, seen, uid, name, node, labels, .. } = binding;
        let living = match seen {
            // Should it have changed, the write is refused and the next try reads it.
            Some(seen) if tries.is_first => Some(seen.clone()),
            _ => self.store.get(key, 0).map_err(|e| e.to_string())?,
        };
        let living = living.ok_or_else(|| format!("pods \"{name}\" not found"))?;
        if let Some(object) = &living.object {
            let found = object.envelope.uid();
            if !found.is_empty() && found != &**uid {
                return Err(format!(
                    "Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
                ));
            }
            if object.envelope.is_deleting() {
                return Err(format!("pod {name} is being deleted, cannot be assigned to a host"));
            }
            let bound_to = object.envelope.field_named("spec.nodeName", &object.specs);
            if !bound_to.is_empty() {
                return Err(format!("pod {name} is already assigned to node \"{bound_to}\""));
            }
        }
        let is_there = *tries.nodes.entry(node).or_insert_with(|| self.has_node(node));
        if !is_there {
            return Err(format!("nodes \"{node}\" not found"));
        }
        let value =
            splice::bound(&living.value, node, labels, tries.now).ok_or("the stored pod cannot be read")?;
        let precondition = Precondition::Revision(living.mod_revision);
        Ok((BatchWrite { key: key.to_string(), value, lease: 0, precondition }, living.mod_revision))
    }

    fn has_node(&self, node: &str) -> bool {
        self.store.get(&format!("{}{node}", self.places.nodes), 0).is_ok_and(|found| found.is_some())
    }

    /// Writes an event for each binding that was committed. An event that cannot be written is dropped.
    fn tell(&mut self, bindings: &[Binding], answers: &Answers, versions: &[i64], now_s: f64, now: &str) {
        if self.places.events.is_empty() {
            return;
        }
        let mut writes = Vec::with_capacity(bindings.len());
        for ((binding, answer), version) in bindings.iter().zip(answers).zip(versions) {
            if answer.is_err() {
                continue;
            }
            self.last_ns = ((now_s * 1e9) as u128).max(self.last_ns + 1);
            let name = format!("{}.{:x}", binding.name, self.last_ns);
            let (event_uid, version) = (self.uid(), version.to_string());
            let facts = Facts {
                name: &name,
                namespace: &binding.namespace,
                pod: &binding.name,
                uid: &binding.uid,
                version: &version,
                node: &binding.node,
                event_uid: &event_uid,
                now,
            };
            let Ok(lease) = self.lease(now_s) else { return };
            writes.push(BatchWrite {
                key: format!("{}{}/{name}", self.places.events, binding.namespace),
                value: self.template.filled(&facts),
                lease,
                precondition: Precondition::Absent,
            });
        }
        // As client-go's recorder: an event is never worth failing what it tells of.
        let _ = self.store.put_batch(&writes);
    }

    fn lease(&mut self, now_s: f64) -> Result<i64, StoreError> {
        let lease = &mut self.lease;
        if lease.id == 0 || lease.used_count >= LEASE_KEYS_MAX || now_s - lease.granted_s > LEASE_REUSE_S {
            let id = self.store.lease_grant(EVENT_TTL_S + LEASE_REUSE_S, now_s, 0)?;
            *lease = Lease { id, granted_s: now_s, used_count: 0 };
        }
        lease.used_count += 1;
        Ok(lease.id)
    }

    /// A random uid, version 4.
    fn uid(&mut self) -> String {
        let (high, low) = (self.random.next(), self.random.next());
        let (high, low) = (high & !0xF000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

/// The time as Kubernetes writes it, in whole seconds.
pub fn rfc3339(now_s: f64) -> String {
    let time = Time::of(now_s.floor() as i64, 0).and_then(|time| time.to_text(Precision::Seconds));
    time.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}
