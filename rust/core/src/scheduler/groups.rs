//! PodGroups: which pods belong together, and how many of them must be placed at once.
//!
//! Invariant: a pod is in the group that it names, pending or on a node, until it is gone or has ended.
//! Not here: the placing (see `engine`).

use super::objects::Objects;
use super::pod::PodInfo;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const KIND: &str = "PodGroup";

/// What is said of a pod that fits, in a group that does not.
pub const INCOMPLETE: &str =
    "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled, \
                              one or more plugins asked to wait and no plugin rejected pod";

/// The key of the pod's group, "" for a pod of its own.
pub fn key_of(pod: &PodInfo) -> String {
    if pod.group.is_empty() {
        return String::new();
    }
    format!("{}/{}", pod.namespace, pod.group)
}

/// How many of the group's pods must be placed together; None when there is no such group.
pub fn needed_count(objects: &Objects, key: &str) -> Option<usize> {
    let group = objects.get(KIND, key)?;
    let least = group["spec"]["schedulingPolicy"]["gang"]["minCount"].as_u64().unwrap_or(1);
    Some(least.max(1) as usize)
}

/// The known pods of each group.
#[derive(Debug, Default)]
pub struct Groups {
    /// In the order in which they came.
    members: FxHashMap<Arc<str>, BTreeMap<u64, Arc<str>>>,
    places: FxHashMap<Arc<str>, (Arc<str>, u64)>,
    arrivals: u64,
}

impl Groups {
    pub fn add(&mut self, pod: &PodInfo) {
        if pod.group.is_empty() && self.places.is_empty() {
            return;
        }
        let key = key_of(pod);
        if self.places.get(&pod.uid).map_or("", |(known, _)| known) == key {
            return;
        }
        self.remove(&pod.uid);
        if !key.is_empty() {
            let key: Arc<str> = key.into();
            self.arrivals += 1;
            self.members.entry(key.clone()).or_default().insert(self.arrivals, pod.uid.clone());
            self.places.insert(pod.uid.clone(), (key, self.arrivals));
        }
    }

    pub fn remove(&mut self, uid: &str) {
        let Some((key, place)) = self.places.remove(uid) else { return };
        let members = self.members.get_mut(&key).expect("both tables hold each pod");
        members.remove(&place);
        if members.is_empty() {
            self.members.remove(&key);
        }
    }

    pub fn members(&self, key: &str) -> Vec<Arc<str>> {
        self.members.get(key).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    pub fn count(&self, key: &str) -> usize {
        self.members.get(key).map_or(0, BTreeMap::len)
    }
}
