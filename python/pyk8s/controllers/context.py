"""What every controller is given: the client, shared informers, time, chance, event recorders and metrics.

Always true: a controller reaches the world through its `Context` and nothing else.
Not here: building and running controllers (see `manager`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.client.events import EventRecorder
from pyk8s.client.informer import InformerFactory
from pyk8s.client.interfaces import Client

Json = dict[str, Any]


class Metrics(Protocol):
    """Told of every reconcile; the composition root makes Prometheus series of it."""

    def reconciled(self, controller: str, *, duration_s: float, outcome: str) -> None:
        """One sync ended: ``outcome`` is success, conflict or error."""

    def queue_depth(self, controller: str, depth: int) -> None: ...


class NoMetrics:
    """Metrics nobody asked for."""

    def reconciled(self, controller: str, *, duration_s: float, outcome: str) -> None:
        """Forgets it."""

    def queue_depth(self, controller: str, depth: int) -> None:
        """Forgets it."""


@dataclass(slots=True)
class Context:
    """Shared by all controllers of one manager."""

    client: Client
    informers: InformerFactory
    clock: Clock
    identity: Identity
    metrics: Metrics = field(default_factory=NoMetrics)
    root_ca: str = ""
    """PEM of the CA that signed the API server's certificate."""
    cluster_cidr: str = "10.244.0.0/16"
    recorders: dict[str, EventRecorder] = field(default_factory=dict)

    def recorder(self, component: str) -> EventRecorder:
        """The event recorder of a component; one per name."""
        if component not in self.recorders:
            self.recorders[component] = EventRecorder(self.client, component, clock=self.clock)
        return self.recorders[component]
