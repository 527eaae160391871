//! Templates: pods that differ only in name, uid and node are parsed once.
//!
//! A pod made from a template costs one pass over its bytes: its labels, owners, spec and status are compared with those
//! of a pod that was parsed before, and the rest is copied from it.
//! Always true: the answer equals `PodInfo::parse`'s on the same bytes.
//! Invariant: a pod whose shape depends on its name, or on what its status says of its containers, makes no template.
//! Not here: parsing (see `pod`), cutting up the bytes (see `raw_pod`).

use super::interner::Interner;
use super::pod::{PodInfo, Shapes};
use super::raw_pod::{key_offsets, Expected, RawPod};
use super::SchedulerError;
use memchr::memmem;
use rustc_hash::{FxHashMap, FxHasher};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// All templates are dropped when there would be more: they come again within one pod each.
const TEMPLATES_MAX: usize = 512;
/// A larger pod is parsed anew each time.
const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// In a spec: what lets the shape depend on the pod's name or on its status.
const UNUSUAL_IN_SPEC: [&str; 2] = ["\"ephemeral\"", "\"resourceClaims\""];
const UNUSUAL_IN_STATUS: [&str; 3] =
    ["\"containerStatuses\"", "\"initContainerStatuses\"", "\"resourceClaimStatuses\""];

#[derive(Debug)]
struct Template {
    labels: Box<[u8]>,
    owners: Box<[u8]>,
    spec: Box<[u8]>,
    spec_keys: Vec<usize>,
    status: Box<[u8]>,
    pod: PodInfo,
}

#[derive(Debug, Default)]
pub struct Templates {
    templates: Vec<Template>,
    by_content: FxHashMap<u64, usize>,
    /// The one met last, most likely the next one's.
    last: usize,
}

impl Templates {
    /// As `PodInfo::parse`.
    pub fn parse(
        &mut self,
        json: &[u8],
        symbols: &mut Interner,
        shapes: &mut Shapes,
    ) -> Result<PodInfo, SchedulerError> {
        let last = self.templates.get(self.last);
        let expected = last.map_or(Expected::default(), Template::expected);
        let Ok(mut raw) = RawPod::read(json, expected) else { return PodInfo::parse(json, symbols, shapes) };
        if raw.name.is_empty() || raw.is_deleted {
            return PodInfo::parse(json, symbols, shapes);
        }
        if let Some(template) = last.filter(|t| t.is_of(&raw)) {
            return Ok(template.make(&raw, symbols));
        }
        if raw.is_spec_expected {
            (raw.spec, raw.is_spec_expected) = (Cow::Owned(expected.spec.to_vec()), false);
        }
        let hash = content_hash(&raw);
        if let Some(at) = self.by_content.get(&hash).copied().filter(|at| self.templates[*at].is_of(&raw)) {
            self.last = at;
            return Ok(self.templates[at].make(&raw, symbols));
        }
        let pod = PodInfo::parse(json, symbols, shapes)?;
        if json.len() <= TEMPLATE_BYTES_MAX && is_usual(&raw) {
            self.add(hash, Template::new(&raw, pod.clone()));
        }
        Ok(pod)
    }

    fn add(&mut self, hash: u64, template: Template) {
        if self.templates.len() >= TEMPLATES_MAX {
            self.templates.clear();
            self.by_content.clear();
        }
        self.last = self.templates.len();
        self.by_content.insert(hash, self.last);
        self.templates.push(template);
    }
}

impl Template {
    fn new(raw: &RawPod, pod: PodInfo) -> Template {
        Template {
            labels: raw.labels.into(),
            owners: raw.owners.into(),
            spec: (&*raw.spec).into(),
            spec_keys: key_offsets(&raw.spec),
            status: raw.status.into(),
            pod,
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected { labels: &self.labels, spec: &self.spec, spec_keys: &self.spec_keys, status: &self.status }
    }

    /// For a pod that was read with this template's parts expected, or one with its spec at hand.
    fn is_of(&self, raw: &RawPod) -> bool {
        *self.pod.namespace == *raw.namespace
            && (raw.is_spec_expected || *self.spec == *raw.spec)
            && *self.status == *raw.status
            && *self.labels == *raw.labels
            && *self.owners == *raw.owners
    }

    fn make(&self, raw: &RawPod, symbols: &mut Interner) -> PodInfo {
        let uid: Arc<str> = match &*raw.uid {
            "" => Arc::from(format!("{}/{}", raw.namespace, raw.name)),
            uid => Arc::from(uid),
        };
        let node_name = symbols.intern(&raw.node_name);
        PodInfo { uid, name: Arc::from(&*raw.name), node_name, ..self.pod.clone() }
    }
}

fn is_usual(raw: &RawPod) -> bool {
    let has = |bytes: &[u8], word: &&str| memmem::find(bytes, word.as_bytes()).is_some();
    !UNUSUAL_IN_SPEC.iter().any(|word| has(&raw.spec, word))
        && !UNUSUAL_IN_STATUS.iter().any(|word| has(raw.status, word))
}

fn content_hash(raw: &RawPod) -> u64 {
    let mut hasher = FxHasher::default();
    (&*raw.namespace, raw.labels, raw.owners, &*raw.spec, raw.status).hash(&mut hasher);
    hasher.finish()
}
