//! Attempts: the next pod is taken from the queue, tried by the index or the scan, and assumed or put back.
//!
//! Invariant: a pod that is popped here is assumed, back in the queue, or gone when its decision is told.
//! Not here: groups (see `group_cycle`), what a nomination changes (see `nomination`).

use super::*;

impl SchedulerEngine {
    /// Takes the next pod and decides. A scheduled pod is assumed on its node from then on.
    pub fn schedule_one(&mut self, now_s: f64) -> Option<Decision> {
        self.advance(now_s);
        if let Some(decision) = self.decided.pop_front() {
            return Some(decision);
        }
        let queued = self.queue.pop()?;
        if !self.is_grouped(&queued.info) {
            return Some(self.schedule_pod(queued));
        }
        self.decided = self.schedule_group(queued).into();
        self.decided.pop_front()
    }

    pub(super) fn schedule_pod(&mut self, queued: QueuedPod) -> Decision {
        if queued.info.is_deleted {
            return self.skipped(queued);
        }
        let attempt = self.try_pod(&queued.info);
        let rejectors = attempt.rejectors;
        match attempt.chosen {
            Some(slot) => self.assume(queued, attempt, slot),
            None if attempt.is_error => self.failed(queued, attempt.message),
            None => self.refused(queued, attempt, rejectors),
        }
    }

    pub(super) fn try_pod(&mut self, pod: &PodInfo) -> Attempt {
        let attempt = self.attempt(pod);
        self.move_luck(&attempt);
        attempt
    }

    pub(super) fn move_luck(&mut self, attempt: &Attempt) {
        if attempt.is_drawn {
            self.random.next();
        }
        self.start = (self.start + attempt.examined_count) % self.cache.node_count().max(1);
    }

    pub(super) fn skipped(&mut self, queued: QueuedPod) -> Decision {
        self.settle(&queued.info, EMPTY);
        let pod = &queued.info;
        let message = format!("skip schedule deleting pod: {}/{}", pod.namespace, pod.name);
        Decision { message, ..Decision::of(&queued, Outcome::Skipped) }
    }

    /// Up to `max_count` attempts; fewer when no pod is ready.
    pub fn schedule(&mut self, now_s: f64, max_count: usize) -> Vec<Decision> {
        std::iter::from_fn(|| self.schedule_one(now_s)).take(max_count).collect()
    }

    pub(super) fn attempt(&mut self, pod: &PodInfo) -> Attempt {
        self.cache.look();
        let luck = Luck { start: self.start, draw: self.random.peek() };
        let mut attempt = match self.indexed(pod) {
            Some(attempt) => attempt,
            None => {
                self.cache.refresh_order();
                let framework = &self.frameworks[self.program_of(pod)];
                self.cycle.run(pod, framework, &world!(self), luck, None)
            }
        };
        let framework = &self.frameworks[self.program_of(pod)];
        post_filter(&mut attempt, pod, framework, &world!(self), luck.draw);
        attempt
    }

    /// The attempt by the index, where it knows the answer.
    pub(super) fn indexed(&mut self, pod: &PodInfo) -> Option<Attempt> {
        if self.cache.node_count() == 0 || pod.nominated_node_name != EMPTY {
            return None;
        }
        let program = self.program_of(pod);
        let index = self.index.as_mut()?;
        let now = self.cache.follow_changes();
        let framework = &self.frameworks[program];
        match index.decide(pod, (program, framework), &world!(self), (now, self.random.peek())) {
            Answer::Chosen { slot, is_drawn } => {
                Some(Attempt { chosen: Some(slot), is_drawn, ..Attempt::default() })
            }
            Answer::Nothing(Some(refused)) => self.hopeless(pod, program, refused),
            Answer::Nothing(None) | Answer::Unknown => None,
        }
    }

    /// The attempt for a pod that the index refuses, with what preemption asks for.
    pub(super) fn hopeless(&mut self, pod: &PodInfo, program: usize, refused: Refused) -> Option<Attempt> {
        let Refused { message, rejectors, preemptible_count, preemptible } = refused;
        let attempt = Attempt { message, rejectors, is_planned: true, ..Attempt::default() };
        if pod.is_never_preempting || !self.cache.has_lower(pod.priority) {
            return Some(Attempt { victimless_count: Some(preemptible_count), ..attempt });
        }
        self.cache.refresh_order();
        let plan = pre_filter(pod, &self.frameworks[program], &world!(self)).ok()?;
        Some(Attempt { preemptible, states: plan.states, filters: plan.filters, ..attempt })
    }

