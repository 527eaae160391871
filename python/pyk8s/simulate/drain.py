"""What would draining nodes do? Their pods are evicted one by one, as by `kubectl drain`, and those that take their
places look for a node.

Always true: all named nodes are cordoned before the first pod goes; a budget is paid back only when the pod that takes
the place has found a node. Nothing has a duration here: a replacement is as healthy as it is bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from pyk8s.simulate.budgets import Budget, budgets_of
from pyk8s.simulate.cluster_state import SimulatedNode, SimulatedPod
from pyk8s.simulate.plan import Plan
from pyk8s.simulate.problems import Problem, ScenarioError
from pyk8s.simulate.result import Contender, engine
from pyk8s.simulate.simulation import Simulation, is_daemon

Json = dict[str, Any]

NODES_TOLD_MAX = 10
OUTCOMES = ("moves", "pending", "blocked", "lost", "stays")


@dataclass(slots=True)
class Fate:
    """``outcome``: moves, pending, blocked, lost or stays."""

    namespace: str
    name: str
    node: str
    outcome: str
    to: str = ""
    why: str = ""


class Drain:
    """One what-if; the plan's cluster is as it was read."""

    def __init__(self, plan: Plan, contender: Contender) -> None:
        self._simulation = Simulation(plan, engine(contender, plan.scenario.seed))
        self._budgets = budgets_of((kind, orjson.loads(obj)) for kind, obj in plan.objects)
        self._fates: list[Fate] = []
        self._replacements: list[tuple[Fate, SimulatedPod]] = []

    def answer(self, names: Sequence[str], source: str) -> Json:
        """Raises ScenarioError: a node that does not exist."""
        simulation = self._simulation
        simulation.begin()
        simulation.settle()
        nodes = self._nodes(names, source)
        waiting = set(simulation.state.pending)
        self._count_budgets()
        for node in nodes:
            simulation.state.set_node(node, is_cordoned=True, is_failed=node.is_failed)
        for node in nodes:
            for pod in list(node.pods.values()):
                self._fates.append(self._evict(pod, node))
        return self._told(names, waiting)

    def _nodes(self, names: Sequence[str], source: str) -> list[SimulatedNode]:
        known = self._simulation.state.nodes
        if missing := [name for name in names if name not in known]:
            some = ", ".join(list(known)[:NODES_TOLD_MAX]) + (", …" if len(known) > NODES_TOLD_MAX else "")
            problems = [Problem("", f"node {name!r} does not exist; allowed: {some or 'none'}") for name in missing]
            raise ScenarioError(source, problems)
        return [known[name] for name in dict.fromkeys(names)]

    def _count_budgets(self) -> None:
        for pod in self._simulation.state.pods.values():
            for budget in self._guards(pod):
                budget.expected += 1
                budget.healthy += pod.node is not None

    def _guards(self, pod: SimulatedPod) -> list[Budget]:
        return [budget for budget in self._budgets if budget.guards(pod.shape.namespace, pod.shape.labels)]

    def _evict(self, pod: SimulatedPod, node: SimulatedNode) -> Fate:
        fate = Fate(pod.shape.namespace, pod.name, node.name, "stays")
        if is_daemon(pod):
            fate.why = "belongs to the node"
            return fate
        guards = self._guards(pod)
        if closed := [budget for budget in guards if budget.allowed() < 1]:
            fate.outcome, fate.why = "blocked", f"PodDisruptionBudget {closed[0].name} allows no disruption"
            return fate
        for budget in guards:
            budget.healthy -= 1
        new = self._simulation.replace(pod)
        if new is None:
            fate.outcome, fate.why = "lost", "no controller makes it anew"
            return fate
        self._simulation.settle()
        if new.node is not None:
            for budget in guards:
                budget.healthy += 1
        self._replacements.append((fate, new))
        return fate

    def _told(self, names: Sequence[str], waiting_before: set[str]) -> Json:
        for fate, new in self._replacements:
            if new.node is not None:
                fate.outcome, fate.to = "moves", new.node.name
            else:
                fate.outcome, fate.why = "pending", new.message or "the scheduler has not looked at it"
        own = {new.uid for _, new in self._replacements}
        state, counts = self._simulation.state, Counter(fate.outcome for fate in self._fates)
        displaced = [uid for uid in state.pending if uid not in own and uid not in waiting_before]
        return {
            "nodes": list(dict.fromkeys(names)),
            "pods": [asdict(fate) for fate in self._fates],
            "outcomes": {outcome: counts[outcome] for outcome in OUTCOMES},
            "preempted": self._simulation.measure.counts["preempted"],
            "displaced": displaced,
            "is_complete": not counts["blocked"] and not counts["pending"] and not counts["lost"] and not displaced,
        }
