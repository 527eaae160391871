//! Groups of pods that are placed together or not at all.
//!
//! Invariant: after a group that failed, the cache and the objects are as they were before it.
//! Not here: which pods are a group (see `groups`).

use super::*;
use crate::scheduler::groups::{key_of, needed_count, INCOMPLETE};

/// What became of one pod of a group so far.
enum Tried {
    /// In flight.
    Placed(Arc<str>),
    Left(Box<(QueuedPod, Attempt)>),
}

impl SchedulerEngine {
    pub(super) fn is_grouped(&self, pod: &PodInfo) -> bool {
        !pod.group.is_empty() && self.framework_of(pod).has("permit", gang_scheduling::NAME)
    }

    /// A pod has joined the group: the others go on when it is complete now, or has failed since.
    pub(super) fn gather(&mut self, key: &str) {
        let Some(needed) = needed_count(&self.objects, key).filter(|_| !key.is_empty()) else { return };
        let groups = &self.cache.groups;
        if !self.failed_groups.remove(key) && groups.count(key) != needed {
            return;
        }
        for uid in groups.members(key) {
            self.move_on(&uid);
        }
    }

    /// Places the group's pods one after another; all go back when fewer than needed find a node.
    pub(super) fn schedule_group(&mut self, first: QueuedPod) -> Vec<Decision> {
        let key = key_of(&first.info);
        let uids = self.cache.groups.members(&key);
        let mut members = self.queue.take(&uids);
        members.push(first);
        members.sort_unstable_by_key(QueuedPod::key);
        let mut placed_count = uids.iter().filter(|uid| self.cache.pod(uid).is_some()).count();
        let (mut decisions, mut tried) = (Vec::new(), Vec::new());
        for queued in members {
            if queued.info.is_deleted {
                decisions.push(self.skipped(queued));
                continue;
            }
            let attempt = self.try_pod(&queued.info);
            if let Some(slot) = attempt.chosen {
                let uid = queued.info.uid.clone();
                let decision = self.assume(queued, attempt, slot);
                if decision.outcome == Outcome::Scheduled {
                    placed_count += 1;
                    tried.push(Tried::Placed(uid));
                }
                decisions.push(decision);
                continue;
            }
            if let Some(best) = attempt.preemption.as_ref().and_then(Preemption::best) {
                self.cache.nominate(&queued.info, self.cache.info(best.slot).facts.name);
            }
            tried.push(Tried::Left(Box::new((queued, attempt))));
        }
        let needed = needed_count(&self.objects, &key).unwrap_or(1);
        if placed_count < needed {
            let is_roomy = |tried: &&Tried| matches!(tried, Tried::Left(left) if has_best(&left.1));
            let roomy_count = tried.iter().filter(is_roomy).count();
            self.failed_groups.insert(key);
            return self.roll_back(decisions, tried, placed_count + roomy_count >= needed);
        }
        for left in tried {
            if let Tried::Left(left) = left {
                let (queued, attempt) = *left;
                let rejectors = attempt.rejectors;
                decisions.push(self.left_out(queued, attempt, rejectors));
            }
        }
        decisions
    }

    /// The group stays together: what some of its pods had got is free again.
    fn roll_back(
        &mut self,
        mut decisions: Vec<Decision>,
        tried: Vec<Tried>,
        is_making_room: bool,
    ) -> Vec<Decision> {
        let mut left: Vec<(QueuedPod, Attempt)> = Vec::with_capacity(tried.len());
        for tried in tried.into_iter().rev() {
            let (queued, mut attempt) = match tried {
                Tried::Placed(uid) => self.unplaced(&uid),
                Tried::Left(kept) if is_making_room => {
                    left.push(*kept);
                    continue;
                }
                Tried::Left(kept) => *kept,
            };
            attempt.preemption = None;
            self.cache.nominate(&queued.info, queued.info.nominated_node_name);
            left.push((queued, attempt));
        }
        let rejectors = left.iter().fold(0, |bits, (_, attempt)| bits | attempt.rejectors);
        decisions.retain(|decision| decision.outcome != Outcome::Scheduled);
        for (queued, attempt) in left.into_iter().rev() {
            decisions.push(self.left_out(queued, attempt, rejectors));
        }
        decisions
    }

