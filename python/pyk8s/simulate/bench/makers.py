"""What the operations that create something hand to their templates: labels, volumes, names.

Always true: pure but for the names and uids, which come from the run's `NameSource`.
Not here: storing what is made (see `runner`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from pyk8s.simulate.bench.kinds import CSI_NODES
from pyk8s.simulate.bench.objects import Hole, Making, NameSource, NewObject, ObjectFactory
from pyk8s.simulate.bench.operations import CreateNodes, CreatePods
from pyk8s.simulate.bench.plan import Step

Json = dict[str, Any]
Mark = Callable[[Hole], str]
SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def node_factory(step: Step, operation: CreateNodes, names: NameSource) -> ObjectFactory:
    labelled, unique = operation.label_node_prepare_strategy, operation.unique_node_label_strategy
    allocatable = operation.node_allocatable_strategy

    def adjust(node: Json, mark: Mark) -> None:
        labels = node["metadata"].setdefault("labels", {})
        if labelled is not None:
            values = labelled.values
            labels[labelled.label_key] = mark(lambda index, name: values[index % len(values)])
        if unique is not None:
            labels[unique.label_key] = mark(lambda index, name: name)
        if allocatable is not None:
            for side in ("capacity", "allocatable"):
                node["status"].setdefault(side, {}).update(allocatable.node_allocatable)

    making = Making(operation.template_params, operation.count, adjust=adjust)
    return step.templates["node"].factory(making, names)


def csi_nodes(operation: CreateNodes, nodes: list[NewObject], names: NameSource) -> Iterator[NewObject]:
    """The CSINode of each node, when the operation gives volume limits."""
    strategy = operation.node_allocatable_strategy
    if strategy is None or not (strategy.csi_node_allocatable or strategy.migrated_plugins):
        return
    for node in nodes:
        drivers = [
            {"name": driver, "nodeID": node.name, "topologyKeys": None, "allocatable": {"count": limit.count}}
            for driver, limit in strategy.csi_node_allocatable.items()
        ]
        metadata: Json = {"name": node.name, "uid": names.uid(), "creationTimestamp": names.created}
        if strategy.migrated_plugins:
            plugins = ",".join(strategy.migrated_plugins)
            metadata["annotations"] = {"storage.alpha.kubernetes.io/migrated-plugins": plugins}
        obj = {"apiVersion": CSI_NODES.api_version, "kind": "CSINode", "metadata": metadata}
        yield NewObject.of(CSI_NODES, "", node.name, orjson.dumps({**obj, "spec": {"drivers": drivers}}))


class PodMaker:
    """Makes the pods of one operation in one namespace, with their volumes where it asks for them."""

    def __init__(
        self, step: Step, operation: CreatePods, namespace: str, names: NameSource, priorities: dict[str, int]
    ) -> None:
        self._operation, self._priorities = operation, priorities
        self._stem = f"{namespace}-{step.index}"
        values, count = operation.template_params, operation.count
        self.pods = step.templates["pod"].factory(Making(values, count, namespace, self._adjust_pod), names)
        self.volumes: list[ObjectFactory] = []
        if operation.persistent_volume_template_path:
            volume = Making(values, count, "", self._adjust_volume(namespace), self._volume_name)
            claim = Making(values, count, namespace, self._adjust_claim, self._claim_name)
            self.volumes = [
                step.templates["persistentVolume"].factory(volume, names),
                step.templates["persistentVolumeClaim"].factory(claim, names),
            ]
        _, first = step.templates["pod"].first(values, count)
        self.labels: dict[str, str] = first["metadata"].get("labels") or {}
        self.is_gated = bool(first["spec"].get("schedulingGates"))

    def _adjust_pod(self, pod: Json, mark: Mark) -> None:
        spec = pod["spec"]
        name = spec.get("priorityClassName")
        if name and spec.get("priority") is None and name in self._priorities:
            spec["priority"] = self._priorities[name]
        if self.volumes_wanted:
            claim = {"claimName": mark(lambda index, _: self._claim_name(index))}
            spec["volumes"] = [*(spec.get("volumes") or ()), {"name": "vol", "persistentVolumeClaim": claim}]
        size = self._operation.signature_batch_size
        if size and self._operation.signature_batch_size_param:
            labels = pod["metadata"].setdefault("labels", {})
            labels["signature"] = mark(lambda index, _: f"signature-label-{index // size}")

    @property
    def volumes_wanted(self) -> bool:
        return self._operation.persistent_volume_template_path is not None

    def _volume_name(self, index: int) -> str:
        return f"pv-{self._stem}-{index}"

    def _claim_name(self, index: int) -> str:
        return f"pvc-{self._stem}-{index}"

    def _adjust_volume(self, namespace: str) -> Callable[[Json, Mark], None]:
        def adjust(volume: Json, mark: Mark) -> None:
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace}
            volume["spec"]["claimRef"] = {**claim, "name": mark(lambda index, _: self._claim_name(index))}
            volume["status"] = {"phase": "Bound"}

        return adjust

    def _adjust_claim(self, claim: Json, mark: Mark) -> None:
        annotations = claim["metadata"].setdefault("annotations", {})
        annotations["pv.kubernetes.io/bind-completed"] = "true"
        claim["spec"]["volumeName"] = mark(lambda index, _: self._volume_name(index))
        claim["status"] = {"phase": "Bound"}
