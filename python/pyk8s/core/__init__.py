"""The one door to the engine: the Rust extension, its pure-Python twin, or both at once.

``PYK8S_CORE`` chooses: ``rust`` (default), ``reference`` (readable and slow), ``mirror`` (both, compared each call).
Always true: nothing outside this package imports `pyk8s._core` or `pyk8s.reference` in product code.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

CHOICES = {"rust": "pyk8s._core", "reference": "pyk8s.reference", "mirror": "pyk8s.core.mirror"}
NAMES = (
    "Store", "Selection", "Scheme", "json_patch", "merge_patch", "SchedulerEngine",
    "AttachedScheduler",
)  # fmt: skip


def choice() -> str:
    """The engine in use, as `PYK8S_CORE` names it."""
    name = os.environ.get("PYK8S_CORE", "rust")
    if name not in CHOICES:
        raise ValueError(f"PYK8S_CORE is {name!r}; it may be {', '.join(CHOICES)}")
    return name


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(CHOICES[choice()]), name)
    globals()[name] = value
    return value
