"""How a simulated pod behaves, told by its annotations.

Always true: an annotation that cannot be read counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXIT_CODE = "pyk8s.io/exit-code"
RUN_SECONDS = "pyk8s.io/run-seconds"
READY_DELAY_SECONDS = "pyk8s.io/ready-delay-seconds"

EXIT_CODE_MAX = 255
SECONDS_MAX = 10.0 * 365 * 86400


@dataclass(frozen=True, slots=True)
class Behavior:
    exit_code: int = 0
    run_s: float | None = None
    """How long the containers run; None: until they are stopped."""
    ready_delay_s: float = 0.0

    @classmethod
    def of(cls, pod: Mapping[str, Any]) -> Behavior:
        annotations = pod["metadata"].get("annotations") or {}
        code, run_s = _seconds(annotations.get(EXIT_CODE)), _seconds(annotations.get(RUN_SECONDS))
        if code is not None and run_s is None:
            run_s = 0.0
        return cls(
            exit_code=min(int(code or 0), EXIT_CODE_MAX),
            run_s=run_s,
            ready_delay_s=_seconds(annotations.get(READY_DELAY_SECONDS)) or 0.0,
        )


def _seconds(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return min(number, SECONDS_MAX) if number >= 0 else None
