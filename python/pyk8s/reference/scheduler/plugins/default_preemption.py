"""DefaultPreemption: a pod for which others are being evicted waits until that is done.

Not here: the search for victims (see `preemption`), which PostFilter asks for by this plugin's name.
"""

from __future__ import annotations

from pyk8s.reference.scheduler.framework import Plugin, World
from pyk8s.reference.scheduler.pod import PodInfo

MESSAGE = "waiting for the preemption for this pod to be finished"


class DefaultPreemption(Plugin):
    name = "DefaultPreemption"

    def pre_enqueue(self, pod: PodInfo, world: World) -> str | None:
        return MESSAGE if world.cache.evictions.is_waiting(pod.uid) else None
