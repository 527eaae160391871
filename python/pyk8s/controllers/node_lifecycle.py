"""The node lifecycle controller: silent nodes become Unknown, their pods not ready; conditions become taints.

Always true: at most one node a zone gets a NoExecute taint per 1/rate seconds, none while every zone is down.
Not here: judging health (see `node_health`), evicting pods (see `taint_eviction`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import ClassVar

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.informer import NODE_NAME_INDEX, by_node_name
from pyk8s.client.well_known import LEASES, NODES, PODS
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.node_health import (
    Health,
    ZoneState,
    conditions_when_stale,
    eviction_qps,
    first_health,
    is_everything_down,
    is_stale,
    ready_status,
    zone_of,
    zone_state,
)
from pyk8s.controllers.pod_state import condition_of
from pyk8s.controllers.taints import (
    NO_EXECUTE,
    NOT_READY,
    UNREACHABLE,
    has_taint,
    with_no_execute,
    with_no_schedule,
)

MONITOR_PERIOD_S = 5.0
LEASE_NAMESPACE = "kube-node-lease"
TAINT_OF_STATUS = {"False": NOT_READY, "Unknown": UNREACHABLE}


class NodeLifecycleController(Controller):
    """Keys: ``node/<name>`` (taints by condition), ``zone/<zone>`` (NoExecute taints), ``untaint/<name>``."""

    name: ClassVar[str] = "node-lifecycle"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._nodes = context.informers.informer(NODES)
        self._pods = context.informers.informer(PODS)
        self._leases = context.informers.informer(LEASES)
        self._pods.add_index(NODE_NAME_INDEX, by_node_name)
        self._recorder = context.recorder("node-controller")
        self._health: dict[str, Health] = {}
        self._known: dict[str, Json] = {}
        self._zone_states: dict[str, ZoneState] = {}
        self._zone_qps: dict[str, float] = {}
        self._zone_free_s: dict[str, float] = {}
        self._to_taint: dict[str, dict[str, None]] = defaultdict(dict)
        self._nodes.add_handler(on_add=self._node_changed, on_update=lambda old, new: self._node_changed(new))

    def _node_changed(self, node: Json) -> None:
        name, zone = node["metadata"]["name"], zone_of(node)
        if with_no_schedule(node, "") is not None:
            self.queue.add(f"node/{name}")
        if name in self._to_taint[zone]:
            self.queue.add(f"zone/{zone}")

    async def sync(self, key: str) -> None:
        kind, _, name = key.partition("/")
        if kind == "zone":
            await self._taint_next(name)
            return
        node = self._nodes.cache.get(name)
        if node is None:
            return
        now = rfc3339(self.clock.now_s())
        await self._write_taints(
            node, with_no_execute(node, "", now) if kind == "untaint" else with_no_schedule(node, now)
        )

    async def background(self) -> None:
        while True:
            await self._monitor()
            await self.clock.sleep(MONITOR_PERIOD_S)

    # -- health ------------------------------------------------------------------------------------------------

    async def _monitor(self) -> None:
        nodes = {node["metadata"]["name"]: node for node in self._nodes.cache}
        self._note_come_and_gone(nodes)
        now_s = self.clock.now_s()
        silent = [node for node in nodes.values() if not self._is_well(node, now_s)]
        results = await asyncio.gather(*(self._treat(node, now_s) for node in silent), return_exceptions=True)
        for node, result in zip(silent, results, strict=True):
            name = node["metadata"]["name"]
            if isinstance(result, dict):
                nodes[name] = result
            elif isinstance(result, (StatusError, OSError)):
                self._failed(f"node/{name}", result)
            else:
                raise result
        self._follow_disruption(nodes)
        if is_everything_down(self._zone_states):
            self._untaint_all(nodes)
        else:
            for node in nodes.values():
                self._plan_eviction(node)

    def _note_come_and_gone(self, nodes: dict[str, Json]) -> None:
        for name in [name for name in self._known if name not in nodes]:
            self._node_event(self._known.pop(name), "RemovingNode", f"Removing Node {name} from Controller")
            self._health.pop(name, None)
            for marked in self._to_taint.values():
                marked.pop(name, None)
        for name, node in nodes.items():
            if name not in self._known:
                self._node_event(node, "RegisteredNode", f"Registered Node {name} in Controller")
            self._known[name] = node

    def _node_event(self, node: Json, reason: str, what: str) -> None:
        name = node["metadata"]["name"]
        self._recorder.event(_reference(node), "Normal", reason, f"Node {name} event: {what}")

    def _is_well(self, node: Json, now_s: float) -> bool:
        """Take note of signs of life; True for a node that is ready and heard of: nothing needs to be done."""
        name = node["metadata"]["name"]
        lease = self._leases.cache.get(name, LEASE_NAMESPACE)
        health = self._health.get(name)
        if health is None:
            health = self._health[name] = first_health(node, lease, now_s)
        health.observe(node, lease, now_s)
        return ready_status(node) == "True" and not is_stale(node, health, now_s)

    async def _treat(self, node: Json, now_s: float) -> Json:
        """Do what follows from a node that is silent or says it is not ready; returns it as it is now."""
        name, observed = node["metadata"]["name"], ready_status(node)
        if is_stale(node, self._health[name], now_s):
            node = await self._declare_unknown(node, now_s)
        if ready_status(node) != "True" and observed == "True":
            message = f"Node {name} status is now: NodeNotReady"
            self._recorder.event(_reference(node), "Normal", "NodeNotReady", message)
            await self._mark_pods_not_ready(name)
        return node

    async def _declare_unknown(self, node: Json, now_s: float) -> Json:
        conditions = conditions_when_stale(node, now_s)
        if conditions is None:
            return node
        changed = {**node, "status": {**(node.get("status") or {}), "conditions": conditions}}
        return await self.client.update(NODES, changed, subresource="status")

    async def _mark_pods_not_ready(self, node_name: str) -> None:
        for pod in self._pods.cache.by_index(NODE_NAME_INDEX, node_name):
            ready = condition_of(pod, "Ready")
            if ready is None or ready["status"] == "False":
                continue
            metadata = pod["metadata"]
            condition = {"type": "Ready", "status": "False", "lastTransitionTime": rfc3339(self.clock.now_s())}
            try:
                await self.client.patch(
                    PODS,
                    metadata["name"],
                    {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}},
                    metadata["namespace"],
                    patch_type="strategic",
                    subresource="status",
                )
            except StatusError as error:
                if error.code not in (404, 409):
                    raise
                continue
            self._recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready")

    # -- NoExecute taints --------------------------------------------------------------------------------------

    def _plan_eviction(self, node: Json) -> None:
        name, zone, status = node["metadata"]["name"], zone_of(node), ready_status(node)
        if status == "True":
            self._to_taint[zone].pop(name, None)
            if has_taint(node, NOT_READY, NO_EXECUTE) or has_taint(node, UNREACHABLE, NO_EXECUTE):
                self._to_taint[zone][name] = None
                self.queue.add(f"zone/{zone}")
        elif not has_taint(node, TAINT_OF_STATUS[status], NO_EXECUTE):
            self._to_taint[zone][name] = None
            self.queue.add(f"zone/{zone}")

    async def _taint_next(self, zone: str) -> None:
        """Bring the next marked node of a zone in step: untaint at once, taint when the rate allows."""
        marked, now_s = self._to_taint[zone], self.clock.monotonic_s()
        for name in list(marked):
            node = self._nodes.cache.get(name)
            if node is None:
                marked.pop(name, None)
                continue
            key = TAINT_OF_STATUS.get(ready_status(node), "")
            is_tainted = has_taint(node, NOT_READY, NO_EXECUTE) or has_taint(node, UNREACHABLE, NO_EXECUTE)
            if not key and not is_tainted:
                # The cache does not show yet why it was marked; the event that does brings us here again.
                continue
            if key and not is_tainted:
                wait_s = self._wait_s(zone, now_s)
                if wait_s is None:
                    continue
                if wait_s > 0:
                    self.queue.add_after(f"zone/{zone}", wait_s)
                    continue
                self._zone_free_s[zone] = now_s + 1 / self._zone_qps[zone]
            await self._write_taints(node, with_no_execute(node, key, rfc3339(self.clock.now_s())))
            marked.pop(name, None)

    def _wait_s(self, zone: str, now_s: float) -> float | None:
        """Seconds until the zone's next taint; None while it gets none."""
        if not self._zone_qps.get(zone):
            return None
        return max(0.0, self._zone_free_s.get(zone, 0.0) - now_s)

    async def _write_taints(self, node: Json, taints: list[Json] | None) -> None:
        if taints is None:
            return
        metadata = node["metadata"]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "spec": {"taints": taints or None}}
        try:
            await self.client.patch(NODES, metadata["name"], patch, patch_type="merge")
        except StatusError as error:
            if error.code != 404:
                raise

    # -- disruption --------------------------------------------------------------------------------------------

    def _follow_disruption(self, nodes: dict[str, Json]) -> None:
        """Set each zone's rate by how it is; with everything down, nobody is tainted."""
        zones: dict[str, list[str]] = defaultdict(list)
        for node in nodes.values():
            zones[zone_of(node)].append(ready_status(node))
        states: dict[str, ZoneState] = {zone: zone_state(statuses) for zone, statuses in zones.items()}
        was_down, is_down = is_everything_down(self._zone_states), is_everything_down(states)
        self._zone_states = states
        if is_down:
            self._zone_qps = dict.fromkeys(states, 0.0)
            return
        if was_down:
            # We were cut off, not they: everybody's time starts anew.
            for health in self._health.values():
                health.probe_s = self.clock.now_s()
        for zone, state in states.items():
            qps = eviction_qps(state, len(zones[zone]))
            if qps != self._zone_qps.get(zone):
                self._zone_qps[zone] = qps
                self.queue.add(f"zone/{zone}")

    def _untaint_all(self, nodes: dict[str, Json]) -> None:
        for name, node in nodes.items():
            self._to_taint[zone_of(node)].pop(name, None)
            if has_taint(node, NOT_READY, NO_EXECUTE) or has_taint(node, UNREACHABLE, NO_EXECUTE):
                self.queue.add(f"untaint/{name}")


def _reference(node: Json) -> Json:
    metadata = node["metadata"]
    return {"kind": "Node", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
