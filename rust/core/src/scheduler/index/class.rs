//! One class: pods of one shape under one profile, and what every node means to them.
//!
//! Always true: after `catch_up`, each node's cell is what judging the node afresh would give.
//! Not here: which plugins take part (see `plan`), counts per domain (see `tally`), the table of classes (see `mod`).

use super::super::cache::Slot;
use super::super::framework::{Code, Framework, Rejection, World};
use super::super::node::NodeInfo;
use super::super::pod::PodInfo;
use super::cells::{Cells, Refusal, Verdict};
use super::change_log::Change;
use super::choice::{choose, Scored};
use super::groups::GroupId;
use super::plan::{Plan, Step};
use super::refused::Refused;
use super::tally::Tally;
use super::topology::{Domain, Topologies};
use std::sync::Arc;

/// What a class sees while it works: one pod of its shape, the profile, the world.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    pub pod: &'a PodInfo,
    pub framework: &'a Framework,
    pub world: &'a World<'a>,
}

/// What nodes were before guests came.
pub type Undo = Vec<(Slot, Verdict)>;

pub struct Class {
    plan: Plan,
    tally: Tally,
    /// A filter that looks at a node's pods comes before one that looks at the node alone.
    is_mixed: bool,
    cells: Cells,
    /// The change log's position up to which the cells are right.
    position: u64,
    rejection: Rejection,
    key: Vec<i64>,
    moved: Vec<(usize, Domain)>,
    scored: Vec<Scored>,
    raw: Vec<i64>,
}

impl Class {
    /// Judges every node. None: these pods must be scanned.
    pub fn build(query: &Query, topologies: &mut Topologies, position: u64) -> Option<Class> {
        let plan = Plan::of(query.pod, query.framework, query.world)?;
        let tally = Tally::new(query, topologies)?;
        if plan.names.is_some() && tally.is_counting() {
            // The nodes outside are not kept, but what is on them would count.
            return None;
        }
        let is_mixed = plan.filters.iter().skip_while(|s| !s.is_on_pods).any(|s| !s.is_on_pods);
        let mut class = Class {
            plan,
            tally,
            is_mixed,
            cells: Cells::default(),
            position,
            rejection: Rejection::default(),
            key: Vec::new(),
            moved: Vec::new(),
            scored: Vec::new(),
            raw: Vec::new(),
        };
        for slot in 0..query.world.cache.slot_count() as Slot {
            class.judge(slot, query, topologies);
        }
        Some(class)
    }

    /// Takes in what has happened since; `now` is the log's end. False: the class must be built anew.
    pub fn catch_up(&mut self, query: &Query, topologies: &mut Topologies, now: u64) -> bool {
        let cache = query.world.cache;
        let Some(changes) = cache.changes().since(self.position) else { return false };
        let has_moved = || changes.iter().any(|change| matches!(change, Change::NodeMoved(_)));
        if changes.len() > cache.slot_count()
            || !self.tally.is_current(query, topologies)
            || (self.tally.is_counting() && has_moved())
        {
            // The topologies show the domains of now: what happened before a node moved cannot be followed.
            return false;
        }
        self.position = now;
        changes.iter().all(|change| match change {
            Change::PodAdded(slot, pod) => self.change_pods(*slot, (pod, 1), query, topologies),
            Change::PodRemoved(slot, pod) => self.change_pods(*slot, (pod, -1), query, topologies),
            Change::Node(slot) => self.change_node(*slot, query, topologies),
            Change::NodeMoved(slot) => self.move_node(*slot, query, topologies),
        })
    }

    fn change_pods(
        &mut self,
        slot: Slot,
        (pod, by): (&Arc<PodInfo>, i64),
        query: &Query,
        topologies: &mut Topologies,
    ) -> bool {
        if self.tally.learn(&pod.shape, query, topologies) {
            return false;
        }
        if self.cells.get(slot) == Verdict::Absent {
            return true;
        }
        let mut moved = std::mem::take(&mut self.moved);
        self.tally.change(pod, by, slot, topologies, &mut moved);
        self.rejudge(slot, query, topologies);
        for (topology, domain) in moved.drain(..) {
            for slot in topologies.get(topology).members(domain) {
                self.regroup(slot, topologies);
            }
        }
        self.moved = moved;
        true
    }