    fn unplaced(&mut self, uid: &str) -> (QueuedPod, Attempt) {
        let queued = self.in_flight.remove(uid).expect("a placed pod is in flight");
        let framework = &self.frameworks[queued.profile];
        unreserve(framework, &queued.info, &mut self.objects);
        self.cache.remove_pod(uid);
        let gang = framework.plugins.iter().position(|plugin| plugin.name() == gang_scheduling::NAME);
        let rejectors = 1 << gang.expect("only profiles with the plugin have groups");
        let message = INCOMPLETE.to_owned();
        (queued, Attempt { message, rejectors, is_planned: true, ..Attempt::default() })
    }

    fn left_out(&mut self, queued: QueuedPod, attempt: Attempt, rejectors: u64) -> Decision {
        match attempt.is_error {
            true => self.failed(queued, attempt.message),
            false => self.refused(queued, attempt, rejectors),
        }
    }

    /// How a group would fare, its pods placed one after another, as JSON. Changes nothing.
    pub fn evaluate_group(&mut self, pods: &[&[u8]]) -> Result<Vec<u8>, SchedulerError> {
        let mut infos = Vec::with_capacity(pods.len());
        for json in pods {
            infos.push(Arc::new(PodInfo::parse(json, &mut self.symbols, &mut self.shapes)?));
        }
        let key = infos.first().map(|info| key_of(info)).unwrap_or_default();
        let needed = if key.is_empty() { Some(1) } else { needed_count(&self.objects, &key) };
        let members = self.cache.groups.members(&key);
        let placed_count = members.iter().filter(|uid| self.cache.pod(uid).is_some()).count();
        let Some(needed) = needed.filter(|needed| placed_count + infos.len() >= *needed) else {
            return Ok(json!({"result": "waiting", "pods": []}).to_string().into_bytes());
        };
        let (state, start) = (self.random.state, self.start);
        let mut tried: Vec<(Option<Slot>, Value)> =
            infos.iter().map(|info| self.place_for_now(info)).collect();
        for (info, _) in infos.iter().zip(&tried).filter(|(_, (chosen, _))| chosen.is_some()) {
            let framework = &self.frameworks[self.program_of(info)];
            unreserve(framework, info, &mut self.objects);
            self.cache.remove_pod(&info.uid);
        }
        (self.random.state, self.start) = (state, start);
        let is_bound = placed_count + tried.iter().filter(|(chosen, _)| chosen.is_some()).count() >= needed;
        for (_, told) in tried.iter_mut().filter(|(chosen, _)| chosen.is_some() && !is_bound) {
            (told["chosen"], told["message"]) = (Value::Null, INCOMPLETE.into());
        }
        let pods: Vec<Value> = tried.into_iter().map(|(_, told)| told).collect();
        let result = if is_bound { "bound" } else { "unschedulable" };
        Ok(json!({"result": result, "pods": pods}).to_string().into_bytes())
    }

    /// The pod's node, where it counts from now on, and what there is to tell.
    fn place_for_now(&mut self, pod: &Arc<PodInfo>) -> (Option<Slot>, Value) {
        self.cache.look();
        self.cache.refresh_order();
        let luck = Luck { start: self.start, draw: self.random.peek() };
        let framework = &self.frameworks[self.program_of(pod)];
        let (attempt, mut told) = evaluate::told(&mut self.cycle, pod, framework, &world!(self), luck);
        self.move_luck(&attempt);
        let Some(slot) = attempt.chosen else { return (None, told) };
        if let Err((_, _, message)) = self.reserve(pod, &attempt, slot) {
            (told["chosen"], told["message"]) = (Value::Null, message.into());
            return (None, told);
        }
        let node_name = self.cache.info(slot).facts.name;
        let placed = PodInfo { node_name, ..(**pod).clone() };
        self.cache.set_pod(Arc::new(placed), node_name);
        (Some(slot), told)
    }
}

fn has_best(attempt: &Attempt) -> bool {
    attempt.preemption.as_ref().is_some_and(|found| found.best().is_some())
}
