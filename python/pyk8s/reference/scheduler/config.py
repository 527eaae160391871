"""Compiled configurations: profiles with their plugins by extension point, weights and arguments.

Always true: every point of a profile has a list; the score plugins have a weight of at least 1.
Not here: KubeSchedulerConfiguration files (see `pyk8s.scheduler.configuration`), what the arguments mean (each plugin).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pyk8s.errors import DecodeError

Json = dict[str, Any]

POINTS = (
    "preEnqueue",
    "queueSort",
    "preFilter",
    "filter",
    "postFilter",
    "preScore",
    "score",
    "reserve",
    "permit",
    "preBind",
    "bind",
    "postBind",
)

_PRE_FILTERS = [
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "NodeDeclaredFeatures",
]

DEFAULT_POINTS: dict[str, list[str]] = {
    "preEnqueue": ["SchedulingGates", "DynamicResources", "DefaultPreemption"],
    "queueSort": ["PrioritySort"],
    "preFilter": _PRE_FILTERS,
    "filter": ["NodeUnschedulable", "NodeName", "TaintToleration", *_PRE_FILTERS],
    "postFilter": ["DynamicResources", "DefaultPreemption"],
    "preScore": [
        "TaintToleration",
        "NodeAffinity",
        "NodeResourcesFit",
        "VolumeBinding",
        "PodTopologySpread",
        "InterPodAffinity",
        "NodeResourcesBalancedAllocation",
    ],
    "score": [
        "TaintToleration",
        "NodeAffinity",
        "NodeResourcesFit",
        "VolumeBinding",
        "PodTopologySpread",
        "InterPodAffinity",
        "DynamicResources",
        "NodeResourcesBalancedAllocation",
        "ImageLocality",
    ],
    "reserve": ["VolumeBinding", "DynamicResources"],
    "permit": [],
    "preBind": ["VolumeBinding", "DynamicResources"],
    "bind": ["DefaultBinder"],
    "postBind": [],
}
"""kube-scheduler v1.36's default profile."""

IN_TREE = frozenset(name for names in DEFAULT_POINTS.values() for name in names) | {"GangScheduling"}
"""The plugins of v1.36 that the engine knows by name."""

DEFAULT_WEIGHTS = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
}
"""The default weights that are not 1."""

ALL_NODES = 100


@dataclass(slots=True)
class Profile:
    scheduler_name: str = "default-scheduler"
    percentage: int = ALL_NODES
    """percentageOfNodesToScore: 100 looks at every node, 0 is adaptive."""
    points: dict[str, list[str]] = field(default_factory=lambda: {k: list(v) for k, v in DEFAULT_POINTS.items()})
    weights: dict[str, int] = field(default_factory=dict)
    args: dict[str, Json] = field(default_factory=dict)
    """pluginConfig by plugin."""
    gates: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.points["score"]:
            self.weights.setdefault(name, DEFAULT_WEIGHTS.get(name, 1))

    def plugin_names(self) -> list[str]:
        """Every plugin once: in Filter's order first, for that is the order in which refusals are told."""
        lists = [self.points[point] for point in ("filter", *POINTS)]
        return list(dict.fromkeys(name for names in lists for name in names))

    @classmethod
    def parse(cls, manifest: Json, gates: dict[str, bool], where: str) -> Profile:
        points, weights = {k: list(v) for k, v in DEFAULT_POINTS.items()}, {}
        for point, entries in _typed(manifest.get("plugins") or {}, dict, f"{where}.plugins").items():
            path = f"{where}.plugins.{point}"
            if point not in POINTS:
                raise DecodeError(f"{path}: unknown extension point, one of {', '.join(POINTS)} is needed")
            if point == "score":
                weights = {_name(e, path): _weight(e, path) for e in _typed(entries, list, path)}
                points[point] = list(weights)
            else:
                points[point] = [_typed(name, str, path) for name in _typed(entries, list, path)]
        percentage = _typed(
            manifest.get("percentageOfNodesToScore", ALL_NODES), int, f"{where}.percentageOfNodesToScore"
        )
        name = _typed(manifest.get("schedulerName") or "default-scheduler", str, f"{where}.schedulerName")
        args = _typed(manifest.get("pluginConfig") or {}, dict, f"{where}.pluginConfig")
        return cls(name, percentage, points, weights, args, gates)


@dataclass(slots=True)
class Config:
    profiles: list[Profile] = field(default_factory=lambda: [Profile()])
    initial_backoff_s: float = 1.0
    max_backoff_s: float = 10.0
    gates: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: bytes) -> Config:
        """Read a compiled configuration; b"" gives the defaults. Raises DecodeError, which names the field."""
        if not text:
            return cls()
        try:
            manifest = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DecodeError("configuration: not JSON") from error
        _typed(manifest, dict, "configuration")
        gates = _typed(manifest.get("featureGates") or {}, dict, "featureGates")
        listed = _typed(manifest.get("profiles") or [{}], list, "profiles")
        profiles = [
            Profile.parse(_typed(p, dict, f"profiles[{i}]"), gates, f"profiles[{i}]") for i, p in enumerate(listed)
        ]
        names = [profile.scheduler_name for profile in profiles]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise DecodeError(f'profiles[{i}].schedulerName: "{name}" is there twice')
        initial_s = _typed(manifest.get("podInitialBackoffSeconds", 1), (int, float), "podInitialBackoffSeconds")
        max_s = _typed(manifest.get("podMaxBackoffSeconds", 10), (int, float), "podMaxBackoffSeconds")
        return cls(profiles, float(initial_s), float(max_s), gates)


def _typed(value: Any, kind: Any, path: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise DecodeError(f"{path}: has the wrong type")
    return value


def _name(entry: Any, path: str) -> str:
    return str(_typed(_typed(entry, dict, path).get("name"), str, f"{path}.name"))


def _weight(entry: Json, path: str) -> int:
    weight = _typed(entry.get("weight", 1), int, f"{path}.weight")
    if weight < 1:
        raise DecodeError(f"{path}.weight: must be at least 1")
    return int(weight)
