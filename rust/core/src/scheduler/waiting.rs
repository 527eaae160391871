//! Pods that wait for an event, by the plugins that refused them: an event for which nobody waits costs nothing.
//!
//! Invariant: holds the queue's unschedulable and gated pods, once under each of their rejectors.
//! Not here: what plugins hope for (the engine asks them).

use super::plugins::ActiveKey;
use std::collections::BTreeMap;
use std::sync::Arc;

type Pods = BTreeMap<ActiveKey, Arc<str>>;

#[derive(Debug, Default)]
pub struct Waiting {
    /// By profile: bit i is set when pods wait for plugin i, and the pods by plugin.
    profiles: Vec<(u64, Vec<Pods>)>,
}

impl Waiting {
    pub fn insert(&mut self, profile: usize, plugins: u64, key: ActiveKey, uid: &Arc<str>) {
        if self.profiles.len() <= profile {
            self.profiles.resize_with(profile + 1, Default::default);
        }
        let (mask, pods) = &mut self.profiles[profile];
        for plugin in bits(plugins) {
            if pods.len() <= plugin {
                pods.resize_with(plugin + 1, Default::default);
            }
            pods[plugin].insert(key, uid.clone());
        }
        *mask |= plugins;
    }

    pub fn remove(&mut self, profile: usize, plugins: u64, key: ActiveKey) {
        let (mask, pods) = &mut self.profiles[profile];
        for plugin in bits(plugins) {
            pods[plugin].remove(&key);
            if pods[plugin].is_empty() {
                *mask &= !(1 << plugin);
            }
        }
    }

    /// The plugins of the profile that some pod waits for.
    pub fn plugins(&self, profile: usize) -> impl Iterator<Item = usize> {
        bits(self.profiles.get(profile).map_or(0, |(mask, _)| *mask))
    }

    /// The pods that the plugin refused, oldest first.
    pub fn pods(&self, profile: usize, plugin: usize) -> &Pods {
        &self.profiles[profile].1[plugin]
    }
}

/// The positions of the bits that are set.
pub fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let lowest = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            lowest
        })
    })
}
