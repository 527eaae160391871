"""Feature gates, as `--feature-gates` takes them, and which of them this scheduler looks at.

Always true: a gate that changes nothing here is named in a warning, unless it is set to what holds anyway.
Not here: what a gate changes (the engine, `expansion` for the plugins that come and go with one).
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULTS = {
    "DynamicResourceAllocation": True,
    "GangScheduling": False,
    "GenericWorkload": False,
    "NodeDeclaredFeatures": True,
    "StorageCapacityScoring": False,
    "TaintTolerationComparisonOperators": False,
}
"""The gates that are looked at, with their defaults in v1.36."""

FIXED = {
    "InPlacePodVerticalScaling": True,
    "MatchLabelKeysInPodAffinity": True,
    "MatchLabelKeysInPodTopologySpread": True,
    "NodeInclusionPolicyInPodTopologySpread": True,
    "OpportunisticBatching": False,
    "PodLevelResources": True,
    "SchedulerAsyncPreemption": True,
    "SchedulerPopFromBackoffQ": True,
    "SchedulerQueueingHints": True,
}
"""What the scheduler is built for: these gates are fixed."""


def parse_feature_gates(text: str) -> dict[str, bool]:
    """``A=true,B=false`` as a mapping.

    Raises:
        ValueError: names the part that is wrong.
    """
    gates: dict[str, bool] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name or value.lower() not in ("true", "false"):
            raise ValueError(f"feature gate {part!r} must be NAME=true or NAME=false")
        gates[name] = value.lower() == "true"
    return gates


def is_on(gates: Mapping[str, bool], name: str) -> bool:
    return gates.get(name, gates.get("AllAlpha", False) or DEFAULTS[name])


def warnings(gates: Mapping[str, bool]) -> list[str]:
    """The gates that are not honoured, in words."""
    told = []
    for name, value in gates.items():
        if name in FIXED and value != FIXED[name]:
            told.append(f"feature gate {name}={_go(value)} is not honoured: it is always {_go(FIXED[name])} here")
        elif name not in FIXED and name not in DEFAULTS:
            told.append(f"feature gate {name} is not known here and changes nothing")
    return told


def _go(value: bool) -> str:
    return "true" if value else "false"
