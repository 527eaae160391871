"""What a failed test leaves for its reader: the cluster's objects as YAML, or its whole state as a snapshot.

Always true: secrets' values are left out of the YAML; a snapshot holds everything, and is for its owner alone.
Not here: when something is kept (see `plugin`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pyk8s.api.resources import resources
from pyk8s.api.status import StatusError

from pyk8s_server.testing.handle import ClusterHandle

NAME_LENGTH_MAX = 150
"""Of a file's name; file systems allow 255 bytes."""


def save_objects(handle: ClusterHandle, folder: str | Path, test: str) -> Path:
    """Write one YAML file per resource that has objects; returns the folder of this test."""
    target = Path(folder) / file_name(test)
    target.mkdir(parents=True, exist_ok=True)
    listed = dict.fromkeys(resource.qualified for resource in resources() if "list" in resource.verbs)
    for qualified in listed:
        try:
            items = handle.list(qualified)
        except StatusError as error:
            # Not served is nothing to tell; what an existing cluster refuses us is, and the others are worth having.
            if error.code != 404:
                (target / f"{qualified}.error").write_text(f"{error}\n")
            continue
        if items:
            shown = [_without_secrets(item) for item in items]
            (target / f"{qualified}.yaml").write_text(_yaml(shown))
    return target


def save_snapshot(handle: ClusterHandle, folder: str | Path, test: str) -> str:
    """Write the store's state to a file; returns the line that tells how to look at it."""
    if handle.cluster is None:
        return "the cluster is not of this process; it was left as it is"
    path = Path(folder) / f"{file_name(test)}.snapshot"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle.cluster.store.snapshot_save(str(path))
    path.chmod(0o600)
    return f"look at it with: pyk8s snapshot restore {path} --name kept && pyk8s start --name kept"


def file_name(test: str) -> str:
    """A test's id as the name of a file."""
    return re.sub(r"[^\w.-]+", "_", test)[-NAME_LENGTH_MAX:]


def _yaml(items: list[dict[str, Any]]) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump_all(items, Dumper=dumper, sort_keys=False)
    return text


def _without_secrets(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("kind") != "Secret":
        return item
    return {**item, "data": dict.fromkeys(item.get("data") or {}, "(left out)")}
