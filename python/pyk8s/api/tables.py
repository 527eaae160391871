"""The fact tables of Kubernetes v1.36 that the product needs at run time, loaded on first use.

Always true: the files under `data/` are made by `tools/compile_tables.py` and never edited by hand.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

# Not importlib.resources: importing that costs as much as reading all the tables.
DATA = Path(__file__).with_name("data")


def raw(name: str) -> bytes:
    """The bytes of ``data/<name>.json``."""
    return (DATA / f"{name}.json").read_bytes()


@cache
def table(name: str) -> Any:
    """The parsed ``data/<name>.json``; shared, so treat it as frozen."""
    return json.loads(raw(name))


def scheme_tables() -> bytes:
    """What `pyk8s.core.Scheme` is built from."""
    parts = (f'"{name}":'.encode() + raw(file) for name, file in SCHEME_FILES.items())
    return b"{" + b",".join(parts) + b"}"


SCHEME_FILES = {"schema": "openapi-schema", "protobuf": "protobuf-fields", "defaults": "defaults"}
