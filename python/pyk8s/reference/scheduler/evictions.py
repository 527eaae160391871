"""Evictions under way: which pods wait until the scheduler's victims have been told to leave.

Always true: a preemptor waits for at least one victim, and a victim is waited for by the preemptors that name it.
Not here: who becomes a victim (see `preemption`), the resources that a leaving victim still holds (see `cache`).
"""

from __future__ import annotations

from collections.abc import Iterable


class Evictions:
    def __init__(self) -> None:
        self._victims: dict[str, set[str]] = {}
        self._preemptors: dict[str, set[str]] = {}

    def begin(self, preemptor: str, victims: Iterable[str]) -> None:
        """The preemptor waits for these victims, and for no others from now on."""
        self.end(preemptor)
        for victim in victims:
            self._victims.setdefault(preemptor, set()).add(victim)
            self._preemptors.setdefault(victim, set()).add(preemptor)

    def is_waiting(self, preemptor: str) -> bool:
        return preemptor in self._victims

    def seen(self, victim: str) -> None:
        """The victim is leaving, or gone."""
        for preemptor in self._preemptors.pop(victim, ()):
            self._victims[preemptor].remove(victim)
            if not self._victims[preemptor]:
                del self._victims[preemptor]

    def end(self, preemptor: str) -> bool:
        """The preemptor waits no more. False when it did not."""
        victims = self._victims.pop(preemptor, None)
        for victim in victims or ():
            self._preemptors[victim].remove(preemptor)
            if not self._preemptors[victim]:
                del self._preemptors[victim]
        return victims is not None
