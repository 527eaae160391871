"""Decisions: what came of one attempt, and what somebody has to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pyk8s.reference.scheduler.plugins.default_binder import binding
from pyk8s.reference.scheduler.pod import PodInfo

PodReference = tuple[str, str, str]
"""(namespace, name, uid) of a pod that a decision concerns."""

Outcome = Literal["scheduled", "unschedulable", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Decision:
    pod: PodInfo
    outcome: Outcome
    node_name: str = ""
    message: str = ""
    plugins: list[str] = field(default_factory=list)
    attempts: int = 0
    writes: bytes = b""
    nominated_node_name: str = ""
    victims: list[PodReference] = field(default_factory=list)
    cleared: list[PodReference] = field(default_factory=list)

    @property
    def uid(self) -> str:
        return self.pod.uid

    @property
    def namespace(self) -> str:
        return self.pod.namespace

    @property
    def name(self) -> str:
        return self.pod.name

    @property
    def binding(self) -> bytes:
        return binding(self.pod, self.node_name) if self.outcome == "scheduled" else b""
