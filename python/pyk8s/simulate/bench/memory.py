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
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
