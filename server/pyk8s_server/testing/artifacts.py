"""What a failed test leaves for its reader: the cluster's objects as YAML, or its whole state as a snapshot.

Always true: secrets' values are left out of the YAML.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pyk8s.api.resources import resources
from pyk8s.api.status import StatusError

from pyk8s_server.testing.handle import ClusterHandle


def save_objects(handle: ClusterHandle, folder: str | Path, test: str) -> Path:
    """Write one YAML file per resource that has objects; returns the folder of this test."""
    target = Path(folder) / _file_name(test)
    target.mkdir(parents=True, exist_ok=True)
    for resource in resources():
        if "list" not in resource.verbs:
            continue
        try:
            items = handle.list(resource.qualified)
        except StatusError:
            continue
        if items:
            shown = [_without_secrets(item) for item in items]
            (target / f"{resource.qualified}.yaml").write_text(yaml.safe_dump_all(shown, sort_keys=False))
    return target


def save_snapshot(handle: ClusterHandle, folder: str | Path, test: str) -> str:
    """Write the store's state to a file; returns the line that tells how to look at it."""
    if handle.cluster is None:
        return "the cluster is not of this process; it was left as it is"
    path = Path(folder) / f"{_file_name(test)}.snapshot"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle.cluster.store.snapshot_save(str(path))
    return f"look at it with: pyk8s snapshot restore {path} --name kept && pyk8s start --name kept"


def _without_secrets(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("kind") != "Secret":
        return item
    return {**item, "data": dict.fromkeys(item.get("data") or {}, "(left out)")}


def _file_name(test: str) -> str:
    return re.sub(r"[^\w.-]+", "_", test)
