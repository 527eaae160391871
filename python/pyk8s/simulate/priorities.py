"""Priority classes: what a pod's priorityClassName means, as admission resolves it.

Always true: `system-cluster-critical` and `system-node-critical` are there, as in every cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyk8s.api.tables import table

Json = dict[str, Any]


class PriorityClasses:
    """Classes by name. ``values``: of a scenario's short form; ``manifests``: PriorityClass objects."""

    def __init__(self, values: Mapping[str, int], manifests: Iterable[Json]) -> None:
        self._classes: dict[str, Json] = {}
        for entry in (*table("bootstrap-priorityclasses")["priorityClasses"], *manifests):
            self._classes[entry["metadata"]["name"]] = entry
        for name, value in values.items():
            self._classes[name] = {"metadata": {"name": name}, "value": value}

    def resolve(self, pod: Json) -> tuple[Json, int]:
        """The pod with its class's preemptionPolicy, and its priority. Raises ValueError for an unknown class."""
        spec = pod.get("spec") or {}
        name = spec.get("priorityClassName") or ""
        if not name and spec.get("priority") is not None:
            return pod, int(spec["priority"])
        found = self._named(name) if name else self._default()
        policy = spec.get("preemptionPolicy") or found.get("preemptionPolicy")
        if policy:
            pod = {**pod, "spec": {**spec, "preemptionPolicy": policy}}
        return pod, int(found.get("value", 0))

    def _named(self, name: str) -> Json:
        if name not in self._classes:
            raise ValueError(f"priority class {name!r} does not exist; allowed: {', '.join(self._classes)}")
        return self._classes[name]

    def _default(self) -> Json:
        """The global default; of several the one of the lowest value, as admission takes it."""
        defaults = [entry for entry in self._classes.values() if entry.get("globalDefault")]
        return min(defaults, key=lambda entry: int(entry["value"]), default={})
