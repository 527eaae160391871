//! Groups: the nodes of one class that only differ in scores that need no normalising.
//!
//! A group's key holds everything else that filters and scores depend on: raw scores that are normalised later, the
//! topology domains, the counters' values. A decision judges each group once, not each node.
//! Always true: `live` lists exactly the groups that have nodes; a key has one group.
//! Not here: what the parts of a key mean (see `class`).

use super::super::cache::Slot;
use super::buckets::Buckets;
use rustc_hash::FxHashMap;

pub type GroupId = u32;

/// So many groups without nodes are kept for their key's return.
const EMPTY_GROUPS_KEPT: usize = 1_024;

#[derive(Debug, Default)]
pub struct Group {
    pub key: Box<[i64]>,
    pub node_count: usize,
    pub buckets: Buckets,
    /// The place in `live`.
    live_at: usize,
}

#[derive(Debug, Default)]
pub struct Groups {
    ids: FxHashMap<Box<[i64]>, GroupId>,
    groups: Vec<Group>,
    free: Vec<GroupId>,
    live: Vec<GroupId>,
}

impl Groups {
    /// The groups that have nodes, in no meaningful order.
    pub fn live(&self) -> &[GroupId] {
        &self.live
    }

    pub fn get(&self, id: GroupId) -> &Group {
        &self.groups[id as usize]
    }

    /// The group of a key, made when there is none.
    pub fn of(&mut self, key: &[i64]) -> GroupId {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        if self.groups.len() - self.free.len() - self.live.len() >= EMPTY_GROUPS_KEPT {
            self.purge();
        }
        let group = Group { key: key.into(), ..Group::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.groups[id as usize] = group;
                id
            }
            None => {
                self.groups.push(group);
                (self.groups.len() - 1) as GroupId
            }
        };
        self.ids.insert(key.into(), id);
        id
    }

    pub fn insert(&mut self, id: GroupId, points: u32, slot: Slot) {
        let group = &mut self.groups[id as usize];
        group.buckets.insert(points, slot);
        group.node_count += 1;
        if group.node_count == 1 {
            group.live_at = self.live.len();
            self.live.push(id);
        }
    }

    pub fn remove(&mut self, id: GroupId, points: u32, slot: Slot) {
        let group = &mut self.groups[id as usize];
        group.buckets.remove(points, slot);
        group.node_count -= 1;
        if group.node_count == 0 {
            let at = group.live_at;
            self.live.swap_remove(at);
            if let Some(moved) = self.live.get(at) {
                self.groups[*moved as usize].live_at = at;
            }
        }
    }

    /// A node of the group has other points now.
    pub fn shift(&mut self, id: GroupId, (old, new): (u32, u32), slot: Slot) {
        let buckets = &mut self.groups[id as usize].buckets;
        buckets.remove(old, slot);
        buckets.insert(new, slot);
    }

    fn purge(&mut self) {
        let groups = &mut self.groups;
        let free = &mut self.free;
        self.ids.retain(|_, id| {
            let is_kept = groups[*id as usize].node_count > 0;
            if !is_kept {
                groups[*id as usize] = Group::default();
                free.push(*id);
            }
            is_kept
        });
    }
}
