"""The EndpointSlice controller: slices of at most 100 endpoints for every Service with a selector.

Always true: only slices with our managed-by label are touched; a sync waits until the cache shows what the last wrote.
Not here: packing (see `endpointslice_packing`); slices of hand-made Endpoints.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import StatusError
from pyk8s.client.well_known import ENDPOINT_SLICES, NODES, PODS, SERVICES
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller
from pyk8s.controllers.controller_ref import new_controller_ref
from pyk8s.controllers.endpointslice_packing import Plan, pack
from pyk8s.controllers.label_selector import labels_of
from pyk8s.controllers.pending_writes import PendingWrites
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

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
RESERVED_LABELS = frozenset((SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL))
TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
ZONE_LABEL = "topology.kubernetes.io/zone"
SERVICE_INDEX = "service"
GENERATE_NAME_LENGTH_MAX = 63

PortSet = tuple[str, tuple[Any, ...]]
"""Address type and ports: endpoints that differ in either cannot share a slice."""


def by_service(endpoint_slice: Json) -> Iterable[str]:
    labels = labels_of(endpoint_slice)
    if labels.get(MANAGED_BY_LABEL) != MANAGER or not labels.get(SERVICE_NAME_LABEL):
        return ()
    return (f"{endpoint_slice['metadata']['namespace']}/{labels[SERVICE_NAME_LABEL]}",)


class EndpointSliceController(Controller):
    """Keys are those of Services."""

    name: ClassVar[str] = "endpointslice"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._services = context.informers.informer(SERVICES)
        self._pods = context.informers.informer(PODS)
        self._slices = context.informers.informer(ENDPOINT_SLICES)
        self._nodes = context.informers.informer(NODES)
        self._slices.add_index(SERVICE_INDEX, by_service)
        self._recorder = context.recorder("endpoint-slice-controller")
        self._pending = PendingWrites(context.clock, self._slices.cache.get_by_key)
        self._wanted: set[str] = set()
        self._pod_counts: dict[str, int] = {}
        self._triggers = TriggerTimes()
        self._services.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._pods.add_handler(on_add=self._pod_changed, on_update=self._pod_updated, on_delete=self._pod_changed)
        self._slices.add_handler(
            on_add=self._slice_changed, on_update=self._slice_updated, on_delete=self._slice_changed
        )
        self._nodes.add_handler(on_update=self._node_updated)

    # -- events ------------------------------------------------------------------------------------------------

    def _pod_changed(self, pod: Json) -> None:
        for key in selected_keys(self._services.cache, pod):
            self.queue.add_after(key, batch_s(self._pod_counts.get(key, 0)))

    def _pod_updated(self, old: Json, new: Json) -> None:
        if endpoint_facts(old) == endpoint_facts(new):
            return
        self._pod_changed(new)
        if labels_of(old) != labels_of(new):
            self._pod_changed(old)

    def _slice_updated(self, old: Json, new: Json) -> None:
        for key in by_service(old):
            if key not in by_service(new):
                self.queue.add(key)
        self._slice_changed(new)

    def _slice_changed(self, endpoint_slice: Json) -> None:
        """Somebody else's change is put right; the echo of our own lets a sync that waited for it go on."""
        for key in by_service(endpoint_slice):
            is_own = self._pending.is_own(key, endpoint_slice)
            if self._pending.is_observed(key) and (key in self._wanted or not is_own):
                self._wanted.discard(key)
                self.queue.add(key)

    def _node_updated(self, old: Json, new: Json) -> None:
        """A node's zone shows in the endpoints on it."""
        if labels_of(old).get(ZONE_LABEL) != labels_of(new).get(ZONE_LABEL):
            for service in self._services.cache:
                self.enqueue(service)

    # -- sync --------------------------------------------------------------------------------------------------

    async def sync(self, key: str) -> None:
        service = self._services.cache.get_by_key(key)
        if service is None or not service["spec"].get("selector"):
            # Slices of a deleted service go with it, by their ownerReference.
            self._forget(key)
            return
        if service["spec"].get("type") == "ExternalName" or service["metadata"].get("deletionTimestamp"):
            return
        if not self._pending.is_observed(key):
            self._wanted.add(key)
            return
        pods = pods_of(service, self._pods.cache)
        self._pod_counts[key] = len(pods)
        trigger_s = self._triggers.update(key, service, pods)
        await self._reconcile(key, service, pods, trigger_s)

    def _forget(self, key: str) -> None:
        self._pending.forget(key)
        self._triggers.forget(key)
        self._wanted.discard(key)
        self._pod_counts.pop(key, None)

    async def _reconcile(self, key: str, service: Json, pods: list[Json], trigger_s: float | None) -> None:
        families = families_of(service)
        existing = self._slices.cache.by_index(SERVICE_INDEX, key)
        wanted = self._wanted_endpoints(service, pods, families)
        changes = _Changes(service, existing, wanted, families=families, trigger_s=trigger_s)
        for endpoint_slice in changes.create:
            await self._create(key, endpoint_slice)
        for endpoint_slice in changes.update:
            self._pending.wrote(key, await self.client.update(ENDPOINT_SLICES, endpoint_slice))
        for endpoint_slice in changes.delete:
            await self._delete(key, endpoint_slice)

    def _wanted_endpoints(self, service: Json, pods: list[Json], families: list[str]) -> dict[PortSet, list[Json]]:
        wanted: dict[PortSet, list[Json]] = defaultdict(list)
        for pod in pods:
            if not is_endpoint(pod, is_terminating_shown=True):
                continue
            ports = sorted_ports(endpoint_ports(service, pod))
            for family in families:
                if address := address_of(pod, family):
                    wanted[(family, ports)].append(self._endpoint(service, pod, address))
        return wanted

    def _endpoint(self, service: Json, pod: Json, address: str) -> Json:
        serving, terminating = is_ready(pod), bool(pod["metadata"].get("deletionTimestamp"))
        is_forced = bool(service["spec"].get("publishNotReadyAddresses"))
        conditions = {
            "ready": is_forced or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        }
        endpoint: Json = {"addresses": [address], "conditions": conditions}
        if hostname := hostname_of(service, pod):
            endpoint["hostname"] = hostname
        endpoint["targetRef"] = target_reference(pod)
        node_name = pod.get("spec", {}).get("nodeName")
        if node_name:
            endpoint["nodeName"] = node_name
            node = self._nodes.cache.get(node_name)
            if node is not None and (zone := labels_of(node).get(ZONE_LABEL)):
                endpoint["zone"] = zone
        return endpoint

    async def _create(self, key: str, endpoint_slice: Json) -> None:
        namespace = endpoint_slice["metadata"]["namespace"]
        try:
            self._pending.wrote(key, await self.client.create(ENDPOINT_SLICES, endpoint_slice, namespace))
        except StatusError as error:
            if not is_namespace_terminating(error):
                raise

    async def _delete(self, key: str, endpoint_slice: Json) -> None:
        metadata = endpoint_slice["metadata"]
        try:
            await self.client.delete(ENDPOINT_SLICES, metadata["name"], metadata["namespace"])
        except StatusError as error:
            if error.code != 404:
                raise
        self._pending.deleted(key, endpoint_slice)


