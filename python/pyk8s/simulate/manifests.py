"""Manifests: YAML or JSON files, and exports of live clusters, sorted into what a simulation makes of each object.

Always true: what is of no concern to scheduling is left out, and named in `ignored` when it would have made pods; an
object that does not decode is a `ScenarioError` that names file, document and field.
Not here: live clusters (see `live`), running any of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from pyk8s import core
from pyk8s.api import tables
from pyk8s.api.yaml import YamlError, documents
from pyk8s.errors import DecodeError
from pyk8s.simulate.problems import Problem, ScenarioError

Json = dict[str, Any]

FILE_BYTES_MAX = 2 << 30
"""A million nodes or pods as YAML are about as much."""

WORKLOAD_KINDS = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob")
ENGINE_KINDS = (
    "Namespace", "Service", "PersistentVolume", "PersistentVolumeClaim", "StorageClass", "CSINode", "CSIDriver",
    "CSIStorageCapacity", "VolumeAttachment", "PodDisruptionBudget", "DeviceClass", "ResourceSlice", "ResourceClaim",
    "PodGroup",
)  # fmt: skip


@dataclass(slots=True)
class Manifests:
    """Objects by what they are for. ``objects``: (kind, object) of those that the engine looks at as they are."""

    nodes: list[Json] = field(default_factory=list)
    pods: list[Json] = field(default_factory=list)
    workloads: list[Json] = field(default_factory=list)
    objects: list[tuple[str, Json]] = field(default_factory=list)
    priority_classes: list[Json] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def add(self, obj: Json) -> None:
        kind = obj.get("kind", "")
        if kind == "Node":
            self.nodes.append(obj)
        elif kind == "Pod":
            self.pods.append(obj)
        elif kind == "PriorityClass":
            self.priority_classes.append(obj)
        elif kind == "CronJob":
            self.ignored.append(f"{kind} {obj['metadata'].get('name', '')}: say its jobs with arrivals")
        elif kind in WORKLOAD_KINDS:
            self.workloads.append(obj)
        elif kind in ENGINE_KINDS:
            self.objects.append((kind, obj))

    def extend(self, other: Manifests) -> None:
        for name in ("nodes", "pods", "workloads", "objects", "priority_classes", "ignored"):
            getattr(self, name).extend(getattr(other, name))


def read_manifests(path: Path, *, is_strict: bool = True) -> Manifests:
    """Read a file of manifests. ``is_strict``: unknown fields are problems, as for `kubectl apply`; exports have any.

    Raises:
        ScenarioError: the file cannot be read or an object in it does not decode.
    """
    manifests, problems = Manifests(), list[Problem]()
    for place, obj in _objects(path):
        try:
            manifests.add(_decoded(obj, is_strict=is_strict))
        except (DecodeError, ValueError) as error:
            problems.append(Problem(place, str(error)))
    if problems:
        raise ScenarioError(str(path), problems)
    return manifests


def _objects(path: Path) -> Iterable[tuple[str, Json]]:
    """(place, object) of every document, items of lists one by one."""
    for index, document in enumerate(read_yaml(path)):
        place = f"document {index + 1}"
        if not isinstance(document, dict):
            raise ScenarioError(str(path), [Problem(place, "is no mapping; allowed: Kubernetes objects")])
        if isinstance(items := document.get("items"), list) and str(document.get("kind", "")).endswith("List"):
            kind = str(document["kind"]).removesuffix("List")
            common = {"kind": kind, "apiVersion": document.get("apiVersion", "")} if kind else {}
            for number, item in enumerate(items):
                yield f"{place}: items[{number}]", {**common, **item} if isinstance(item, dict) else {}
        else:
            yield place, document


def read_yaml(path: Path) -> list[Any]:
    """The documents of a YAML or JSON file. Raises ScenarioError."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ScenarioError(str(path), [Problem("", f"cannot be read: {error.strerror or error}")]) from error
    if len(text) > FILE_BYTES_MAX:
        raise ScenarioError(str(path), [Problem("", f"is larger than {FILE_BYTES_MAX} bytes")])
    if text[:1] in (b"{", b"["):
        try:
            # An export as JSON is read a hundred times faster this way; what is no JSON may still be YAML.
            return [orjson.loads(text)]
        except orjson.JSONDecodeError:
            pass
    try:
        return [orjson.loads(document.value) for document in documents(text)]
    except YamlError as error:
        raise ScenarioError(str(path), [Problem("", str(error))]) from error


@cache
def scheme() -> Any:
    """Built once: it takes a tenth of a second."""
    return core.Scheme(tables.scheme_tables())


def _decoded(obj: Json, *, is_strict: bool) -> Json:
    """The object with its types checked and its defaults filled in; kinds we make nothing of are left as they are."""
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(api_version, str) or not kind or not api_version:
        raise ValueError("kind or apiVersion is missing; allowed: Kubernetes objects")
    if kind not in ("Node", "Pod", "PriorityClass", *WORKLOAD_KINDS, *ENGINE_KINDS):
        return obj
    return decode(f"{api_version}/{kind}", obj, is_strict=is_strict)


def decode(gvk: str, obj: Json, *, is_strict: bool = True) -> Json:
    """Raises DecodeError, or ValueError that lists unknown fields."""
    decoded = scheme().decode_json(gvk, orjson.dumps(obj))
    if is_strict and decoded.problems:
        raise ValueError(", ".join(decoded.problems))
    made: Json = orjson.loads(scheme().default(gvk, decoded.value))
    return made
