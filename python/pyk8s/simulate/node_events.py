"""What happens to nodes: failures, drains, cordons, additions, removals; planned ones and random ones.

Always true: which nodes are hit depends on the scenario's seed and on the nodes that are there, not on the pods.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from pyk8s.simulate.budgets import Budget, budgets_of
from pyk8s.simulate.cluster_state import SimulatedNode, SimulatedPod
from pyk8s.simulate.distribution import exponential, stream
from pyk8s.simulate.scenario_cluster import NodeChoice, NodeEvent, NodeFailures
from pyk8s.simulate.simulation import Simulation

DRAIN_RETRY_S = 5.0
"""How long `kubectl drain` waits before it tries again what a budget forbade."""
DRAIN_TRIES_MAX = 720
"""An hour of them; then the drain is given up, and the pods stay."""


class NodeEvents:
    """Plans the node events of one run."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._scenario = simulation.plan.scenario
        self._budgets = budgets_of((kind, orjson.loads(obj)) for kind, obj in simulation.plan.objects)
        self._failure_count: dict[str, int] = {}

    def plan(self) -> None:
        for index, event in enumerate(self._simulation.plan.events):
            self._plan_event(index, event, event.at, 0)
        for index, failures in enumerate(self._scenario.failures):
            RandomFailures(self, failures, index, self._simulation).plan_next()

    def _plan_event(self, index: int, event: NodeEvent, at_s: float, turn: int) -> None:
        def happen() -> None:
            self._happen(index, event, turn)
            if event.every is not None:
                self._plan_event(index, event, at_s + event.every, turn + 1)

        self._simulation.at(at_s, happen)

    def _happen(self, index: int, event: NodeEvent, turn: int) -> None:
        simulation = self._simulation
        if event.add_nodes is not None:
            pool = simulation.pools[event.add_nodes.pool]
            for _ in range(event.add_nodes.count):
                simulation.add_node(*pool.take())
            return
        actions: list[tuple[NodeChoice | None, Callable[[SimulatedNode, float | None], None]]] = [
            (event.fail_nodes, self.fail),
            (event.drain_nodes, self.drain),
            (event.cordon_nodes, self.cordon),
            (event.remove_nodes, self.remove),
        ]
        for choice, action in actions:
            if choice is not None:
                for node in self._chosen(choice, index, turn):
                    action(node, event.for_)

    def _chosen(self, choice: NodeChoice, index: int, turn: int) -> list[SimulatedNode]:
        nodes = self._simulation.state.nodes
        if choice.names:
            return [nodes[name] for name in choice.names if name in nodes]
        found = [
            node
            for node in nodes.values()
            if (not choice.pool or node.shape.pool == choice.pool)
            and (not choice.zone or node.shape.zone == choice.zone)
        ]
        if choice.count is None or choice.count >= len(found):
            return found
        picked = stream(self._scenario.seed, "nodes", index, turn).sample(range(len(found)), choice.count)
        return [found[position] for position in sorted(picked)]

    def fail(self, node: SimulatedNode, for_s: float | None) -> None:
        """The node stops answering; after a while its pods come again elsewhere; perhaps it comes back."""
        simulation = self._simulation
        if node.is_failed:
            return
        simulation.measure.counts["node_failures"] += 1
        count = self._failure_count[node.name] = self._failure_count.get(node.name, 0) + 1
        simulation.state.set_node(node, is_cordoned=node.is_cordoned, is_failed=True)
        simulation.at(simulation.now_s + self._scenario.evict_after, lambda: self._evict(node, count))
        if for_s is not None:
            simulation.at(simulation.now_s + for_s, lambda: self._recover(node, count))

    def _is_same_failure(self, node: SimulatedNode, count: int) -> bool:
        return node.is_failed and self._failure_count[node.name] == count and self._is_there(node)

    def _is_there(self, node: SimulatedNode) -> bool:
        return self._simulation.state.nodes.get(node.name) is node

    def _evict(self, node: SimulatedNode, count: int) -> None:
        if self._is_same_failure(node, count):
            for pod in self._simulation.without_daemons(node):
                self._simulation.lose(pod)

    def _recover(self, node: SimulatedNode, count: int) -> None:
        if self._is_same_failure(node, count):
            self._simulation.state.set_node(node, is_cordoned=node.is_cordoned, is_failed=False)
            self._simulation.resume(node)

    def drain(self, node: SimulatedNode, for_s: float | None) -> None:
        self.cordon(node, for_s)
        self._evict_some(node, DRAIN_TRIES_MAX)

    def _evict_some(self, node: SimulatedNode, tries_left: int) -> None:
        """Evict what the budgets allow, and try again for the others as `kubectl drain` does."""
        if not self._is_there(node) or not node.is_cordoned:
            return
        simulation, is_blocked = self._simulation, False
        for pod in simulation.without_daemons(node):
            if pod.is_ending:
                continue
            if self._is_allowed(pod):
                simulation.measure.counts["evicted"] += 1
                simulation.stop(pod)
            else:
                is_blocked = True
        if is_blocked and tries_left:
            simulation.at(simulation.now_s + DRAIN_RETRY_S, lambda: self._evict_some(node, tries_left - 1))

    def _is_allowed(self, pod: SimulatedPod) -> bool:
        return all(self._counted(budget).allowed() > 0 for budget in self._budgets if _guards(budget, pod))

    def _counted(self, budget: Budget) -> Budget:
        """The budget with what it guards at present."""
        living = [pod for pod in self._simulation.state.pods.values() if not pod.is_ending and _guards(budget, pod)]
        budget.expected = len(living)
        budget.healthy = sum(1 for pod in living if pod.node and not pod.node.is_failed)
        return budget

    def cordon(self, node: SimulatedNode, for_s: float | None) -> None:
        state = self._simulation.state
        state.set_node(node, is_cordoned=True, is_failed=node.is_failed)
        if for_s is not None:
            self._simulation.at(self._simulation.now_s + for_s, lambda: self._uncordon(node))

    def _uncordon(self, node: SimulatedNode) -> None:
        if self._is_there(node):
            self._simulation.state.set_node(node, is_cordoned=False, is_failed=node.is_failed)

    def remove(self, node: SimulatedNode, for_s: float | None) -> None:
        """Gone for good; its pods are lost with it, and come again once it is no more."""
        self._simulation.remove_node(node)


