"""The Endpoints controller: the old, single object of at most 1,000 addresses for every Service with a selector.

Always true: an object equal to what is wanted is not written again.
Not here: EndpointSlices (see `endpointslice`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.keys import split_key
from pyk8s.client.well_known import ENDPOINTS, PODS, SERVICES
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.label_selector import labels_of
from pyk8s.controllers.pod_control import is_namespace_terminating
from pyk8s.controllers.pod_state import is_ready
from pyk8s.controllers.service_endpoints import (
    HEADLESS_LABEL,
    TriggerTimes,
    address_of,
    batch_s,
    endpoint_facts,
    endpoint_ports,
    families_of,
    hostname_of,
    is_endpoint,
    is_headless,
    pods_of,
    selected_keys,
    sorted_ports,
    target_reference,
)

ADDRESSES_MAX = 1000
OVER_CAPACITY_ANNOTATION = "endpoints.kubernetes.io/over-capacity"
TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"


class EndpointsController(Controller):
    """Keys are those of Services."""

    name: ClassVar[str] = "endpoints"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._services = context.informers.informer(SERVICES)
        self._pods = context.informers.informer(PODS)
        self._endpoints = context.informers.informer(ENDPOINTS)
        self._pod_counts: dict[str, int] = {}
        self._triggers = TriggerTimes()
        self._services.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._pods.add_handler(on_add=self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_changed)
        self._endpoints.add_handler(on_delete=self.enqueue)

    def _pod_changed(self, pod: Json) -> None:
        for key in selected_keys(self._services.cache, pod):
            self.queue.add_after(key, batch_s(self._pod_counts.get(key, 0)))

    def _pod_updated(self, old: Json, new: Json) -> None:
        if endpoint_facts(old) == endpoint_facts(new):
            return
        self._pod_changed(new)
        if labels_of(old) != labels_of(new):
            self._pod_changed(old)

    async def sync(self, key: str) -> None:
        service = self._services.cache.get_by_key(key)
        if service is None:
            await self._delete(key)
            return
        if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
            return
        pods = pods_of(service, self._pods.cache)
        self._pod_counts[key] = len(pods)
        trigger_s = self._triggers.update(key, service, pods)
        known = self._endpoints.cache.get_by_key(key)
        wanted = wanted_endpoints(service, known, subsets_of(service, pods))
        if known is not None and _content(known) == _content(wanted):
            return
        await self._write(known, wanted, trigger_s)

    async def _delete(self, key: str) -> None:
        self._triggers.forget(key)
        self._pod_counts.pop(key, None)
        namespace, name = split_key(key)
        try:
            await self.client.delete(ENDPOINTS, name, namespace)
        except StatusError as error:
            if error.code != 404:
                raise

    async def _write(self, known: Json | None, wanted: Json, trigger_s: float | None) -> None:
        annotations = dict(wanted["metadata"].get("annotations") or {})
        annotations.pop(TRIGGER_TIME_ANNOTATION, None)
        if trigger_s is not None:
            annotations[TRIGGER_TIME_ANNOTATION] = rfc3339(trigger_s)
        wanted = {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}
        try:
            if known is None:
                await self.client.create(ENDPOINTS, wanted)
            else:
                await self.client.update(ENDPOINTS, wanted)
        except StatusError as error:
            if not is_namespace_terminating(error):
                raise


def wanted_endpoints(service: Json, known: Json | None, subsets: list[Json]) -> Json:
    """The object as it should be, with what else the known one carries."""
    metadata = {"name": service["metadata"]["name"], "namespace": service["metadata"]["namespace"]}
    base: Json = known or {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
    labels = {**labels_of(service), MANAGED_BY_LABEL: MANAGER}
    labels.pop(HEADLESS_LABEL, None)
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    annotations = dict(base["metadata"].get("annotations") or {})
    cut, is_over = truncated(subsets)
    annotations.pop(OVER_CAPACITY_ANNOTATION, None)
    if is_over:
        annotations[OVER_CAPACITY_ANNOTATION] = "truncated"
    wanted = {**base, "metadata": {**base["metadata"], "labels": labels, "annotations": annotations}}
    wanted.pop("subsets", None)
    return {**wanted, "subsets": cut} if cut else wanted


def _content(endpoints: Json) -> tuple[object, ...]:
    """What a write would change."""
    annotations = endpoints["metadata"].get("annotations") or {}
    labels = endpoints["metadata"].get("labels") or {}
    return labels, annotations.get(OVER_CAPACITY_ANNOTATION), endpoints.get("subsets") or []


def subsets_of(service: Json, pods: Sequence[Json]) -> list[Json]:
    """Ready and not ready addresses, grouped by the ports the pods offer; in a fixed order."""
    family = families_of(service)[0]
    is_forced = bool(service["spec"].get("publishNotReadyAddresses"))
    groups: dict[tuple[object, ...], tuple[list[Json], list[Json], list[Json]]] = {}
    for pod in pods:
        ip = address_of(pod, family)
        if not ip or not is_endpoint(pod, is_terminating_shown=is_forced):
            continue
        ports = endpoint_ports(service, pod)
        if not ports and not is_headless(service):
            continue
        ready, not_ready, _ = groups.setdefault(sorted_ports(ports), ([], [], ports))
        (ready if is_forced or is_ready(pod) else not_ready).append(_address(service, pod, ip))
    return [_subset(*groups[key]) for key in sorted(groups, key=repr)]


def _address(service: Json, pod: Json, ip: str) -> Json:
    address: Json = {"ip": ip}
    if hostname := hostname_of(service, pod):
        address["hostname"] = hostname
    if node_name := pod.get("spec", {}).get("nodeName"):
        address["nodeName"] = node_name
    return {**address, "targetRef": target_reference(pod)}


def _subset(ready: list[Json], not_ready: list[Json], ports: list[Json]) -> Json:
    def ordered(addresses: list[Json]) -> list[Json]:
        return sorted(addresses, key=lambda address: (address["ip"], address["targetRef"]["uid"]))

    subset: Json = {}
    if ready:
        subset["addresses"] = ordered(ready)
    if not_ready:
        subset["notReadyAddresses"] = ordered(not_ready)
    if ports:
        subset["ports"] = [{k: v for k, v in port.items() if k != "name" or v} for port in ports]
    return subset


def truncated(subsets: list[Json], *, addresses_max: int = ADDRESSES_MAX) -> tuple[list[Json], bool]:
    """Subsets with at most ``addresses_max`` addresses in all, ready ones first; whether any was left out."""
    total = sum(len(s.get(kind) or ()) for s in subsets for kind in ("addresses", "notReadyAddresses"))
    if total <= addresses_max:
        return subsets, False
    room, cut = addresses_max, [dict(subset) for subset in subsets]
    for kind in ("addresses", "notReadyAddresses"):
        for subset in cut:
            kept = (subset.pop(kind, None) or [])[:room]
            room -= len(kept)
            if kept:
                subset[kind] = kept
    return [s for s in cut if s.get("addresses") or s.get("notReadyAddresses")], True
