"""Binding a pod to a node: pods/binding and the older bindings.

Always true: a pod is bound once; a second binding is a conflict, whoever makes it.
Source: kubernetes.io, "Assigning Pods to Nodes"; texts as observed.
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.clock import rfc3339
from pyk8s.api.field import FieldError, not_supported, required
from pyk8s.api.http import Response
from pyk8s.api.resources import Resource, find
from pyk8s.api.status import StatusError, bad_request, conflict, invalid, not_found, success
from pyk8s.errors import Conflict

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.create import attributes_of
from pyk8s_server.apiserver.endpoints.metadata import match_namespace, meta_of, ordered
from pyk8s_server.apiserver.endpoints.responses import status_response
from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.storage.keys import key_of

Json = dict[str, Any]

GVK = "v1/Binding"
TOPOLOGY_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")
"""Labels of the node that its pods get, as the admission plugin PodTopologyLabels gives them."""
TRIES_MAX = 6


async def bind(backend: Backend, call: Call) -> Response:
    """Answer 201 with a Status. Raises StatusError 400, 404, 409, 422."""
    dry_run = write_options(call, "CreateOptions")
    binding = orjson.loads(bodies.read(backend, call, GVK))
    meta = meta_of(binding)
    match_namespace(call, meta)
    name = meta.get("name", "")
    if call.info.subresource and name != call.info.name:
        raise bad_request("name in URL does not match name in Binding object")
    errors = _validate(binding)
    if errors:
        raise invalid("", "Binding", name, errors)
    context = call.context(backend, dry_run=dry_run)
    attributes = attributes_of(call, context, "CREATE", binding, None)
    await backend.chain.admit(attributes)
    await backend.chain.validate(attributes)
    await _assign(backend, call, context, binding)
    return status_response(call, {**success(), "code": 201}, 201)


def _validate(binding: Json) -> list[FieldError]:
    target = binding.get("target") or {}
    errors = []
    if target.get("kind", "") not in ("Node", ""):
        errors.append(not_supported("target.kind", target["kind"], ["Node", "<empty>"]))
    if not target.get("name"):
        errors.append(required("target.name"))
    return errors


async def _assign(backend: Backend, call: Call, context: Context, binding: Json) -> None:
    name, namespace = binding["metadata"]["name"], call.info.namespace
    key = key_of(_pods(), name, namespace)
    labels = _topology(context, binding["target"]["name"])
    for _ in range(TRIES_MAX):
        kv = backend.storage.engine.get(key)
        if kv is None:
            raise not_found("", "pods", name)
        pod = orjson.loads(kv.value)
        _refuse(pod, binding)
        _bind(pod, binding, labels, rfc3339(context.clock.now_s()))
        if context.dry_run:
            return
        try:
            await backend.storage.update(key, orjson.dumps(pod), expected=kv.mod_revision)
            return
        except Conflict:
            continue
    raise _conflict(name, "the object has been modified; please apply your changes to the latest version and try again")


def _refuse(pod: Json, binding: Json) -> None:
    """Raises StatusError 409 when the pod cannot be bound."""
    meta, spec, name = pod["metadata"], pod["spec"], pod["metadata"]["name"]
    uid = binding["metadata"].get("uid")
    if uid and uid != meta["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta['uid']}"
        raise _conflict(name, why)
    if meta.get("deletionTimestamp"):
        raise _conflict(name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise _conflict(name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise _conflict(name, f"pod {name} has non-empty .spec.schedulingGates")


def _bind(pod: Json, binding: Json, labels: dict[str, str], now: str) -> None:
    """Write the node into the pod, with the binding's annotations and the condition PodScheduled."""
    meta = pod["metadata"]
    pod["spec"]["nodeName"] = binding["target"]["name"]
    annotations = binding["metadata"].get("annotations")
    if annotations:
        meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}
    added = {**labels, **(binding["metadata"].get("labels") or {})}
    if added:
        meta["labels"] = {**(meta.get("labels") or {}), **added}
    pod["metadata"] = ordered(meta)
    status = pod.setdefault("status", {})
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    others = [each for each in status.get("conditions") or () if each["type"] != "PodScheduled"]
    status["conditions"] = [*others, condition]


def _topology(context: Context, node_name: str) -> dict[str, str]:
    node = context.reader.get(_nodes(), node_name)
    labels = (node or {}).get("metadata", {}).get("labels") or {}
    return {name: labels[name] for name in TOPOLOGY_LABELS if name in labels}


def _conflict(name: str, why: str) -> StatusError:
    return conflict("", "pods/binding", name, why)


def _pods() -> Resource:
    found = find("", "v1", "pods")
    assert found is not None, "pods are in the table"
    return found


def _nodes() -> Resource:
    found = find("", "v1", "nodes")
    assert found is not None, "nodes are in the table"
    return found
