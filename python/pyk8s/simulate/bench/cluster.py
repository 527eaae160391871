"""What a workload runs against: a cluster that stores objects and schedules pods, in process or over HTTP.

Always true: the ledger hears of every pod bound, tried in vain and gone; `advance` never waits.
Not here: the operations (see `runner`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pyk8s.simulate.bench.kinds import ObjectKind
from pyk8s.simulate.bench.objects import NewObject

Json = dict[str, Any]


class Cluster(Protocol):
    async def create(self, objects: Sequence[NewObject]) -> None:
        """Store new objects, in order; some may still be on their way. One whose name is taken is left as it is."""

    async def flush(self) -> None:
        """Wait until everything that was to be created is stored."""

    async def replace(self, obj: NewObject, subresources: Sequence[str]) -> None:
        """Write the object over the stored one, which keeps its uid, its node and what the template leaves out."""

    async def delete(self, kind: ObjectKind, namespace: str, name: str, grace_s: int | None = None) -> None:
        """As the API server deletes: at once, or marked while a finalizer or a grace period holds the object.

        ``grace_s`` None: the pod's own. One that is absent is left so.
        """

    async def advance(self) -> bool:
        """Let the scheduler and the watch go on for a moment. False: there is nothing to do until news or time."""

    def next_deadline_s(self) -> float | None:
        """When `advance` has work again without news, on the clock's wall time; None: only news can bring it."""

    async def wait(self, seconds: float) -> None:
        """Sleep until news, at most so long."""

    async def mark(self) -> None:
        """Remember the present state: what is scheduled from here on may be checked afterwards."""

    async def placements(self) -> dict[str, Json]:
        """Pods by node name: ``{"pods": count, "cpu": cores requested, "allocatable_cpu": cores}``."""

    async def close(self) -> None: ...


class ClusterError(Exception):
    """The cluster cannot do what the benchmark asks, and why."""
