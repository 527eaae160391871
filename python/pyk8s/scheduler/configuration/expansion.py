"""Which plugin runs at which point: the defaults, what a profile changes about them, multiPoint spread over the points.

Always true: the order is kube-scheduler's: plugins of multiPoint that a point names itself, in the point's order; then
those of multiPoint alone; then the point's own. A plugin's weight is the point's, else that of multiPoint, else 1.
Not here: arguments (see `args`), checks that need no table of plugins (see `rules`).
Source: kubernetes.io, "Scheduler Configuration", the sections on multiple profiles and on multiPoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyk8s.api.field import FieldError, forbidden, invalid, required
from pyk8s.scheduler.configuration.gates import is_on
from pyk8s.scheduler.configuration.models import Plugin, Plugins, PluginSet

POINTS = (
    *("preEnqueue", "queueSort", "preFilter", "filter", "postFilter", "preScore", "score"),
    *("reserve", "permit", "preBind", "bind", "postBind"),
)
ALL = "*"
BOTH = ("preFilter", "filter")

IN_TREE: dict[str, tuple[str, ...]] = {
    "SchedulingGates": ("preEnqueue",),
    "PrioritySort": ("queueSort",),
    "NodeUnschedulable": ("filter",),
    "NodeName": ("filter",),
    "TaintToleration": ("filter", "preScore", "score"),
    "NodeAffinity": (*BOTH, "preScore", "score"),
    "NodePorts": BOTH,
    "NodeResourcesFit": (*BOTH, "preScore", "score"),
    "VolumeRestrictions": BOTH,
    "NodeVolumeLimits": BOTH,
    "VolumeBinding": (*BOTH, "preScore", "score", "reserve", "preBind"),
    "VolumeZone": BOTH,
    "PodTopologySpread": (*BOTH, "preScore", "score"),
    "InterPodAffinity": (*BOTH, "preScore", "score"),
    "DynamicResources": ("preEnqueue", *BOTH, "postFilter", "score", "reserve", "preBind"),
    "DefaultPreemption": ("preEnqueue", "postFilter"),
    "NodeResourcesBalancedAllocation": ("preScore", "score"),
    "ImageLocality": ("score",),
    "DefaultBinder": ("bind",),
    "NodeDeclaredFeatures": BOTH,
    "GangScheduling": ("preEnqueue", "permit"),
}
"""The plugins of the engine and their points, in the order of the default multiPoint list."""

WEIGHTS = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
}
GATES = {
    "DynamicResources": "DynamicResourceAllocation",
    "NodeDeclaredFeatures": "NodeDeclaredFeatures",
    "GangScheduling": "GangScheduling",
}
"""Plugins that are there only when their gate is on."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """One profile's plugins by point, and the weights of those that score."""

    points: dict[str, list[str]]
    weights: dict[str, int]

    @property
    def names(self) -> set[str]:
        return {name for names in self.points.values() for name in names}