def _guards(budget: Budget, pod: SimulatedPod) -> bool:
    return budget.guards(pod.shape.namespace, pod.shape.labels)


class RandomFailures:
    """Failures of one pool's nodes, each on its own: together they come as one Poisson process over all of them."""

    def __init__(self, events: NodeEvents, failures: NodeFailures, index: int, simulation: Simulation) -> None:
        self._events, self._failures, self._simulation = events, failures, simulation
        self._moments = stream(simulation.seed, "failures", index)
        self._repairs = stream(simulation.seed, "repairs", index)

    def plan_next(self) -> None:
        # With no nodes at all the process still has to be looked at again: as if there were one.
        count = max(1, len(self._nodes()))
        gap_s = exponential(self._moments, self._failures.mean_time_between / count)
        self._simulation.at(self._simulation.now_s + gap_s, self._fail_one)

    def _fail_one(self) -> None:
        nodes = self._nodes()
        repair_s = self._failures.repair.draw(self._repairs)
        position = self._moments.random()
        if nodes:
            # One that is down already cannot fail: that is what thins the process to the nodes that are up.
            self._events.fail(nodes[int(position * len(nodes))], repair_s)
        self.plan_next()

    def _nodes(self) -> list[SimulatedNode]:
        pool = self._failures.pool
        return [node for node in self._simulation.state.nodes.values() if not pool or node.shape.pool == pool]
