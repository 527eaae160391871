"""SchedulingGates: a pod with gates waits until they are removed."""

from __future__ import annotations

from pyk8s.reference.scheduler.event import ClusterEvent, PodUpdated
from pyk8s.reference.scheduler.framework import Plugin, World
from pyk8s.reference.scheduler.pod import PodInfo


class SchedulingGates(Plugin):
    name = "SchedulingGates"

    def pre_enqueue(self, pod: PodInfo, world: World) -> str | None:
        return f"waiting for scheduling gates: [{' '.join(pod.gates)}]" if pod.gates else None

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        return isinstance(event, PodUpdated) and not event.pod.gates
