"""The scheduling framework in plain Python: queue, cache, cycle, plugins; kube-scheduler v1.36's decisions.

Always true: a decision depends on what was fed in and in which order; quantities and scores are integers of 64 bits
that saturate, but in NodeResourcesBalancedAllocation.
Not here: reading watches, writing bindings and events (see `pyk8s.scheduler`).
"""

from pyk8s.reference.scheduler.decision import Decision
from pyk8s.reference.scheduler.engine import SchedulerEngine

__all__ = ["Decision", "SchedulerEngine"]
