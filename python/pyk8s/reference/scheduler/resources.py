"""Amounts of every resource: what a node has, what pods ask for.

Always true: sums saturate at 64 bits.
Not here: how a pod's containers add up (see `requests`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.scheduler.quantity import milli_value, saturated, value


@dataclass(slots=True)
class Resources:
    """cpu in thousandths; memory and ephemeral storage in bytes; the rest in whole units by name."""

    milli_cpu: int = 0
    memory_bytes: int = 0
    ephemeral_storage_bytes: int = 0
    pods: int = 0
    scalars: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, resource_list: Mapping[str, Any], owner: str) -> Resources:
        """Read a resource list; ``owner`` names the object in the error."""
        resources = cls()
        for name, written in sorted(resource_list.items()):
            text = str(written)
            amount = milli_value(text) if name == "cpu" else value(text)
            if amount is None:
                raise DecodeError(f'{owner}: {name}: "{text}" is not a quantity')
            resources.set(name, amount)
        return resources

    def set(self, name: str, amount: int) -> None:
        native = {"cpu": "milli_cpu", "memory": "memory_bytes", "ephemeral-storage": "ephemeral_storage_bytes"}
        if name in native:
            setattr(self, native[name], amount)
        elif name == "pods":
            self.pods = amount
        elif is_scalar(name):
            self.scalars[name] = amount

    def get(self, name: str) -> int:
        """The amount of a resource by its name, 0 for one that is not there."""
        match name:
            case "cpu":
                return self.milli_cpu
            case "memory":
                return self.memory_bytes
            case "ephemeral-storage":
                return self.ephemeral_storage_bytes
        return self.scalars.get(name, 0)

    def copy(self) -> Resources:
        return replace(self, scalars=dict(self.scalars))

    def add(self, other: Resources) -> None:
        self._combine(other, lambda mine, theirs: saturated(mine + theirs))

    def subtract(self, other: Resources) -> None:
        self._combine(other, lambda mine, theirs: saturated(mine - theirs))

    def raise_to(self, other: Resources) -> None:
        """Keep the larger of each."""
        self._combine(other, max)

    def _combine(self, other: Resources, join: Callable[[int, int], int]) -> None:
        self.milli_cpu = join(self.milli_cpu, other.milli_cpu)
        self.memory_bytes = join(self.memory_bytes, other.memory_bytes)
        self.ephemeral_storage_bytes = join(self.ephemeral_storage_bytes, other.ephemeral_storage_bytes)
        for name, amount in other.scalars.items():
            self.scalars[name] = join(self.scalars.get(name, 0), amount)


def is_scalar(name: str) -> bool:
    """Resources beside the four native ones that the scheduler counts: extended, huge pages, attachable volumes."""
    if name.startswith(("hugepages-", "attachable-volumes-")) or "kubernetes.io/" in name:
        return True
    return "/" in name and not name.startswith("requests.")
