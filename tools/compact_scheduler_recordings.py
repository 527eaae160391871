"""Makes `tests/golden/scheduler/` from recordings of kube-scheduler: the same scenarios without spaces.

usage: compact_scheduler_recordings.py RECORDINGS_DIR OUT_DIR

Always true: nothing is left out; what was there before is replaced.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(recordings: Path, out: Path) -> None:
    for old in out.glob("*.json"):
        old.unlink()
    count = 0
    for path in sorted(recordings.glob("*.json")):
        scenario = json.loads(path.read_text())
        if "cluster" not in scenario:
            continue
        (out / path.name).write_text(json.dumps(scenario, separators=(",", ":"), ensure_ascii=False) + "\n")
        count += 1
    print(f"{count} scenarios")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