    /// A node that came without pods, or changed in something else than labels and taints.
    fn change_node(&mut self, slot: Slot, query: &Query, topologies: &Topologies) -> bool {
        if let Some(node) = query.world.cache.present(slot) {
            if self.cells.get(slot) == Verdict::Absent {
                self.tally.add_node(slot, node, query, topologies);
            }
        }
        self.judge(slot, query, topologies);
        true
    }

    /// A node that came with pods, went, or changed its labels or taints.
    fn move_node(&mut self, slot: Slot, query: &Query, topologies: &mut Topologies) -> bool {
        let pods = query.world.cache.present(slot).map_or(&[][..], |node| &node.pods);
        let is_learning = pods.iter().any(|pod| self.tally.learn(&pod.shape, query, topologies));
        if is_learning || self.tally.is_counting() {
            return false;
        }
        self.judge(slot, query, topologies);
        true
    }

    /// Everything about a node anew.
    fn judge(&mut self, slot: Slot, query: &Query, topologies: &Topologies) {
        let verdict = match query.world.cache.present(slot) {
            None => Verdict::Absent,
            Some(node) if self.plan.is_outside(node) => Verdict::Absent,
            Some(node) => match self.refusal(node, query, false) {
                Some(refused) => refused,
                None => {
                    self.key.clear();
                    self.key.extend(self.plan.ranked.iter().map(|step| score(step, node, query)));
                    let group = self.group(slot, topologies);
                    Verdict::Candidate { group, points: self.points(node, query) }
                }
            },
        };
        self.cells.set(slot, verdict);
    }

