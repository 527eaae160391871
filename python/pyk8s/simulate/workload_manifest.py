"""Workload objects as plans: Deployments, StatefulSets, DaemonSets, Jobs and bare pods.

Always true: pods get the owner that their controller would give them, so that default spreading sees them as it would.
Not here: the controllers' rollouts; a plan has its pods at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyk8s.simulate.distribution import Distribution
from pyk8s.simulate.manifests import decode
from pyk8s.simulate.shapes import OWN_NAME, Shapes, daemon_pod, owner_reference, pinned_pod, pod_of, with_claims
from pyk8s.simulate.workload import WorkloadPlan

Json = dict[str, Any]
RUN_SECONDS = "pyk8s.io/run-seconds"
"""The annotation that tells simulated nodes, too, how long a pod runs."""


def plan_of(obj: Json, shapes: Shapes, warn: Callable[[str], None]) -> WorkloadPlan:
    """The plan of a workload object, defaults filled in. Raises ValueError."""
    kind, spec, metadata = obj["kind"], obj.get("spec") or {}, obj["metadata"]
    namespace, name = metadata.get("namespace") or "default", metadata["name"]
    owner = _owner(obj, namespace)
    template = spec.get("template") or {}
    claims = [_claim(claim, namespace) for claim in spec.get("volumeClaimTemplates") or ()]
    if claims:
        template = with_claims(template, spec["volumeClaimTemplates"])
    pod = _defaulted(pod_of(template, namespace=namespace, owner=owner_reference(owner)))
    if kind == "DaemonSet":
        pod = daemon_pod(pod)
        return WorkloadPlan(namespace, name, "daemon", shapes.of(pinned_pod(pod)), owner=owner, daemon=pod["spec"])
    seconds = _run_seconds(template)
    if kind == "Job":
        count = _parallel(spec)
        if seconds is None:
            warn(f"Job {namespace}/{name}: the annotation {RUN_SECONDS} is not set; its pods run until the end")
    else:
        count, seconds = int(spec.get("replicas", 1)), None
    return WorkloadPlan(
        namespace,
        name,
        "service" if seconds is None else "jobs",
        shapes.of(pod),
        replicas=Distribution(fixed=count),
        duration=None if seconds is None else Distribution(fixed=seconds),
        owner=owner,
        claims=tuple(claims),
    )


def pod_plan(pod: Json, shapes: Shapes) -> WorkloadPlan:
    """A pod that nobody owns: lost, it does not come again. Raises ValueError."""
    metadata = pod["metadata"]
    seconds = _run_seconds(pod)
    return WorkloadPlan(
        metadata.get("namespace") or "default",
        metadata["name"],
        "jobs",
        shapes.of(pod),
        duration=None if seconds is None else Distribution(fixed=seconds),
        is_resubmitted=False,
    )


def _defaulted(pod: Json) -> Json:
    """Limits stand for requests that are missing: a default of pods, which templates do not have."""
    return decode("v1/Pod", {**pod, "kind": "Pod", "apiVersion": "v1"}, is_strict=False)


def _claim(template: Json, namespace: str) -> Json:
    """A claim of the StatefulSet's pod OWN_NAME."""
    name = f"{template['metadata']['name']}-{OWN_NAME}"
    metadata = {**template["metadata"], "name": name, "namespace": namespace, "uid": f"{namespace}/{name}"}
    return {"metadata": metadata, "spec": template.get("spec") or {}, "status": {"phase": "Pending"}}


def _owner(obj: Json, namespace: str) -> Json:
    """The object that owns the pods: a Deployment has a ReplicaSet between."""
    metadata = {**obj["metadata"], "namespace": namespace}
    metadata.setdefault("uid", f"{namespace}/{metadata['name']}")
    if obj["kind"] != "Deployment":
        return {**obj, "metadata": metadata}
    spec = obj["spec"]
    kept = {"selector": spec.get("selector"), "replicas": spec.get("replicas", 1), "template": spec.get("template")}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": kept}


def _parallel(spec: Json) -> int:
    parallelism, completions = spec.get("parallelism"), spec.get("completions")
    counts = [int(count) for count in (parallelism, completions) if count is not None]
    return min(counts, default=1)


def _run_seconds(pod: Json) -> float | None:
    text = ((pod.get("metadata") or {}).get("annotations") or {}).get(RUN_SECONDS)
    return None if text is None else float(text)
