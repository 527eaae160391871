//! One class: pods of one shape under one profile, and what every node means to them.
//!
//! Always true: after `catch_up`, each node's cell is what judging the node afresh would give.
//! Not here: which plugins take part (see `plan`), the table of classes (see `mod`).

use super::super::cache::Slot;
use super::super::framework::{Framework, Reach, Rejection, World};
use super::super::node::NodeInfo;
use super::super::pod::PodInfo;
use super::cells::{Cells, Verdict};
use super::change_log::Change;
use super::choice::{choose, Scored};
use super::plan::{Plan, Step};

/// What a class sees while it works: one pod of its shape, the profile, the world.
pub struct Query<'a> {
    pub pod: &'a PodInfo,
    pub framework: &'a Framework,
    pub world: &'a World<'a>,
}

pub struct Class {
    plan: Plan,
    /// A filter that looks at a node's pods comes before one that looks at the node alone.
    is_mixed: bool,
    cells: Cells,
    /// The change log's position up to which the cells are right.
    position: u64,
    rejection: Rejection,
    key: Vec<i64>,
    scored: Vec<Scored>,
    raw: Vec<i64>,
}

impl Class {
    /// Judges every node.
    pub fn build(plan: Plan, query: &Query, position: u64) -> Class {
        let is_on_pods = |step: &Step| step.reach == Reach::Node;
        let is_mixed = plan.filters.iter().skip_while(|s| !is_on_pods(s)).any(|s| !is_on_pods(s));
        let mut class = Class {
            plan,
            is_mixed,
            cells: Cells::default(),
            position,
            rejection: Rejection::default(),
            key: Vec::new(),
            scored: Vec::new(),
            raw: Vec::new(),
        };
        class.judge_all(query);
        class
    }

    fn judge_all(&mut self, query: &Query) {
        for slot in 0..query.world.cache.slot_count() as Slot {
            self.judge(slot, query);
        }
    }

    /// Takes in what has happened since; `now` is the log's end.
    pub fn catch_up(&mut self, query: &Query, now: u64) {
        let cache = query.world.cache;
        let changes = cache.changes().since(self.position).filter(|c| c.len() <= cache.slot_count());
        match changes {
            None => self.judge_all(query),
            Some(changes) => {
                for change in changes {
                    match change {
                        Change::PodAdded(slot, _) | Change::PodRemoved(slot, _) => self.rejudge(*slot, query),
                        Change::Node(slot) | Change::NodeMoved(slot) => self.judge(*slot, query),
                    }
                }
            }
        }
        self.position = now;
    }

    /// Everything about a node anew.
    fn judge(&mut self, slot: Slot, query: &Query) {
        let verdict = match query.world.cache.present(slot) {
            None => Verdict::Absent,
            Some(node) => match self.refusal(node, query, false) {
                Some(refused) => refused,
                None => {
                    let group = self.group(node, query);
                    Verdict::Candidate { group, points: self.points(node, query) }
                }
            },
        };
        self.cells.set(slot, verdict);
    }

    /// A node whose pods have changed, and nothing else.
    fn rejudge(&mut self, slot: Slot, query: &Query) {
        let Some(node) = query.world.cache.present(slot) else { return };
        let verdict = match self.cells.get(slot) {
            Verdict::Absent => return,
            Verdict::Refused(id) => {
                let refused_by = self.cells.refusals.get(id).plugin;
                let is_by_pods = |s: &Step| s.plugin == refused_by && s.reach == Reach::Node;
                if self.is_mixed || self.plan.filters.iter().any(is_by_pods) {
                    self.judge(slot, query);
                }
                return;
            }
            Verdict::Candidate { group, .. } => match self.refusal(node, query, true) {
                Some(refused) => refused,
                None => Verdict::Candidate { group, points: self.points(node, query) },
            },
        };
        self.cells.set(slot, verdict);
    }

    /// The first filter's refusal; `is_pods_only`: the filters that look at the node alone are known to admit it.
    fn refusal(&mut self, node: &NodeInfo, query: &Query, is_pods_only: bool) -> Option<Verdict> {
        self.rejection.reasons.clear();
        let steps = self.plan.filters.iter().filter(|s| !is_pods_only || s.reach == Reach::Node);
        for step in steps {
            let plugin = &query.framework.plugins[step.plugin];
            if !plugin.filter(query.pod, node, step.state(), query.world, &mut self.rejection) {
                let Rejection { code, reasons } = &self.rejection;
                return Some(Verdict::Refused(self.cells.refusals.of(step.plugin, *code, reasons)));
            }
        }
        None
    }

    fn group(&mut self, node: &NodeInfo, query: &Query) -> u32 {
        self.key.clear();
        self.key.extend(self.plan.ranked.iter().map(|step| score(step, node, query)));
        self.cells.groups.of(&self.key)
    }

    fn points(&self, node: &NodeInfo, query: &Query) -> u32 {
        let points: i64 = self.plan.fixed.iter().map(|step| step.weight * score(step, node, query)).sum();
        u32::try_from(points).expect("plugins score between 0 and 100, and the plan bounds the weights")
    }

    /// The node for the pod, and whether there was a choice; None when no node is feasible.
    pub fn decide(&mut self, query: &Query, draw: u64) -> Option<(Slot, bool)> {
        let groups = &self.cells.groups;
        self.scored.clear();
        self.scored.extend(groups.live().iter().map(|id| Scored { group: *id, base: 0 }));
        let feasible_count: usize = self.scored.iter().map(|s| groups.get(s.group).node_count).sum();
        if self.scored.len() > 1 {
            self.rank(query);
        }
        let slot_count = query.world.cache.slot_count();
        let start = (draw % slot_count as u64) as Slot;
        let slot = choose(&self.cells.groups, &self.scored, start, slot_count as Slot)?;
        Some((slot, feasible_count > 1))
    }

    /// Adds the normalised scores to the feasible groups' bases.
    fn rank(&mut self, query: &Query) {
        let groups = &self.cells.groups;
        for (at, step) in self.plan.ranked.iter().enumerate() {
            self.raw.clear();
            self.raw.extend(self.scored.iter().map(|s| groups.get(s.group).key[at]));
            let plugin = &query.framework.plugins[step.plugin];
            plugin.normalize(query.pod, &[], step.state(), query.world, &mut self.raw);
            for (scored, score) in self.scored.iter_mut().zip(&self.raw) {
                scored.base += step.weight * score;
            }
        }
    }
}

fn score(step: &Step, node: &NodeInfo, query: &Query) -> i64 {
    query.framework.plugins[step.plugin].score(query.pod, node, step.state(), query.world)
}
