//! The tally of a class: everything it counts per topology domain, for spreading and for affinity between pods.
//!
//! Always true: the counters are the sums over the pods on the nodes that the class knows. What a pod adds depends on
//! its shape alone (and, for spreading, on whether it is being deleted), and is found once per shape.
//! Not here: nodes' own verdicts (see `class`), the meaning of the counts (see `spread`, `affinity`).

use super::super::cache::Slot;
use super::super::framework::{Framework, Reach};
use super::super::node::NodeInfo;
use super::super::plugins::inter_pod_affinity::InterPodAffinity;
use super::super::plugins::pod_topology_spread::PodTopologySpread;
use super::super::pod::{PodInfo, PodShape};
use super::affinity::{Affinity, Deltas, Workshop};
use super::cells::Refusal;
use super::choice::Scored;
use super::class::Query;
use super::counter::Counters;
use super::groups::Groups;
use super::spread::{is_covered, Bits, Spread};
use super::topology::{Domain, Topologies, NO_DOMAIN};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What is known of so many shapes is kept; then all is forgotten and found again.
const SHAPES_MAX: usize = 8_192;

/// What a pod of one shape adds.
struct Share {
    /// Keeps the shape's address taken, which is the key.
    _shape: Arc<PodShape>,
    bits: Bits,
    deltas: Deltas,
}

#[derive(Default)]
pub struct Tally {
    counters: Counters,
    spread: Option<Spread>,
    affinity: Option<Affinity>,
    shares: FxHashMap<usize, Share>,
    generations: (u64, u64),
}

/// The plugins that count, with their places in the profile.
type Counting<'f> = (Option<(usize, &'f PodTopologySpread)>, Option<(usize, &'f InterPodAffinity)>);

/// Those that do so for pods of a class.
fn plugins<'f>(framework: &'f Framework, pod: &PodInfo) -> Counting<'f> {
    let mut found = (None, None);
    for (index, plugin) in framework.plugins.iter().enumerate() {
        match plugin.reach(pod) {
            Reach::Spread(plugin) => found.0 = Some((index, plugin)),
            Reach::Affinity(plugin) => found.1 = Some((index, plugin)),
            _ => {}
        }
    }
    found
}

/// Whether the filter runs, as its index, and the score's weight.
fn roles(framework: &Framework, index: usize) -> (Option<usize>, i64) {
    let weight = framework.score.iter().find(|(plugin, _)| *plugin == index).map_or(0, |(_, weight)| *weight);
    (framework.filter.contains(&index).then_some(index), weight)
}

impl Tally {
    /// None: these pods must be scanned.
    pub fn new(query: &Query, topologies: &mut Topologies) -> Option<Tally> {
        let mut tally = Tally { generations: generations(query), ..Tally::default() };
        let (spread, affinity) = plugins(query.framework, query.pod);
        if let Some((index, plugin)) = spread {
            if !is_covered(plugin, query) {
                return None;
            }
            let roles = roles(query.framework, index);
            let spread = Spread::new(plugin, query, roles, &mut tally.counters, topologies);
            tally.spread = (!spread.hard.is_empty() || !spread.soft.is_empty()).then_some(spread);
        }
        if let Some((index, plugin)) = affinity {
            let mut workshop = Workshop { query, counters: &mut tally.counters, topologies };
            tally.affinity = Some(Affinity::new(plugin, roles(query.framework, index), &mut workshop));
        }
        tally.count_all(query, topologies);
        Some(tally)
    }

    /// Counters first, for all shapes there are: a new one would change what the groups' keys show.
    fn count_all(&mut self, query: &Query, topologies: &mut Topologies) {
        let cache = query.world.cache;
        let slots = 0..cache.slot_count() as Slot;
        for node in slots.clone().filter_map(|slot| cache.present(slot)) {
            for pod in &node.pods {
                self.learn(&pod.shape, query, topologies);
            }
        }
        for slot in slots {
            let Some(node) = cache.present(slot) else { continue };
            self.add_node(slot, node, query, topologies);
            for pod in &node.pods {
                self.learn(&pod.shape, query, topologies);
                self.change(pod, 1, slot, topologies, &mut Vec::new());
            }
        }
    }

    /// False when what the class counts is no longer what it was made to count.
    pub fn is_current(&mut self, query: &Query, topologies: &Topologies) -> bool {
        let (owners, namespaces) = generations(query);
        if self.affinity.is_some() && namespaces != self.generations.1 {
            return false;
        }
        if self.counters.is_outgrown(topologies, query.world.cache.node_count()) {
            return false;
        }
        if owners == self.generations.0 {
            return true;
        }
        self.generations.0 = owners;
        let Some((_, plugin)) = plugins(query.framework, query.pod).0 else { return true };
        match &self.spread {
            Some(spread) => spread.is_current(plugin, query),
            None => is_nothing(plugin, query),
        }
    }