class _Changes:
    """The slices to create, update and delete for one service. No I/O."""

    def __init__(
        self,
        service: Json,
        existing: list[Json],
        wanted: dict[PortSet, list[Json]],
        *,
        families: list[str],
        trigger_s: float | None,
    ) -> None:
        self.create: list[Json] = []
        self.update: list[Json] = []
        self.delete: list[Json] = []
        self._service, self._trigger_s = service, trigger_s
        groups: dict[PortSet, list[Json]] = defaultdict(list)
        for endpoint_slice in existing:
            groups[_port_set(endpoint_slice)].append(endpoint_slice)
        for port_set in [*wanted, *(other for other in groups if other not in wanted)]:
            self._pack(port_set, groups.get(port_set, []), wanted.get(port_set, []))
        for family in families:
            self._keep_placeholder(family, [s for s in existing if s["addressType"] == family])
        self._reuse_deleted()

    def _pack(self, port_set: PortSet, group: list[Json], wanted: list[Json]) -> None:
        by_name = {s["metadata"]["name"]: s for s in group}
        plan: Plan = pack({name: s.get("endpoints") or [] for name, s in by_name.items()}, wanted)
        for endpoints in plan.create:
            self.create.append(self._new(port_set, endpoints))
        for name, endpoints in plan.update.items():
            self.update.append(self._changed(by_name[name], endpoints))
        for name in plan.keep:
            current = by_name[name]
            if labels_of(current) != slice_labels(self._service):
                self.update.append(self._changed(current, current["endpoints"]))
        self.delete += [by_name[name] for name in plan.delete]

    def _keep_placeholder(self, family: str, existing: list[Json]) -> None:
        """Where there are no endpoints at all, one empty slice says that the service was seen."""
        deleted = [s for s in self.delete if s["addressType"] == family]
        if len(deleted) != len(existing) or any(s["addressType"] == family for s in self.create):
            return
        placeholder = self._new((family, ()), [])
        for endpoint_slice in deleted:
            is_same = not endpoint_slice.get("endpoints") and not endpoint_slice.get("ports")
            if is_same and labels_of(endpoint_slice) == labels_of(placeholder):
                self.delete.remove(endpoint_slice)
                return
        self.create.append(placeholder)

    def _reuse_deleted(self) -> None:
        """A slice to be deleted and one to be created of the same type are one update."""
        for gone in list(self.delete):
            made = next((s for s in self.create if s["addressType"] == gone["addressType"]), None)
            if made is None:
                continue
            self.create.remove(made)
            self.delete.remove(gone)
            self.update.append({**self._changed(gone, made["endpoints"]), "ports": made["ports"]})

    def _new(self, port_set: PortSet, endpoints: list[Json]) -> Json:
        family, ports = port_set
        metadata = self._service["metadata"]
        made: Json = {
            "generateName": f"{metadata['name'][: GENERATE_NAME_LENGTH_MAX - 1]}-",
            "namespace": metadata["namespace"],
            "labels": slice_labels(self._service),
            "ownerReferences": [new_controller_ref({"apiVersion": "v1", "kind": "Service", **self._service})],
        }
        if self._trigger_s is not None:
            made["annotations"] = {TRIGGER_TIME_ANNOTATION: rfc3339(self._trigger_s)}
        return {
            "apiVersion": ENDPOINT_SLICES.api_version,
            "kind": "EndpointSlice",
            "metadata": made,
            "addressType": family,
            "endpoints": endpoints,
            "ports": [dict(port) for port in ports],
        }

    def _changed(self, endpoint_slice: Json, endpoints: list[Json]) -> Json:
        metadata = {**endpoint_slice["metadata"], "labels": slice_labels(self._service)}
        annotations = dict(metadata.get("annotations") or {})
        annotations.pop(TRIGGER_TIME_ANNOTATION, None)
        if self._trigger_s is not None:
            annotations[TRIGGER_TIME_ANNOTATION] = rfc3339(self._trigger_s)
        metadata["annotations"] = annotations
        return {**endpoint_slice, "metadata": metadata, "endpoints": endpoints}


def slice_labels(service: Json) -> dict[str, str]:
    """The service's labels and ours; a service cannot forge ours."""
    labels = {name: value for name, value in labels_of(service).items() if name not in RESERVED_LABELS}
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    labels[SERVICE_NAME_LABEL] = service["metadata"]["name"]
    labels[MANAGED_BY_LABEL] = MANAGER
    return labels


def _port_set(endpoint_slice: Json) -> PortSet:
    return endpoint_slice["addressType"], sorted_ports(endpoint_slice.get("ports") or ())
