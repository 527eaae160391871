"""Features that a pod needs its node to declare, as its spec shows them.

Not here: comparing them with what nodes declare (see `plugins.node_declared_features`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESTART_ALL = "RestartAllContainersOnContainerExits"


def inferred_features(spec: Mapping[str, Any]) -> frozenset[str]:
    """The needed features. GuaranteedQoSPodCPUResize concerns only resizes of pods that are on a node already."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    rules = [rule for container in containers for rule in container.get("restartPolicyRules") or ()]
    return frozenset({RESTART_ALL} if any(rule.get("action") == "RestartAllContainers" for rule in rules) else ())
