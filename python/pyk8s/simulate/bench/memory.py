"""How much memory this process has held at most.

Always true: where the system cannot forget an earlier peak, the peak of the whole process is told.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FORGET_PEAK = "5"
"""Source: proc(5), clear_refs."""


def forget_peak() -> None:
    """Start anew, where the system can."""
    try:
        _RESET.write_text(FORGET_PEAK)
    except OSError:
        return


def peak_bytes() -> int:
    """The most memory held since `forget_peak`, or since the start of the process."""
    told = _high_water_mark(_STATUS)
    if told is not None:
        return told
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_bytes_of(pid: int) -> int:
    """Of another process; 0 where the system does not tell."""
    return _high_water_mark(Path(f"/proc/{pid}/status")) or 0


def _high_water_mark(status: Path) -> int | None:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
