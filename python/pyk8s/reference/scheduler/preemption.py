"""Preemption: which pods of lower priority would have to go so that a pod fits, and from which node.

Always true: a dry run on copies; nothing of the world changes. Only nodes that were refused with `Unschedulable` are
looked at, in the order of their slots from a random one on.
Not here: carrying it out (the engine clears nominations, the feeder deletes the victims).
"""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from pyk8s.errors import SelectorError
from pyk8s.reference.scheduler.cycle import Attempt, Plan, fit_message
from pyk8s.reference.scheduler.framework import Framework, Rejection, World
from pyk8s.reference.scheduler.node import NodeInfo
from pyk8s.reference.scheduler.pod import PodInfo
from pyk8s.reference.scheduler.refusal import refusal
from pyk8s.reference.selector.selection import Selection

Json = dict[str, Any]

NO_CLAIMS = "no new claims to deallocate"
NO_STATE = "not found"
"""DynamicResources' answer when PreFilter never came to it."""
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."
PRIORITY_OFFSET = 2**31
"""Added to each priority before they are summed, so that more victims always weigh more."""


@dataclass(slots=True)
class Candidate:
    """A node on which the pod would fit without its victims."""

    node: NodeInfo
    victims: list[PodInfo]
    """The most important first."""
    violation_count: int = 0
    """Victims whose eviction would violate a PodDisruptionBudget."""


@dataclass(slots=True)
class Preemption:
    """What came of looking for victims."""

    best: Candidate | None = None
    candidates: list[Candidate] = field(default_factory=list)
    not_eligible: str = ""
    """Why it was not tried at all: an earlier nomination stays. Otherwise, without a best candidate, it ends."""
    message: str = ""
    """Its part of the attempt's message."""

    def told(self) -> Json:
        victims = self.best.victims if self.best else []
        return {
            "nominated": self.best.node.facts.name if self.best else None,
            "victims": [_key(victim) for victim in victims],
            "candidates": [
                {
                    "node": candidate.node.facts.name,
                    "victims": [_key(victim) for victim in candidate.victims],
                    "violations": candidate.violation_count,
                }
                for candidate in self.candidates
            ],
            "notEligible": self.not_eligible or None,
        }


@dataclass(slots=True)
class Budget:
    """A PodDisruptionBudget, as far as it counts here."""

    namespace: str
    selection: Selection
    allowed_count: int
    disrupted: frozenset[str]

    def covers(self, pod: PodInfo) -> bool:
        """True when evicting the pod would cost this budget one."""
        is_selected = pod.namespace == self.namespace and bool(pod.shape.labels)
        return is_selected and pod.name not in self.disrupted and self.selection.matches(pod.shape.labels, {})


class DryRun:
    """One pod's preemption on many nodes."""

    def __init__(self, pod: PodInfo, plan: Plan, world: World) -> None:
        self._pod, self._plan, self._world = pod, plan, world
        self._budgets = budgets(world)

    def on_node(self, node: NodeInfo) -> Candidate | Rejection:
        """The victims that the pod needs on this node; a rejection when even all of them would not do."""
        lower = [other for other in node.pods if other.priority < self._pod.priority]
        if not lower:
            return Rejection("UnschedulableAndUnresolvable", [NO_VICTIMS])
        trial = Trial(self._pod, node, self._plan, self._world)
        for other in lower:
            trial.remove(other)
        refused = trial.refused()
        if refused is not None:
            return refused
        lower.sort(key=importance)
        violating = self._violating(lower)
        victims, violation_count = list[str](), 0
        for is_first_round in (True, False):
            for other in lower:
                if (other.uid in violating) == is_first_round and not trial.reprieve(other):
                    victims.append(other.uid)
                    violation_count += is_first_round
        if not victims:
            return Rejection("Error", [f'expected at least one victim pod on node "{node.facts.name}"'])
        return Candidate(node, [other for other in lower if other.uid in victims], violation_count)

    def _violating(self, pods: list[PodInfo]) -> set[str]:
        """Those whose eviction would violate a budget, if all before them were evicted too."""
        left = [budget.allowed_count for budget in self._budgets]
        violating = set()
        for pod in pods:
            for i, budget in enumerate(self._budgets):
                if budget.covers(pod):
                    left[i] -= 1
                    if left[i] < 0:
                        violating.add(pod.uid)
        return violating


class Trial:
    """A copy of a node, and of what the plugins remember, on which pods can be taken away and given back."""

    def __init__(self, pod: PodInfo, node: NodeInfo, plan: Plan, world: World) -> None:
        self._pod, self._world = pod, world
        self._node = node.copy()
        states = {plugin: copy.deepcopy(state) for plugin, state in plan.states.items()}
        self._plan = replace(plan, states=states)

    def remove(self, other: PodInfo) -> None:
        self._node.remove_pod(other)
        for plugin, state in self._plan.states.items():
            plugin.remove_pod(self._pod, other, self._node, state, self._world)

    def add(self, other: PodInfo) -> None:
        self._node.add_pod(other)
        for plugin, state in self._plan.states.items():
            plugin.add_pod(self._pod, other, self._node, state, self._world)

    def refused(self) -> Rejection | None:
        found = refusal(self._pod, self._node, self._plan, self._world)
        return found[1] if found else None

    def reprieve(self, other: PodInfo) -> bool:
        """Give a pod back if the preemptor still fits."""
        self.add(other)
        if self.refused() is None:
            return True
        self.remove(other)
        return False


