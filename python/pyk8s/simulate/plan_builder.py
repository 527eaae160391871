"""Making a `Plan`: from a scenario and the files it names, or piece by piece for the questions that need no scenario.

Always true: `finish` either gives a plan that was checked whole, or raises a `ScenarioError` with every problem found.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from pyk8s.api.clock import parse_rfc3339
from pyk8s.api.quantity import Quantity
from pyk8s.errors import DecodeError
from pyk8s.simulate.manifests import Manifests, decode, read_manifests
from pyk8s.simulate.nodes import NodeShape
from pyk8s.simulate.plan import InitialPod, Plan
from pyk8s.simulate.pod_shape import PodShape, amounts_of
from pyk8s.simulate.priorities import PriorityClasses
from pyk8s.simulate.problems import Problem, ScenarioError
from pyk8s.simulate.scenario import Scenario
from pyk8s.simulate.scenario_cluster import NODES_MAX
from pyk8s.simulate.scenario_workload import Workload
from pyk8s.simulate.shapes import Shapes, in_group, owner_reference, pod_of
from pyk8s.simulate.storage_classes import complete_claims
from pyk8s.simulate.trace import read_jobs, read_node_events
from pyk8s.simulate.workload import WorkloadPlan
from pyk8s.simulate.workload_manifest import plan_of, pod_plan

Json = dict[str, Any]
TERMINAL = ("Succeeded", "Failed")


def scenario_plan(scenario: Scenario, source: str, folder: Path, *, live: Manifests | None = None) -> Plan:
    """Read what a scenario names, relative to ``folder``; ``live`` is a cluster that is there besides.

    Raises:
        ScenarioError: something in it or in a file that it names is wrong.
    """
    builder = PlanBuilder(scenario, source)
    manifests = Manifests()
    for name in scenario.cluster.manifests:
        manifests.extend(read_manifests(folder / name))
    exported = live or Manifests()
    if scenario.cluster.export:
        exported.extend(read_manifests(folder / scenario.cluster.export, is_strict=False))
    builder.add_priority_classes([*exported.priority_classes, *manifests.priority_classes])
    builder.add_existing(exported)
    builder.add_new(manifests)
    builder.add_workloads()
    builder.add_traces(folder)
    return builder.finish()


class PlanBuilder:
    def __init__(self, scenario: Scenario, source: str) -> None:
        self.plan = Plan(scenario, pools=list(scenario.cluster.pools), events=list(scenario.events))
        self._scenario, self._source = scenario, source
        self._problems: list[Problem] = []
        self._shapes = Shapes(PriorityClasses(scenario.cluster.priority_classes, ()))
        self._existing: dict[tuple[str, str, str], WorkloadPlan] = {}
        try:
            self.plan.start_s = parse_rfc3339(scenario.start)
        except ValueError:
            self.problem("start", f"{scenario.start!r} is no time; allowed: RFC 3339, such as 2026-01-01T00:00:00Z")

    def problem(self, path: str, message: str) -> None:
        self._problems.append(Problem(path, message))

    def add_priority_classes(self, manifests: Iterable[Json]) -> None:
        """Before any pod."""
        self._shapes = Shapes(PriorityClasses(self._scenario.cluster.priority_classes, manifests))

    def add_existing(self, manifests: Manifests) -> None:
        """What is there already: nodes, and pods as they are; objects that make pods have made them."""
        self._add_nodes(manifests.nodes)
        self._add_objects([*manifests.objects, *((obj["kind"], obj) for obj in manifests.workloads)])
        for pod in manifests.pods:
            if (pod.get("status") or {}).get("phase") not in TERMINAL and not pod["metadata"].get("deletionTimestamp"):
                self._add_existing_pod(pod)

    def _add_existing_pod(self, pod: Json) -> None:
        metadata = pod["metadata"]
        namespace, name = metadata.get("namespace") or "default", metadata["name"]
        try:
            shape = self._shapes.of(pod)
        except ValueError as error:
            self.problem(f"pod {namespace}/{name}", str(error))
            return
        node_name = (pod.get("spec") or {}).get("nodeName") or ""
        self.plan.pods.append(InitialPod(name, shape, self._workload_of(pod, shape), node_name))

    def _workload_of(self, pod: Json, shape: PodShape) -> WorkloadPlan:
        metadata = pod["metadata"]
        namespace = metadata.get("namespace") or "default"
        owner = next((entry for entry in metadata.get("ownerReferences") or () if entry.get("controller")), None)
        key = (namespace, owner["kind"], owner["name"]) if owner else (namespace, "", metadata["name"])
        found = self._existing.get(key)
        if found is None:
            # Daemons and the node's own static pods live and die with their node.
            comes_again = key[1] not in ("", "DaemonSet", "Node")
            found = WorkloadPlan(namespace, key[2], "existing", shape, is_resubmitted=comes_again)
            self._existing[key] = found
            self.plan.workloads.append(found)
        return found

    def add_new(self, manifests: Manifests) -> None:
        """What is created when the simulation starts."""
        self._add_nodes(manifests.nodes)
        self._add_objects(manifests.objects)
        self.plan.warnings += [f"left out: {text}" for text in manifests.ignored]
        for obj in manifests.workloads:
            try:
                self._add_plan(plan_of(obj, self._shapes, self.plan.warnings.append))
            except ValueError as error:
                self.problem(f"{obj['kind']} {obj['metadata'].get('name', '')}", str(error))
        for pod in manifests.pods:
            try:
                self._add_new_pod(pod)
            except ValueError as error:
                self.problem(f"Pod {pod['metadata'].get('name', '')}", str(error))

    def _add_new_pod(self, pod: Json) -> None:
        node_name = (pod.get("spec") or {}).get("nodeName") or ""
        if node_name:
            self._add_existing_pod(pod)
        else:
            self._add_plan(pod_plan(pod, self._shapes))

    def _add_nodes(self, nodes: Iterable[Json]) -> None:
        for node in nodes:
            name = node["metadata"].get("name", "")
            try:
                shape = NodeShape.of(node)
            except ValueError as error:
                self.problem(f"node {name}", str(error))
                continue
            self.plan.nodes.append((name, shape, bool((node.get("spec") or {}).get("unschedulable"))))

    def _add_objects(self, objects: Iterable[tuple[str, Json]]) -> None:
        self.plan.objects += [(kind, orjson.dumps(obj)) for kind, obj in objects]

    def _add_plan(self, plan: WorkloadPlan) -> None:
        self.plan.workloads.append(plan)
        if plan.owner is not None:
            self._add_objects([(plan.owner["kind"], plan.owner)])

    # -- the scenario's own workloads -------------------------------------------------------------------------------

    def add_workloads(self) -> None:
        for index, workload in enumerate(self._scenario.workloads):
            path = f"workloads[{index}]"
            try:
                self._add_plan(self._workload_plan(workload))
            except DecodeError as error:
                self.problem(f"{path}.template", error.cause)
            except ValueError as error:
                self.problem(f"{path}.template" if workload.template else path, str(error))

    def _workload_plan(self, workload: Workload) -> WorkloadPlan:
        kind = "ReplicaSet" if workload.duration is None else "Job"
        metadata = {
            "name": workload.name,
            "namespace": workload.namespace,
            "uid": f"{workload.namespace}/{workload.name}",
        }
        owner: Json = {
            "apiVersion": "apps/v1" if kind == "ReplicaSet" else "batch/v1",
            "kind": kind,
            "metadata": metadata,
        }
        template = _template(workload)
        pod = pod_of(
            template, namespace=workload.namespace, labels={"app": workload.name}, owner=owner_reference(owner)
        )
        if kind == "ReplicaSet":
            owner["spec"] = {"selector": {"matchLabels": pod["metadata"]["labels"]}}
        return WorkloadPlan(
            workload.namespace,
            workload.name,
            "service" if workload.is_service else "jobs",
            self._shapes.of(in_group(pod) if workload.is_gang else pod),
            replicas=workload.replicas,
            at_s=workload.at,
            arrivals=workload.arrivals,
            duration=workload.duration,
            scale=tuple(sorted(workload.scale, key=lambda scale: scale.at)),
            startup_s=workload.startup,
            termination_s=workload.termination,
            is_resubmitted=workload.is_resubmitted,
            keeps_progress=workload.keeps_progress,
            is_gang=workload.is_gang,
            owner=owner,
        )

    def add_traces(self, folder: Path) -> None:
        for trace in self._scenario.traces:
            if trace.jobs:
                self.plan.workloads += read_jobs(folder / trace.jobs, trace, self._shapes, start_s=self.plan.start_s)
            else:
                self.plan.events += read_node_events(folder / trace.nodes, start_s=self.plan.start_s)

    # -- checks that need the whole ---------------------------------------------------------------------------------

    def finish(self) -> Plan:
        """Raises ScenarioError."""
        plan = self.plan
        if plan.node_count > NODES_MAX:
            self.problem("cluster", f"has {plan.node_count} nodes; allowed: at most {NODES_MAX}")
        complete_claims(plan)
        plan.resources = _resources(plan)
        self._check_names()
        self._check_pools()
        if self._problems:
            raise ScenarioError(self._source, self._problems)
        probe = self._scenario.probe
        plan.probe = amounts_of({name: Quantity.of(text) for name, text in probe.items()}) or _largest(plan)
        return plan

    def _check_names(self) -> None:
        nodes, keys = set[str](), set[tuple[str, str]]()
        for name, _, _ in self.plan.nodes:
            if name in nodes:
                self.problem("cluster", f"node {name!r} is given twice; allowed: every name once")
            nodes.add(name)
        for workload in self.plan.workloads:
            if workload.kind != "existing" and (workload.namespace, workload.name) in keys:
                self.problem("workloads", f"{workload.key!r} is given twice; allowed: every name once")
            keys.add((workload.namespace, workload.name))

    def _check_pools(self) -> None:
        pools = [pool.name for pool in self.plan.pools]
        known = {*pools, *(shape.pool for _, shape, _ in self.plan.nodes)} - {""}
        for index, event in enumerate(self.plan.events):
            for field in ("fail_nodes", "drain_nodes", "cordon_nodes", "remove_nodes"):
                chosen = getattr(event, field)
                if chosen is not None and chosen.pool and chosen.pool not in known:
                    self._unknown_pool(f"events[{index}].{_camel(field)}.pool", chosen.pool, known)
            if event.add_nodes is not None and event.add_nodes.pool not in pools:
                self._unknown_pool(f"events[{index}].addNodes.pool", event.add_nodes.pool, pools)
        for index, failure in enumerate(self._scenario.failures):
            if failure.pool and failure.pool not in known:
                self._unknown_pool(f"failures[{index}].pool", failure.pool, known)

    def _unknown_pool(self, path: str, name: str, known: Iterable[str]) -> None:
        self.problem(
            path, f"pool {name!r} does not exist; allowed: {', '.join(sorted(known)) or 'none, there are no pools'}"
        )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _template(workload: Workload) -> Json:
    """The PodTemplateSpec, types checked, whichever way it was written."""
    if workload.template is None:
        container = {"name": "main", "image": workload.name, "resources": {"requests": dict(workload.requests)}}
        spec: Json = {"containers": [container], "nodeSelector": dict(workload.node_selector)}
        template: Json = {"metadata": {"labels": dict(workload.labels)}, "spec": spec}
    else:
        template = decode("v1/Pod", {**workload.template, "kind": "Pod", "apiVersion": "v1"})
    own = {
        "priority": workload.priority,
        "priorityClassName": workload.priority_class_name or None,
        "schedulerName": workload.scheduler_name or None,
    }
    spec = {**(template.get("spec") or {}), **{name: value for name, value in own.items() if value is not None}}
    return {**template, "spec": spec}


def _resources(plan: Plan) -> list[str]:
    """cpu, memory, pods, and whatever else a node offers, in order of appearance."""
    found = dict.fromkeys(("cpu", "memory", "pods"))
    for _, shape, _ in plan.nodes:
        found.update(dict.fromkeys(shape.allocatable))
    for pool in plan.pools:
        found.update(dict.fromkeys(pool.allocatable))
    return list(found)


def _largest(plan: Plan) -> dict[str, int]:
    """The requests of the pod that takes the largest share of the largest node, in its scarcest resource."""
    node = _largest_node(plan)

    def share(shape: PodShape) -> float:
        return max((amount / node[name] for name, amount in shape.requests.items() if node.get(name)), default=0.0)

    shapes = [shape for workload in plan.workloads if workload.kind != "daemon" for shape in workload.shapes()]
    largest = max(shapes, key=share, default=None)
    return dict(largest.requests) if largest else {}


def _largest_node(plan: Plan) -> dict[str, int]:
    largest: dict[str, int] = {}
    offers = [shape.allocatable for _, shape, _ in plan.nodes]
    for pool in plan.pools:
        offers.append(amounts_of({name: Quantity.of(text) for name, text in pool.allocatable.items()}))
    for offer in offers:
        for name, amount in offer.items():
            largest[name] = max(largest.get(name, 0), amount)
    return largest
