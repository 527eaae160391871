#!/usr/bin/env python3
"""Make `python/pyk8s/api/data/*.json` from the published fact tables: the same facts, without spaces.

    tools/compile_tables.py TABLES_DIR

TABLES_DIR holds the tables of Kubernetes v1.36 (api-resources.json, openapi-schema.json, …).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from compile_defaults import compile_defaults

DATA = Path(__file__).parent.parent / "python" / "pyk8s" / "api" / "data"
COPIED = (
    "api-resources", "openapi-schema", "protobuf-fields", "names", "bootstrap-priorityclasses", "bootstrap-rbac",
)  # fmt: skip


def compact(source: Path, target: Path) -> None:
    target.write_text(json.dumps(json.loads(source.read_text()), separators=(",", ":"), ensure_ascii=False) + "\n")


def table_columns(tables: Path) -> dict[str, Any]:
    """Columns per kind: the table's, replaced by recorded ones (they carry the descriptions) where there are."""
    made: dict[str, Any] = json.loads((tables / "table-columns.json").read_text())
    kinds = {(r["group"], r["plural"]): r["kind"] for r in json.loads((tables / "api-resources.json").read_text())}
    for file in sorted((tables / "recordings" / "api").rglob("*.json")):
        for step in json.loads(file.read_text())["steps"]:
            path = step.get("request", step.get("open", {})).get("path", "")
            for body in (step.get("response", {}).get("body"), *(e.get("object") for e in step.get("events", ()))):
                if isinstance(body, dict) and body.get("kind") == "Table" and body.get("columnDefinitions"):
                    kind = kinds.get(group_and_plural(path))
                    if kind and not path.rstrip("/").endswith("/scale"):
                        made[kind] = body["columnDefinitions"]
                    elif path.rstrip("/").endswith("/scale"):
                        made["Scale"] = body["columnDefinitions"]
    return made


def group_and_plural(path: str) -> tuple[str, str]:
    """The group and resource that a recorded request path names, ("", "") for others."""
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    if len(rest) >= 3 and rest[0] == "namespaces":
        rest = rest[2:]
    return group, rest[0] if rest else ""


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    tables = Path(sys.argv[1])
    for name in COPIED:
        compact(tables / f"{name}.json", DATA / f"{name}.json")
        print(f"wrote data/{name}.json")
    defaults, protobuf = (json.loads((tables / f"{name}.json").read_text()) for name in ("defaults", "protobuf-fields"))
    program = json.dumps(compile_defaults(defaults, protobuf), separators=(",", ":"), ensure_ascii=False)
    (DATA / "defaults.json").write_text(program + "\n")
    print("wrote data/defaults.json")
    columns = json.dumps(table_columns(tables), separators=(",", ":"), ensure_ascii=False)
    (DATA / "table-columns.json").write_text(columns + "\n")
    print("wrote data/table-columns.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
