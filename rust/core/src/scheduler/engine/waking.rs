//! Waking: what changes in the cluster lets waiting pods be tried again.
//!
//! Invariant: a pod is moved only when a plugin that refused it hopes for the event, and in order of arrival.
//! Not here: what plugins hope for (each plugin's `hint`).

use super::*;
use crate::scheduler::waiting::bits;

impl SchedulerEngine {
    /// Moves the waiting pods for which a plugin that refused them hopes for this event.
    pub(super) fn wake(&mut self, event: &ClusterEvent) {
        let (world, waiting) = (world!(self), self.queue.waiting());
        let mut moved: Vec<(ActiveKey, Arc<str>)> = Vec::new();
        for (profile, framework) in self.frameworks.iter().enumerate() {
            for index in waiting.plugins(profile) {
                let plugin = &framework.plugins[index];
                if plugin.hoped_for() & event.kind() == 0 {
                    continue;
                }
                let hopes = |uid: &Arc<str>| plugin.hint(&self.queue.pod(uid).info, event, &world);
                let pods = waiting.pods(profile, index).iter().filter(|(_, uid)| hopes(uid));
                moved.extend(pods.map(|(key, uid)| (*key, uid.clone())));
            }
        }
        moved.sort_unstable();
        moved.dedup();
        for (_, uid) in moved {
            self.move_on(&uid);
        }
    }

    /// Whether a plugin that refused the waiting pod hopes for the event.
    pub(super) fn is_hopeful(&self, uid: &str, event: &ClusterEvent) -> bool {
        let (queued, world) = (self.queue.pod(uid), world!(self));
        let plugins = &self.frameworks[queued.profile].plugins;
        bits(queued.rejectors).any(|index| plugins[index].hint(&queued.info, event, &world))
    }

    /// Lets a waiting pod be tried again, unless a PreEnqueue plugin holds it back.
    pub(super) fn move_on(&mut self, uid: &str) {
        let Some(queued) = self.queue.get(uid) else { return };
        match self.frameworks[queued.profile].pre_enqueue(&queued.info, &world!(self)) {
            None => self.queue.move_on(uid, self.now_s),
            Some(gate) => self.queue.hold(uid, gate),
        }
    }
}