    /// True when any pod adds anything.
    pub fn is_counting(&self) -> bool {
        self.counters.len() > 0
    }

    /// Finds what pods of the shape add; true when that needed a new counter.
    pub fn learn(&mut self, shape: &Arc<PodShape>, query: &Query, topologies: &mut Topologies) -> bool {
        let key = Arc::as_ptr(shape) as usize;
        if self.shares.contains_key(&key) {
            return false;
        }
        if self.shares.len() >= SHAPES_MAX {
            self.shares.clear();
        }
        let before = self.counters.len();
        let bits = self.spread.as_ref().map_or(0, |spread| spread.matching(&query.pod.shape, shape));
        let deltas = self.affinity.as_mut().map_or_else(Deltas::new, |affinity| {
            affinity.deltas(shape, &mut Workshop { query, counters: &mut self.counters, topologies })
        });
        self.shares.insert(key, Share { _shape: shape.clone(), bits, deltas });
        self.counters.len() > before
    }

    /// A node that was not there before; its pods are told one by one.
    pub fn add_node(&mut self, slot: Slot, node: &NodeInfo, query: &Query, topologies: &Topologies) {
        let Some(spread) = &mut self.spread else { return };
        let (_, plugin) = plugins(query.framework, query.pod).0.expect("what spreads is there");
        spread.add_node((plugin, query.pod), slot, &node.facts, &self.counters, topologies);
    }

    /// A pod of a known shape came (1) or left (-1); `moved` gets the domains whose nodes change group.
    pub fn change(
        &mut self,
        pod: &PodInfo,
        by: i64,
        slot: Slot,
        topologies: &Topologies,
        moved: &mut Vec<(usize, Domain)>,
    ) {
        let share = &self.shares[&(Arc::as_ptr(&pod.shape) as usize)];
        if let Some(spread) = self.spread.as_mut().filter(|_| share.bits != 0 && !pod.is_deleted) {
            spread.change((share.bits, by), slot, &mut self.counters, topologies, moved);
        }
        for (counter, weight) in &share.deltas {
            let topology = self.counters.topology(*counter);
            let domain = topologies.get(topology).domain_of(slot);
            if domain != NO_DOMAIN && self.counters.add(*counter, domain, by * weight) {
                moved.push((topology, domain));
            }
        }
    }

    /// Appends what the group key of a node shows.
    pub fn show(&self, slot: Slot, topologies: &Topologies, key: &mut Vec<i64>) {
        self.counters.show(slot, topologies, key);
    }

    /// Why the nodes of a group are refused: the first in the profile's order of filters.
    pub fn refusal(&self, parts: &[i64], framework: &Framework) -> Option<Refusal> {
        for index in &framework.filter {
            let said = match (&self.spread, &self.affinity) {
                (Some(spread), _) if spread.filter == Some(*index) => spread.refusal(parts, &self.counters),
                (_, Some(affinity)) if affinity.filter == Some(*index) => {
                    affinity.refusal(parts, &self.counters)
                }
                _ => None,
            };
            if let Some((code, reason)) = said {
                return Some(Refusal::of(*index, code, reason));
            }
        }
        None
    }

    /// True when a group's nodes pass.
    pub fn admits(&self, parts: &[i64]) -> bool {
        let counters = &self.counters;
        let by_spread = self.spread.as_ref().filter(|s| s.filter.is_some());
        let by_affinity = self.affinity.as_ref().filter(|a| a.filter.is_some());
        by_spread.is_none_or(|s| s.refusal(parts, counters).is_none())
            && by_affinity.is_none_or(|a| a.refusal(parts, counters).is_none())
    }

    /// Adds the weighted scores to the feasible groups.
    pub fn rank(&mut self, scored: &mut [Scored], first: usize, groups: &Groups) {
        if let Some(spread) = self.spread.as_mut().filter(|s| s.weight != 0) {
            spread.rank(scored, first, groups, &self.counters);
        }
        if let Some(affinity) = &self.affinity {
            affinity.rank(scored, first, groups, &self.counters);
        }
    }
}

fn generations(query: &Query) -> (u64, u64) {
    let objects = query.world.objects;
    (objects.owners.generation(), objects.namespaces.generation())
}

fn is_nothing(plugin: &PodTopologySpread, query: &Query) -> bool {
    let of = |is_hard| plugin.constraints(&query.pod.shape, query.world, is_hard);
    of(true).is_empty() && of(false).is_empty()
}
