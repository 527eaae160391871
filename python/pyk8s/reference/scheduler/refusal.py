"""Refusals: which filter says no to a node, those for which room is being made there counted too.

Always true: nothing of the world changes; what if is asked of copies.
Not here: which filters run for a pod (see `cycle`).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pyk8s.reference.scheduler.framework import Plugin, Rejection, State, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo

if TYPE_CHECKING:
    from pyk8s.reference.scheduler.cycle import Plan


def refusal(pod: PodInfo, node: NodeInfo, plan: Plan, world: World) -> tuple[Plugin, Rejection] | None:
    """The first filter that refuses the node, with its reasons; None when all admit it.

    With pods of at least this priority nominated to the node, it must do both with them and without.
    """
    guests = world.cache.nominated_to(node.facts.name, pod)
    if guests:
        crowded = node.copy()
        states = {plugin: copy.deepcopy(state) for plugin, state in plan.states.items()}
        for guest in guests:
            crowded.add_pod(guest)
            for plugin, state in states.items():
                plugin.add_pod(pod, guest, crowded, state, world)
        refused = _first_refusal(pod, crowded, plan.filters, states, world)
        if refused is not None:
            return refused
    return _first_refusal(pod, node, plan.filters, plan.states, world)


def _first_refusal(
    pod: PodInfo, node: NodeInfo, filters: list[Plugin], states: dict[Plugin, State], world: World
) -> tuple[Plugin, Rejection] | None:
    for plugin in filters:
        rejection = plugin.filter(pod, node, states.get(plugin), world)
        if rejection is not None:
            return plugin, rejection
    return None
