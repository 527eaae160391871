//! Nominations: nodes on which room is being made, or was made, for a pod.
//!
//! Invariant: the queue's pod and the cache name the same node.
//! Not here: who becomes a victim (see `preemption`).

use super::*;

impl SchedulerEngine {
    /// Makes room for the pod on the node, the empty name for none; what it held elsewhere is free for those who wait.
    pub(super) fn nominate(&mut self, pod: &Arc<PodInfo>, node_name: Symbol) {
        if let Some((before, _)) = self.cache.nominate(pod, node_name).filter(|(_, name)| *name != node_name)
        {
            self.wake(&ClusterEvent::AssignedPodDeleted { pod: &before });
        }
    }

    /// The pod needs no room made for it any more: it is on this node, or nowhere.
    pub(super) fn settle(&mut self, pod: &Arc<PodInfo>, node_name: Symbol) {
        self.cache.evictions.end(&pod.uid);
        if let Some((before, _)) = self.cache.nominate(pod, EMPTY).filter(|(_, name)| *name != node_name) {
            self.wake(&ClusterEvent::AssignedPodDeleted { pod: &before });
        }
    }

    /// No room is being made for the pod any more. Returns the pod, if room was being made.
    pub(super) fn end_nomination(&mut self, queued: &mut QueuedPod) -> Vec<PodReference> {
        if queued.info.nominated_node_name == EMPTY {
            return Vec::new();
        }
        queued.info = with_nomination(queued.info.clone(), EMPTY);
        self.nominate(&queued.info, EMPTY);
        vec![reference(&queued.info)]
    }

    /// Nominates the pod to the node until its victims have left. Returns the rivals that lose their nomination.
    pub(super) fn make_room(
        &mut self,
        queued: &mut QueuedPod,
        node_name: Symbol,
        victims: &[Arc<PodInfo>],
    ) -> Vec<PodReference> {
        let rivals = self.cache.nominated_below(node_name, &queued.info);
        for rival in &rivals {
            self.cache.nominate(rival, EMPTY);
            self.queue.replace(with_nomination(rival.clone(), EMPTY));
        }
        queued.info = with_nomination(queued.info.clone(), node_name);
        self.nominate(&queued.info, node_name);
        let staying = victims.iter().filter(|victim| !victim.is_deleted).map(|victim| victim.uid.clone());
        self.cache.evictions.begin(&queued.info.uid, staying);
        rivals.iter().map(|rival| reference(rival)).collect()
    }

    /// Victims could not be evicted: the pod waits for them no more. False when it did not.
    pub(super) fn stop_evicting(&mut self, uid: &str) -> bool {
        let was_waiting = self.cache.evictions.end(uid);
        if was_waiting {
            self.move_on(uid);
        }
        was_waiting
    }
}

pub(super) fn with_nomination(mut pod: Arc<PodInfo>, node_name: Symbol) -> Arc<PodInfo> {
    if pod.nominated_node_name != node_name {
        Arc::make_mut(&mut pod).nominated_node_name = node_name;
    }
    pod
}

/// True unless the attempt leaves the question open: preemption was not looked at, or must wait.
pub(super) fn ends_nomination(attempt: &Attempt) -> bool {
    match &attempt.preemption {
        Some(found) => found.not_eligible.is_none(),
        None => attempt.is_error || !attempt.is_planned || attempt.chosen.is_some(),
    }
}
