//! Refusals: which filter says no to a node, those for which room is being made there counted too.
//!
//! Invariant: nothing of the world changes; what if is asked of copies.
//! Not here: which filters run for a pod (see `cycle`).

use super::cycle::state_at;
use super::framework::{Framework, Reach, Rejection, State, World};
use super::node::NodeInfo;
use super::pod::PodInfo;

/// The first filter that refuses the node (`rejection` says why); None when all admit it.
///
/// With pods of at least this priority nominated to the node, it must do both with them and without.
pub fn refusal(
    pod: &PodInfo,
    node: &NodeInfo,
    framework: &Framework,
    world: &World,
    (filters, states): (&[usize], &[Option<State>]),
    rejection: &mut Rejection,
) -> Option<usize> {
    let guests = world.cache.nominated_to(node.facts.name, pod);
    if let (false, Some(place)) = (guests.is_empty(), room_filter(pod, framework, filters, states)) {
        // More pods never help: with those for which room is made is the harder of the two questions.
        let mut crowded = NodeInfo::default();
        crowded.copy_room(node);
        guests.iter().for_each(|guest| crowded.take_room(guest));
        rejection.reasons.clear();
        return (0..filters.len()).find_map(|at| {
            let looked_at = if at == place { &crowded } else { node };
            let plugin = &framework.plugins[filters[at]];
            (!plugin.filter(pod, looked_at, None, world, rejection)).then_some(filters[at])
        });
    }
    if !guests.is_empty() {
        let mut crowded = node.clone();
        let mut crowd: Vec<Option<State>> =
            states.iter().map(|s| s.as_ref().map(|s| s.as_ref().copied())).collect();
        for guest in &guests {
            crowded.add_pod(guest);
            for (index, state) in crowd.iter_mut().enumerate() {
                if let Some(state) = state {
                    framework.plugins[index].add_pod(pod, guest, &crowded, state.as_mut(), world);
                }
            }
        }
        let refused = first_refusal(pod, &crowded, framework, world, filters, &crowd, rejection);
        if refused.is_some() {
            return refused;
        }
    }
    first_refusal(pod, node, framework, world, filters, states, rejection)
}

/// The place of NodeResourcesFit among the filters, when no other depends on the pods of a node.
pub fn room_filter(
    pod: &PodInfo,
    framework: &Framework,
    filters: &[usize],
    states: &[Option<State>],
) -> Option<usize> {
    let is_fit = |index: &usize| framework.plugins[*index].name() == "NodeResourcesFit";
    let is_blind = |index: &usize| {
        is_fit(index) || matches!(framework.plugins[*index].reach(pod), Reach::Nothing | Reach::Facts)
    };
    let is_room_all = states.iter().all(Option::is_none) && filters.iter().all(is_blind);
    filters.iter().position(is_fit).filter(|_| is_room_all)
}

/// The first of the filters that refuses the node as given.
#[inline]
pub fn first_refusal(
    pod: &PodInfo,
    node: &NodeInfo,
    framework: &Framework,
    world: &World,
    filters: &[usize],
    states: &[Option<State>],
    rejection: &mut Rejection,
) -> Option<usize> {
    rejection.reasons.clear();
    filters.iter().copied().find(|index| {
        !framework.plugins[*index].filter(pod, node, state_at(states, *index), world, rejection)
    })
}
