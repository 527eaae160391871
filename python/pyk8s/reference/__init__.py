"""The engine in plain Python: the same names in the same files as `rust/core`, written to be read.

Always true: simple before fast; no cache, no cleverness; a difference from Rust is a bug in one of the two.
"""

from __future__ import annotations

import importlib
from typing import Any

HOMES = {
    "Store": "pyk8s.reference.store",
    "Selection": "pyk8s.reference.selector",
    "Scheme": "pyk8s.reference.object",
    "json_patch": "pyk8s.reference.object",
    "merge_patch": "pyk8s.reference.object",
    "SchedulerEngine": "pyk8s.reference.scheduler",
    "AttachedScheduler": "pyk8s.reference.scheduler.attached",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)
