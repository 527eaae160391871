"""How many nodes does it take? The smallest number of nodes of each pool with which every pod finds one.

Always true: an answer of n was tried: with n nodes everything fits, with n - 1 something does not. Trials have no time:
all pods are there at once, and each is asked until nothing changes.
Not here: what nodes cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyk8s.simulate.plan import Plan
from pyk8s.simulate.result import Contender, engine
from pyk8s.simulate.scenario_cluster import NODES_MAX, Pool
from pyk8s.simulate.simulation import Simulation, is_daemon

Json = dict[str, Any]

MESSAGES_TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt. ``counts``: nodes added, by pool; ``messages``: pods that wait, by what the scheduler says."""

    counts: Mapping[str, int]
    pending: int
    messages: Mapping[str, int]
    utilization: Mapping[str, float]
    pods: int


class Capacity:
    """Answers for one plan; its pools have no nodes of their own, they are what may be added."""

    def __init__(self, plan: Plan, contender: Contender, *, tell: Callable[[str], None] = lambda text: None) -> None:
        self._plan, self._contender, self._tell = plan, contender, tell
        self._known: dict[tuple[int, ...], Trial] = {}
        self._names = [pool.name for pool in plan.pools]

    def answer(self) -> Json:
        """The cluster as it is, each pool alone, and a mix of them when none of several suffices alone."""
        present = self.trial({})
        names = self._names if present.pending else []
        alone = [self._alone(name) for name in names]
        mix = None
        if len(alone) > 1 and all(trial.pending for trial in alone):
            mix = self._mix([trial.counts[name] for name, trial in zip(names, alone, strict=True)])
        return {
            "pods": present.pods,
            "present": told(present),
            "pools": [{"pool": name, **told(trial)} for name, trial in zip(names, alone, strict=True)],
            "mix": told(mix) if mix else None,
            "fits": any(not trial.pending for trial in (present, *alone, *([mix] if mix else []))),
            "warnings": list(self._plan.warnings),
        }

    def trial(self, counts: Mapping[str, int]) -> Trial:
        """Try with so many added nodes of each pool; trials are remembered."""
        key = tuple(counts.get(name, 0) for name in self._names)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._run(dict(zip(self._names, key, strict=True)))
        return found

    def _run(self, counts: dict[str, int]) -> Trial:
        pools = [pool.model_copy(update={"count": counts[pool.name]}) for pool in self._plan.pools]
        plan = replace(self._plan, pools=pools)
        simulation = Simulation(plan, engine(self._contender, plan.scenario.seed))
        simulation.begin()
        simulation.run()
        state = simulation.state
        shown = ", ".join(f"{count} of {name}" for name, count in counts.items() if count) or "nothing added"
        self._tell(f"{shown}: {len(state.pending)} of {len(state.pods)} pods find no node")
        shares = zip(state.resources, state.requested, state.allocatable, strict=True)
        return Trial(
            counts,
            len(state.pending),
            Counter(pod.message for pod in state.pending.values()),
            {name: round(given / have, 4) for name, given, have in shares if have},
            sum(1 for pod in state.pods.values() if not is_daemon(pod)),
        )

    def _alone(self, name: str) -> Trial:
        """With one pool alone: doubled until everything fits or doubling helps nobody, then as few as do the same."""
        count = max(1, len(self._pool(name).zones))
        most = min(NODES_MAX, max(count, self.trial({}).pending))
        best = self.trial({name: count})
        while best.pending and count < most:
            count = min(most, 2 * count)
            tried = self.trial({name: count})
            if tried.pending == best.pending:
                break
            best = tried
        return self._fewest({}, name, best)

    def _fewest(self, others: Mapping[str, int], name: str, enough: Trial) -> Trial:
        """The trial with the fewest nodes of a pool in which no more pods wait than in ``enough``."""
        low, high = -1, enough.counts[name]
        while high - low > 1:
            middle = (low + high) // 2
            if self.trial({**others, name: middle}).pending <= enough.pending:
                high = middle
            else:
                low = middle
        return self.trial({**others, name: high})

    def _mix(self, counts: list[int]) -> Trial:
        """Nodes of several pools: as many of each as help alone, then fewer of one after the other, in both orders."""
        all_of_them = dict(zip(self._names, counts, strict=True))
        found = [self._reduced(all_of_them, order) for order in (self._names, self._names[::-1])]
        return min(found, key=lambda trial: sum(trial.counts.values()))

    def _reduced(self, counts: Mapping[str, int], order: Sequence[str]) -> Trial:
        best = self.trial(counts)
        for name in order:
            best = self._fewest(best.counts, name, best)
        return best

    def _pool(self, name: str) -> Pool:
        return next(pool for pool in self._plan.pools if pool.name == name)


def told(trial: Trial) -> Json:
    """A trial in the answer."""
    fullest = max(trial.utilization, key=lambda name: trial.utilization[name], default="")
    most = sorted(trial.messages.items(), key=lambda entry: (-entry[1], entry[0]))[:MESSAGES_TOLD_MAX]
    return {
        "nodes": dict(trial.counts),
        "pending": trial.pending,
        "fullest": fullest,
        "utilization": dict(trial.utilization),
        "messages": [{"message": message, "pods": count} for message, count in most],
    }
