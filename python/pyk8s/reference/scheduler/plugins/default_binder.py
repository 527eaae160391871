"""DefaultBinder: the Binding object that puts a pod on its node."""

from __future__ import annotations

import json

from pyk8s.reference.scheduler.pod import PodInfo


def binding(pod: PodInfo, node_name: str) -> bytes:
    """The body for POST …/pods/NAME/binding."""
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "target": {"kind": "Node", "name": node_name},
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
