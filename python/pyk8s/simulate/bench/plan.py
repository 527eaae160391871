"""A workload made ready: parameters filled in, every template read, decoded and tried, before anything starts.

Always true: what a plan needs from files is in it.
Not here: running it (see `runner`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pyk8s.core.interfaces import Scheme
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import DecodeError
from pyk8s.simulate.bench.format import Chosen
from pyk8s.simulate.bench.kinds import CLAIMS, NAMESPACES, NODES, PODS, SEEN, VOLUMES, ObjectKind
from pyk8s.simulate.bench.objects import ObjectTemplate
from pyk8s.simulate.bench.operations import (
    Churn,
    CreateAny,
    CreateNamespaces,
    CreateNodes,
    CreatePodGroups,
    CreatePods,
    CreatePodSets,
    Operation,
    UpdateAny,
)
from pyk8s.simulate.bench.parameters import resolve
from pyk8s.simulate.bench.problems import InvalidBenchmark, path_text

Json = dict[str, Any]

DEFAULT_NODE = """\
apiVersion: v1
kind: Node
metadata: {generateName: node-}
status:
  capacity: {cpu: "4", memory: 32Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
"""
DEFAULT_POD = """\
apiVersion: v1
kind: Pod
metadata: {generateName: pod-}
spec:
  containers:
  - name: pause
    image: registry.k8s.io/pause:3.10
    resources: {requests: {cpu: 100m, memory: 500Mi}}
"""
DEFAULT_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: unnamed}\n"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, and its templates by the name of their field (``templatePaths``: by number)."""

    index: int
    operation: Operation
    templates: Mapping[str, ObjectTemplate]


@dataclass(frozen=True, slots=True)
class Plan:
    chosen: Chosen
    steps: tuple[Step, ...]
    default_namespace: ObjectTemplate

    @property
    def scheduler_config(self) -> Path | None:
        path = self.chosen.case.scheduler_config_path
        return self.chosen.file.parent / path if path else None


class Planner:
    """Makes plans; a template that several workloads use is read once."""

    def __init__(self, scheme: Scheme, trial: SchedulerEngine) -> None:
        """``trial`` is an engine of no further use: every object is shown to it once."""
        self._scheme, self._trial = scheme, trial
        self._read: dict[Path, ObjectTemplate] = {}

    def plan(self, chosen: Chosen) -> Plan:
        """Raises InvalidBenchmark, UnsupportedBenchmark."""
        steps = []
        for index, operation in enumerate(resolve(chosen)):
            path = path_text((*chosen.path, "workloadTemplate", index))
            steps.append(Step(index, operation, self._templates(chosen, operation, path)))
        return Plan(chosen, tuple(steps), ObjectTemplate("default Namespace", DEFAULT_NAMESPACE, self._scheme))

    def _templates(self, chosen: Chosen, operation: Any, path: str) -> dict[str, ObjectTemplate]:
        if isinstance(operation, CreateNodes):
            given = operation.node_template_path
            return {"node": self._get(chosen, given, f"{path}.nodeTemplatePath", operation, NODES, DEFAULT_NODE)}
        if isinstance(operation, CreateNamespaces):
            given, field = operation.namespace_template_path, f"{path}.namespaceTemplatePath"
            return {"namespace": self._get(chosen, given, field, operation, NAMESPACES, DEFAULT_NAMESPACE)}
        if isinstance(operation, CreatePods):
            return self._pod_templates(chosen, operation, path)
        if isinstance(operation, CreatePodSets):
            return self._pod_templates(chosen, operation.create_pods_op, f"{path}.createPodsOp")
        if isinstance(operation, (CreateAny, UpdateAny, CreatePodGroups)):
            return {"any": self._get(chosen, operation.template_path, f"{path}.templatePath", operation)}
        if isinstance(operation, Churn):
            return {
                str(number): self._get(chosen, one, f"{path}.templatePaths[{number}]", operation)
                for number, one in enumerate(operation.template_paths)
            }
        return {}

    def _pod_templates(self, chosen: Chosen, operation: CreatePods, path: str) -> dict[str, ObjectTemplate]:
        given = operation.pod_template_path or chosen.case.default_pod_template_path
        field = f"{path}.podTemplatePath" if operation.pod_template_path else "defaultPodTemplatePath"
        found = {"pod": self._get(chosen, given, field, operation, PODS, DEFAULT_POD)}
        for name, kind in (("persistentVolume", VOLUMES), ("persistentVolumeClaim", CLAIMS)):
            volume = getattr(operation, "persistent_volume_template_path" if kind is VOLUMES
                             else "persistent_volume_claim_template_path")  # fmt: skip
            if volume:
                found[name] = self._get(chosen, volume, f"{path}.{name}TemplatePath", operation, kind)
        return found

    def _get(
        self,
        chosen: Chosen,
        given: str | None,
        field: str,
        operation: Any,
        kind: ObjectKind | None = None,
        default: str = "",
    ) -> ObjectTemplate:
        """The template of a path relative to the file, tried once with the operation's values."""
        if given is None:
            return ObjectTemplate(f"default {kind.kind if kind else ''}", default, self._scheme)
        path = (chosen.file.parent / given).resolve()
        template = self._read.get(path)
        if template is None:
            template = self._read[path] = ObjectTemplate.read(path, self._scheme, f"{chosen.file}: {field}")
        found, obj = template.first(getattr(operation, "template_params", {}), getattr(operation, "count", 1) or 1)
        if kind is not None and found.kind != kind.kind:
            raise InvalidBenchmark(str(path), [f"kind: {found.kind} stands where {field} needs a {kind.kind}"])
        self._try(found, obj, path)
        return template

    def _try(self, kind: ObjectKind, obj: Json, path: Path) -> None:
        """What the scheduler cannot read is told here, not in the middle of a run."""
        metadata = {"name": "trial", "namespace": "trial", "uid": "trial", **obj["metadata"]}
        value = orjson.dumps({**obj, "metadata": metadata})
        try:
            if kind.kind == "Node":
                self._trial.set_node(value)
            elif kind.kind == "Pod":
                self._trial.set_pod(value)
            elif kind in SEEN:
                self._trial.set_object(kind.kind, value)
        except DecodeError as error:
            raise InvalidBenchmark(str(path), [str(error)]) from error