    /// `rejectors`: the plugins whose hopes may bring the pod back.
    pub(super) fn refused(&mut self, mut queued: QueuedPod, attempt: Attempt, rejectors: u64) -> Decision {
        let plugins = self.framework_of(&queued.info).names(attempt.rejectors);
        let (mut victims, mut cleared) = (Vec::new(), Vec::new());
        if let Some(best) = attempt.preemption.as_ref().and_then(Preemption::best) {
            let node_name = self.cache.info(best.slot).facts.name;
            cleared = self.make_room(&mut queued, node_name, &best.victims);
            victims = best.victims.iter().map(|victim| reference(victim)).collect();
        } else if ends_nomination(&attempt) {
            cleared = self.end_nomination(&mut queued);
        }
        let decision = Decision {
            writes: text_of(self.post_filter_writes(&queued.info, &attempt)),
            message: attempt.message,
            plugins,
            nominated_node_name: self.symbols.text(queued.info.nominated_node_name).to_owned(),
            victims,
            cleared,
            ..Decision::of(&queued, Outcome::Unschedulable)
        };
        self.queue.add_unschedulable(queued, rejectors, self.now_s);
        decision
    }

    /// What plugins want written so that a pod that fits nowhere may fit later.
    pub(super) fn post_filter_writes(&self, pod: &PodInfo, attempt: &Attempt) -> Vec<Value> {
        if !attempt.is_planned || attempt.chosen.is_some() {
            return Vec::new();
        }
        let (framework, world) = (self.framework_of(pod), world!(self));
        let asked = framework.post_filter.iter().map(|index| {
            framework.plugins[*index].post_filter_writes(pod, state_at(&attempt.states, *index), &world)
        });
        asked.flatten().collect()
    }

    /// A plugin failed: the pod backs off.
    pub(super) fn failed(&mut self, mut queued: QueuedPod, message: String) -> Decision {
        let cleared = self.end_nomination(&mut queued);
        let decision = Decision { message, cleared, ..Decision::of(&queued, Outcome::Error) };
        self.queue.add_error(queued, self.now_s);
        decision
    }

    pub(super) fn assume(&mut self, queued: QueuedPod, attempt: Attempt, slot: Slot) -> Decision {
        let writes = match self.reserve(&queued.info, &attempt, slot) {
            Ok(writes) => writes,
            Err((_, Code::Error, message)) => return self.failed(queued, message),
            Err((plugin, _, message)) => {
                let rejectors = 1 << plugin;
                return self.refused(queued, Attempt { message, rejectors, ..attempt }, rejectors);
            }
        };
        let node = self.cache.info(slot).facts.name;
        let placed = PodInfo { node_name: node, ..(*queued.info).clone() };
        self.cache.set_pod(Arc::new(placed), node);
        self.settle(&queued.info, node);
        let decision = Decision {
            node_name: self.symbols.text(node).to_owned(),
            writes: text_of(writes),
            ..Decision::of(&queued, Outcome::Scheduled)
        };
        self.in_flight.insert(queued.info.uid.clone(), queued);
        decision
    }

    /// Every Reserve plugin takes what the pod needs; the first that cannot says why, and all give back.
    pub(super) fn reserve(
        &mut self,
        pod: &PodInfo,
        attempt: &Attempt,
        slot: Slot,
    ) -> Result<Vec<Value>, (usize, Code, String)> {
        let framework = &self.frameworks[self.program_of(pod)];
        let mut writes = Vec::new();
        for index in framework.reserve.iter().copied() {
            let state = state_at(&attempt.states, index);
            let node = self.cache.info(slot);
            match framework.plugins[index].reserve(pod, node, state, &mut self.objects, &self.symbols) {
                Ok(more) => writes.extend(more),
                Err((code, message)) => {
                    unreserve(framework, pod, &mut self.objects);
                    return Err((index, code, message));
                }
            }
        }
        Ok(writes)
    }
}
