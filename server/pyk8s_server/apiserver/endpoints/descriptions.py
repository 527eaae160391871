"""Field descriptions for `kubectl explain`, from the package kubernetes-validate when it is installed.

Always true: without the package (extra `explain`) everything works, and `explain` shows types without texts.
Not here: the documents themselves (see `openapi`).
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE, LEVEL = "kubernetes_validate", "v1.36."

Json = dict[str, Any]


def describe(definition: str, schema: Json) -> Json:
    """``schema`` (of the OpenAPI document) with the texts of its definition and fields."""
    texts = _texts(definition)
    if not texts:
        return schema
    described = {"description": texts["description"], **schema} if texts.get("description") else dict(schema)
    fields = texts.get("properties") or {}
    if "properties" in schema:
        described["properties"] = {
            name: {"description": fields[name]["description"], **field}
            if (fields.get(name) or {}).get("description")
            else field
            for name, field in schema["properties"].items()
        }
    return described


def _texts(definition: str) -> Json:
    folder = _folder()
    if folder is None:
        return {}
    *_, group, version, kind = definition.split(".")
    parts = [kind.lower()] + ([] if group == "core" else [group]) + [version]
    try:
        found: Json = json.loads((folder / f"{'-'.join(parts)}.json").read_bytes())
    except OSError:
        return {}
    return found


@cache
def _folder() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations))) / "kubernetes-json-schema"
    found = sorted(path for path in root.glob(f"{LEVEL}*-local") if path.is_dir())
    return found[-1] if found else None
