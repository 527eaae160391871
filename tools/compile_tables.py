#!/usr/bin/env python3
"""Make `python/pyk8s/api/data/*.json` from the published fact tables: the same facts, without spaces.

    tools/compile_tables.py TABLES_DIR

TABLES_DIR holds the tables of Kubernetes v1.36 (api-resources.json, openapi-schema.json, …).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DATA = Path(__file__).parent.parent / "python" / "pyk8s" / "api" / "data"
COPIED = ("api-resources", "openapi-schema", "protobuf-fields", "names", "table-columns", "bootstrap-priorityclasses")


def compact(source: Path, target: Path) -> None:
    target.write_text(json.dumps(json.loads(source.read_text()), separators=(",", ":"), ensure_ascii=False) + "\n")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    tables = Path(sys.argv[1])
    for name in COPIED:
        compact(tables / f"{name}.json", DATA / f"{name}.json")
        print(f"wrote data/{name}.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
