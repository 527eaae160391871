"""What equal pods have in common, and their bytes: a pod of a shape costs joining a few pieces.

Always true: every pod of a shape asks for the same amounts, and differs from others in name, uid, times and node alone.
Not here: which pods there are (see `cluster_state`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from pyk8s.api.pod_resources import pod_requests

Json = dict[str, Any]

# Sentinels that stand in the shape's JSON where a pod's own values go; no manifest holds U+E000, a private character.
NAME, UID, CREATED, DELETED, NODE, STARTED = (f"\ue000{number}" for number in range(6))

DEFAULT_SCHEDULER = "default-scheduler"


@dataclass(frozen=True, slots=True)
class PodShape:
    """A pod without its own values.

    ``requests``: amounts by resource, cpu in thousandths, all others in units. ``owner``: the kind that makes its pods
    anew ("" for none).
    """

    namespace: str
    requests: dict[str, int]
    priority: int
    scheduler_name: str
    owner: str
    labels: dict[str, str]
    pending: tuple[bytes, ...]
    bound: tuple[bytes, ...]
    deleting: tuple[bytes, ...]

    @classmethod
    def of(cls, pod: Json, priority: int) -> PodShape:
        """The shape of a manifest. Raises QuantityError."""
        metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        namespace = metadata.get("namespace") or "default"
        owners = metadata.get("ownerReferences") or ()
        return cls(
            namespace=namespace,
            requests=amounts_of(pod_requests(spec)),
            priority=priority,
            scheduler_name=spec.get("schedulerName") or DEFAULT_SCHEDULER,
            owner=next((owner.get("kind", "") for owner in owners if owner.get("controller")), ""),
            labels=metadata.get("labels") or {},
            pending=_pieces(_pending(pod, namespace, priority), (NAME, UID, CREATED)),
            bound=_pieces(_bound(pod, namespace, priority), (NAME, UID, CREATED, NODE, STARTED)),
            deleting=_pieces(_deleting(pod, namespace, priority), (NAME, UID, CREATED, DELETED, NODE, STARTED)),
        )

    def pending_bytes(self, name: bytes, uid: bytes, created: bytes) -> bytes:
        a, b, c, d = self.pending
        return b"".join((a, name, b, uid, c, created, d))

    def bound_bytes(self, name: bytes, uid: bytes, created: bytes, *, node: bytes, started: bytes) -> bytes:
        a, b, c, d, e, f = self.bound
        return b"".join((a, name, b, uid, c, created, d, node, e, started, f))

    def deleting_bytes(self, name: bytes, uid: bytes, created: bytes, *, node: bytes, started: bytes) -> bytes:
        """A bound pod that was asked to end at once."""
        a, b, c, d, e, f, g = self.deleting
        return b"".join((a, name, b, uid, c, created, d, created, e, node, f, started, g))


def amounts_of(quantities: Json) -> dict[str, int]:
    """Whole numbers as the scheduler counts them: cpu in thousandths, everything else in units."""
    return {
        name: quantity.milli_value() if name == "cpu" else quantity.value() for name, quantity in quantities.items()
    }


def _pending(pod: Json, namespace: str, priority: int) -> Json:
    old, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    kept = {key: old[key] for key in ("labels", "annotations", "ownerReferences") if old.get(key)}
    metadata = {"name": NAME, "namespace": namespace, "uid": UID, "creationTimestamp": CREATED, **kept}
    without_node = {key: value for key, value in spec.items() if key != "nodeName"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**without_node, "priority": priority},
        "status": {"phase": "Pending"},
    }


def _bound(pod: Json, namespace: str, priority: int) -> Json:
    made = _pending(pod, namespace, priority)
    made["spec"] = {"nodeName": NODE, **made["spec"]}
    return {**made, "status": {"startTime": STARTED, "phase": "Running"}}


def _deleting(pod: Json, namespace: str, priority: int) -> Json:
    made = _bound(pod, namespace, priority)
    metadata = dict(made["metadata"])
    created = metadata.pop("creationTimestamp")
    head = {
        "name": NAME,
        "namespace": namespace,
        "uid": UID,
        "creationTimestamp": created,
        "deletionTimestamp": DELETED,
    }
    return {**made, "metadata": {**head, **metadata}}


def _pieces(pod: Json, sentinels: tuple[str, ...]) -> tuple[bytes, ...]:
    """The JSON cut where each sentinel stands, in the order in which they stand."""
    rest, pieces = orjson.dumps(pod), []
    for sentinel in sentinels:
        piece, found, rest = rest.partition(sentinel.encode())
        assert found, "every sentinel was put in, in this order"
        pieces.append(piece)
    return (*pieces, rest)