    /// A node whose pods have changed, and nothing else.
    fn rejudge(&mut self, slot: Slot, query: &Query, topologies: &Topologies) {
        let Some(node) = query.world.cache.present(slot) else { return };
        let verdict = match self.cells.get(slot) {
            Verdict::Absent => return,
            Verdict::Refused(id) => {
                let refused_by = self.cells.refusals.get(id).plugin;
                let is_by_pods = |s: &Step| s.plugin == refused_by && s.is_on_pods;
                if self.is_mixed || self.plan.filters.iter().any(is_by_pods) {
                    self.judge(slot, query, topologies);
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

    /// A count that the node's group shows has changed.
    fn regroup(&mut self, slot: Slot, topologies: &Topologies) {
        if let Verdict::Candidate { group, points } = self.cells.get(slot) {
            self.key.clear();
            self.key.extend_from_slice(&self.cells.groups.get(group).key[..self.plan.ranked.len()]);
            let group = self.group(slot, topologies);
            self.cells.set(slot, Verdict::Candidate { group, points });
        }
    }

    /// The group of a node whose raw scores stand in `key`.
    fn group(&mut self, slot: Slot, topologies: &Topologies) -> GroupId {
        self.tally.show(slot, topologies, &mut self.key);
        self.cells.groups.of(&self.key)
    }

    /// The first filter's refusal; `is_pods_only`: the filters that look at the node alone are known to admit it.
    fn refusal(&mut self, node: &NodeInfo, query: &Query, is_pods_only: bool) -> Option<Verdict> {
        self.rejection.reasons.clear();
        for step in self.plan.filters.iter().filter(|s| !is_pods_only || s.is_on_pods) {
            let plugin = &query.framework.plugins[step.plugin];
            if !plugin.filter(query.pod, node, step.state(), query.world, &mut self.rejection) {
                let Rejection { code, reasons } = &self.rejection;
                return Some(Verdict::Refused(self.cells.refusals.of(step.plugin, *code, reasons)));
            }
        }
        None
    }

    fn points(&self, node: &NodeInfo, query: &Query) -> u32 {
        let points: i64 = self.plan.fixed.iter().map(|step| step.weight * score(step, node, query)).sum();
        u32::try_from(points).expect("plugins score between 0 and 100, and the plan bounds the weights")
    }

    /// The node for the pod, and whether there was a choice; None when no node is feasible.
    pub fn decide(&mut self, query: &Query, draw: u64) -> Option<(Slot, bool)> {
        let (groups, tally, first) = (&self.cells.groups, &self.tally, self.plan.ranked.len());
        self.scored.clear();
        let feasible = groups.live().iter().filter(|id| tally.admits(&groups.get(**id).key[first..]));
        self.scored.extend(feasible.map(|id| Scored { group: *id, base: 0 }));
        if self.scored.is_empty() {
            return None;
        }
        let feasible_count: usize = self.scored.iter().map(|s| groups.get(s.group).node_count).sum();
        if self.scored.len() > 1 {
            self.rank(query);
        }
        let slot_count = query.world.cache.slot_count();
        let start = (draw % slot_count as u64) as Slot;
        let slot = choose(&self.cells.groups, &self.scored, start, slot_count as Slot)?;
        Some((slot, feasible_count > 1))
    }

    /// Nodes with guests, pods for which room is being made there: where a guest leaves no room for the pod, the node
    /// is refused until `restore`. None when guests change more than their node: the pod must be scanned.
    pub fn admit_guests(&mut self, guests: &[(Slot, Vec<Arc<PodInfo>>)], query: &Query) -> Option<Undo> {
        if self.tally.is_counting() && !guests.is_empty() {
            return None;
        }
        let mut undo = Undo::new();
        for (slot, guests) in guests {
            let node = query.world.cache.present(*slot).filter(|node| !self.plan.is_outside(node));
            let Some(node) = node else { continue };
            let mut crowded = node.clone();
            guests.iter().for_each(|guest| crowded.add_pod(guest));
            if let Some(refused) = self.refusal(&crowded, query, false) {
                undo.push((*slot, self.cells.get(*slot)));
                self.cells.set(*slot, refused);
            }
        }
        Some(undo)
    }

    /// The guests are forgotten again.
    pub fn restore(&mut self, undo: Undo) {
        for (slot, verdict) in undo {
            self.cells.set(slot, verdict);
        }
    }

    /// The nodes that are refused with `Unschedulable`, by slot.
    fn preemptible(&self, query: &Query) -> Vec<Slot> {
        let is_soft = |verdict: Verdict| match verdict {
            Verdict::Absent => false,
            Verdict::Refused(id) => self.cells.refusals.get(id).code == Code::Unschedulable,
            Verdict::Candidate { group, .. } => {
                let parts = &self.cells.groups.get(group).key[self.plan.ranked.len()..];
                let refusal = self.tally.refusal(parts, query.framework);
                refusal.is_some_and(|refusal| refusal.code == Code::Unschedulable)
            }
        };
        self.cells.all().filter(|(_, verdict)| is_soft(*verdict)).map(|(slot, _)| slot).collect()
    }

    /// Why no node is feasible; None when the order of filters matters to the answer, or nodes were ruled out before
    /// any. `lists_nodes`: with the nodes on
    /// which fewer pods may help.
    pub fn refused(&self, query: &Query, lists_nodes: bool) -> Option<Refused> {
        let (groups, first) = (&self.cells.groups, self.plan.ranked.len());
        let is_order_telling = !self.plan.is_node_first && !groups.live().is_empty();
        if is_order_telling || self.plan.names.is_some() {
            return None;
        }
        let by_group = groups.live().iter().map(|id| {
            let group = groups.get(*id);
            let refusal = self.tally.refusal(&group.key[first..], query.framework);
            (refusal.expect("no group is feasible"), group.node_count)
        });
        let by_group: Vec<(Refusal, usize)> = by_group.collect();
        let by_group = by_group.iter().map(|(refusal, node_count)| (refusal, *node_count));
        let mut refused = Refused::of(self.cells.refusals.counted().chain(by_group), query.world);
        if lists_nodes {
            refused.preemptible = self.preemptible(query);
        }
        Some(refused)
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
        self.tally.rank(&mut self.scored, self.plan.ranked.len(), groups);
    }
}

fn score(step: &Step, node: &NodeInfo, query: &Query) -> i64 {
    query.framework.plugins[step.plugin].score(query.pod, node, step.state(), query.world)
}