def post_filter(framework: Framework, attempt: Attempt, pod: PodInfo, world: World, *, draw: int) -> None:
    """No node was feasible: ask what could be done, and add what is said to the attempt's message."""
    plan, parts = attempt.plan, list[str]()
    if plan is None or attempt.chosen is not None or attempt.is_error:
        return
    for name in framework.profile.points["postFilter"]:
        if name == "DefaultPreemption":
            args = framework.profile.args.get(name, {})
            attempt.preemption = found = preempt(pod, attempt, plan, world, args=args, draw=draw)
            attempt.is_drawn = not found.not_eligible
            if found.best is not None:
                return
            parts.append(found.message)
        elif name == "DynamicResources" and not _was_reached(framework, plan, name):
            parts = [NO_STATE]
            break
        elif name in framework.plugins:
            plugin = framework.plugins[name]
            parts.append(plugin.post_filter(pod, plan.states.get(plugin), world) or "")
        elif name == "DynamicResources":
            parts.append(NO_CLAIMS)
    told = ", ".join(part for part in parts if part)
    if told:
        attempt.message = f"{attempt.message} {told}"


def _was_reached(framework: Framework, plan: Plan, name: str) -> bool:
    """Whether PreFilter came to the plugin before it ended."""
    order = framework.profile.points["preFilter"]
    if name not in order or not plan.ended_at:
        return True
    return order.index(name) <= order.index(plan.ended_at)


def preempt(pod: PodInfo, attempt: Attempt, plan: Plan, world: World, *, args: Json, draw: int) -> Preemption:
    """Look for the pods that would have to go. ``draw``: the random number that says where to begin."""
    reason = _not_eligible(pod, attempt, world)
    if reason:
        return Preemption(not_eligible=reason, message=f"preemption: {reason}")
    potential = _from_slot(_potential(attempt), world.cache.slot_count, draw)
    wanted, is_enough = candidates_wanted(len(potential), args), False
    dry_run, found, reasons = DryRun(pod, plan, world), list[Candidate](), Counter[str]()
    for node in potential:
        if is_enough:
            break
        result = dry_run.on_node(node)
        if isinstance(result, Candidate):
            found.append(result)
            is_enough = len(found) >= wanted and any(not candidate.violation_count for candidate in found)
        else:
            reasons.update(result.reasons)
    if found:
        return Preemption(best=pick(found), candidates=found)
    reasons[NOT_HELPFUL] = len(world.nodes) - len(potential)
    return Preemption(message=f"preemption: {fit_message(+reasons, len(world.nodes))}")


def candidates_wanted(potential_count: int, args: Json) -> int:
    """How many candidates are enough to choose among."""
    percentage = int(args.get("minCandidateNodesPercentage", 10))
    absolute = int(args.get("minCandidateNodesAbsolute", 100))
    return min(max(potential_count * percentage // 100, absolute), potential_count)


def importance(pod: PodInfo) -> tuple[int, float]:
    """Sorts the most important first: the higher priority, then the earlier start; not started is the latest."""
    return -pod.priority, math.inf if pod.start_s is None else pod.start_s


def pick(candidates: list[Candidate]) -> Candidate:
    """The node whose victims matter least; the first of those that are equal in everything."""
    return min(candidates, key=_cost)


def _cost(candidate: Candidate) -> tuple[int, int, int, int, float]:
    victims = candidate.victims
    highest = victims[0].priority
    earliest_s = min(importance(victim)[1] for victim in victims if victim.priority == highest)
    total = sum(victim.priority + PRIORITY_OFFSET for victim in victims)
    return candidate.violation_count, highest, total, len(victims), -earliest_s


def budgets(world: World) -> list[Budget]:
    """Every budget that selects anything; one with a selector that cannot be read protects nothing."""
    found = []
    for _, obj in world.objects.all("PodDisruptionBudget"):
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        try:
            selection = Selection.from_label_selector(json.dumps(spec.get("selector")).encode())
        except SelectorError:
            continue
        if selection.is_nothing or selection.is_everything:
            continue
        namespace = obj["metadata"].get("namespace") or ""
        disrupted = frozenset(status.get("disruptedPods") or {})
        found.append(Budget(namespace, selection, status.get("disruptionsAllowed") or 0, disrupted))
    return found


def _not_eligible(pod: PodInfo, attempt: Attempt, world: World) -> str:
    if pod.preemption_policy == "Never":
        return NEVER
    node = world.cache.node(pod.nominated_node_name) if pod.nominated_node_name else None
    if node is None or _code(attempt, node) == "UnschedulableAndUnresolvable":
        return ""
    leaving = (other.priority < pod.priority and other.is_preempted for other in node.pods)
    return TERMINATING if any(leaving) else ""


def _code(attempt: Attempt, node: NodeInfo) -> str:
    for refused, _, rejection in attempt.rejected:
        if refused is node:
            return rejection.code
    return next((rejection.code for nodes, _, rejection in attempt.ruled_out if node in nodes), "")


def _potential(attempt: Attempt) -> list[NodeInfo]:
    """The nodes where fewer pods may help."""
    nodes = [node for node, _, rejection in attempt.rejected if rejection.code == "Unschedulable"]
    for some, _, rejection in attempt.ruled_out:
        nodes += some if rejection.code == "Unschedulable" else []
    return nodes


def _from_slot(nodes: list[NodeInfo], slot_count: int, draw: int) -> list[NodeInfo]:
    first = draw % max(1, slot_count)
    return sorted(nodes, key=lambda node: (node.slot - first) % slot_count)


def _key(pod: PodInfo) -> str:
    return f"{pod.namespace}/{pod.name}"