class Expansion:
    """Expands one profile; what is wrong with it is in ``errors`` afterwards."""

    def __init__(self, path: str, *, gates: Mapping[str, bool], foreign: Mapping[str, Sequence[str]]) -> None:
        """``foreign``: the points of the plugins that are not the engine's own, by name."""
        self._path, self._gates = path, gates
        gone = {name for name, gate in GATES.items() if not is_on(gates, gate)}
        self._gone = gone
        self._points: dict[str, Sequence[str]] = {
            **{name: points for name, points in IN_TREE.items() if name not in gone},
            **foreign,
        }
        self.errors: list[FieldError] = []

    def expand(self, plugins: Plugins, scheduler_name: str) -> Expanded:
        multi = merged(default_set(self._gates), plugins.multiPoint)
        self._check_known("multiPoint", plugins.multiPoint.enabled)
        points = {point: self._at(point, getattr(plugins, point), multi) for point in POINTS}
        if not self.errors and len(points["queueSort"]) != 1:
            text = f'only one queue sort plugin required for profile with scheduler name "{scheduler_name}", but got '
            self.errors.append(
                invalid(f"{self._path}.queueSort", points["queueSort"], f"{text}{len(points['queueSort'])}")
            )
        if not self.errors and not points["bind"]:
            text = f'at least one bind plugin is needed for profile with scheduler name "{scheduler_name}"'
            self.errors.append(required(f"{self._path}.bind", text))
        return Expanded(points, self._weights(points["score"], plugins.score, multi))

    def _at(self, point: str, own: PluginSet, multi: PluginSet) -> list[str]:
        named = self._own(point, own)
        disabled = {plugin.name for plugin in own.disabled}
        if ALL in disabled:
            return named
        spread: list[str] = []
        for plugin in multi.enabled:
            if point not in self._points.get(plugin.name, ()) or plugin.name in disabled:
                continue
            if plugin.name in spread:
                text = f'plugin "{plugin.name}" already registered as "{_title(point)}"'
                self.errors.append(invalid(f"{self._path}.multiPoint.enabled", plugin.name, text))
            spread.append(plugin.name)
        overriding = [name for name in named if name in spread]
        return [
            *overriding,
            *(name for name in spread if name not in named),
            *(name for name in named if name not in spread),
        ]

    def _own(self, point: str, own: PluginSet) -> list[str]:
        """The plugins that the point itself names, checked."""
        known = self._check_known(point, own.enabled)
        names: list[str] = []
        for i, plugin in known:
            where = f"{self._path}.{point}.enabled[{i}]"
            if point not in self._points[plugin.name]:
                points = ", ".join(p for p in POINTS if p in self._points[plugin.name])
                text = f'plugin "{plugin.name}" does not extend {_title(point)} plugin; its points are {points}'
                self.errors.append(invalid(where, plugin.name, text))
            elif plugin.name in names:
                text = f'plugin "{plugin.name}" already registered as "{_title(point)}"'
                self.errors.append(invalid(where, plugin.name, text))
            else:
                names.append(plugin.name)
        return names

    def _check_known(self, point: str, enabled: list[Plugin]) -> list[tuple[int, Plugin]]:
        known = []
        for i, plugin in enumerate(enabled):
            where = f"{self._path}.{point}.enabled[{i}].name"
            if plugin.weight < 0:
                where_weight = f"{self._path}.{point}.enabled[{i}].weight"
                self.errors.append(invalid(where_weight, plugin.weight, "must not be negative"))
            if plugin.name in self._points:
                known.append((i, plugin))
            elif plugin.name in self._gone:
                text = f"plugin {plugin.name} needs the feature gate {GATES[plugin.name]}"
                self.errors.append(forbidden(where, text))
            else:
                allowed = ", ".join(self._points)
                text = f'{_title(point)} "{plugin.name}" does not exist; known plugins: {allowed}'
                self.errors.append(invalid(where, plugin.name, text))
        return known

    def _weights(self, names: Iterable[str], own: PluginSet, multi: PluginSet) -> dict[str, int]:
        weights: dict[str, int] = {}
        for plugin in (*own.enabled, *multi.enabled):
            weights.setdefault(plugin.name, plugin.weight or 1)
        return {name: weights[name] for name in names}


def default_set(gates: Mapping[str, bool]) -> PluginSet:
    """The default multiPoint list."""

    def plugins() -> Iterator[Plugin]:
        for name in IN_TREE:
            if name not in GATES or is_on(gates, GATES[name]):
                yield Plugin(name=name, weight=WEIGHTS.get(name, 0))

    return PluginSet(enabled=list(plugins()))


def merged(default: PluginSet, custom: PluginSet) -> PluginSet:
    """The defaults less those disabled, reconfigured ones in their place; then what else is enabled."""
    disabled = {plugin.name for plugin in custom.disabled}
    # Of several entries of one name the last reconfigures the default; the others are appended, and refused later.
    configured = {plugin.name: i for i, plugin in enumerate(custom.enabled)}
    enabled: list[Plugin] = []
    used: set[int] = set()
    for plugin in default.enabled if ALL not in disabled else []:
        if plugin.name in disabled:
            continue
        index = configured.get(plugin.name)
        if index is not None:
            used.add(index)
        enabled.append(plugin if index is None else custom.enabled[index])
    enabled += (plugin for i, plugin in enumerate(custom.enabled) if i not in used)
    return PluginSet(enabled=enabled, disabled=custom.disabled)


def _title(point: str) -> str:
    """``preFilter`` as messages name it: ``PreFilterPlugin``."""
    return f"{point[0].upper()}{point[1:]}Plugin"
