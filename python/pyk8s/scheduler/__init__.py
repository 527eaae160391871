"""The scheduler as a component: feeds the engine from watches, writes what it decides.

Always true: every decision is the engine's; this room only carries objects in and decisions out.
Not here: queue, plugins, scores (see `pyk8s.core`'s SchedulerEngine).
"""

from pyk8s.scheduler.scheduler import Scheduler

__all__ = ["Scheduler"]
