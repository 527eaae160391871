"""GangScheduling: a pod of a group waits until the group is there, and as many of its pods as must start together.

Not here: placing them together (see `engine`), which a profile with this plugin at Permit asks for.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.event import ClusterEvent, ObjectChanged
from pyk8s.reference.scheduler.framework import Plugin, World
from pyk8s.reference.scheduler.groups import key_of, needed_count
from pyk8s.reference.scheduler.objects import key_of as object_key
from pyk8s.reference.scheduler.pod import PodInfo


class GangScheduling(Plugin):
    name = "GangScheduling"

    def pre_enqueue(self, pod: PodInfo, world: World) -> str | None:
        key = key_of(pod)
        if not key:
            return None
        needed = needed_count(world.objects, key)
        if needed is None:
            return f'waiting for pod group "{pod.group}" to be created'
        if world.cache.groups.count(key) < needed:
            return "waiting for minCount pods from a gang to appear in the scheduling queue"
        return None

    def hint(self, pod: PodInfo, event: ClusterEvent, world: World) -> bool:
        if not isinstance(event, ObjectChanged) or event.kind != "PodGroup":
            return False
        return event.new is not None and object_key(event.new) == key_of(pod)
