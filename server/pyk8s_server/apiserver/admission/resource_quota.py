"""ResourceQuota: what a create or update adds is reserved in every quota that means it, or the request is refused.

Always true: usage is reserved by a compare-and-swap of the quota's status before the object is stored, so creates at
the same time never exceed a quota together. What a later failure leaves reserved, the quota controller gives back.
Source: kubernetes.io, "Resource Quotas"; texts as observed.
Not here: counting (see `pyk8s.api.quota`), what is given back by deletes (the quota controller).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import orjson
from pyk8s.api import quota as usage
from pyk8s.api.clock import rfc3339
from pyk8s.api.pod_resources import Amounts
from pyk8s.api.quantity import Quantity
from pyk8s.api.status import MODIFIED, conflict
from pyk8s.core.interfaces import KeyValue, Scheme
from pyk8s.errors import Conflict, KeyNotFound

from pyk8s_server.apiserver.admission.base import Plugin, refused, resource
from pyk8s_server.apiserver.interfaces import Attributes
from pyk8s_server.apiserver.storage.interface import Storage
from pyk8s_server.apiserver.storage.keys import prefix_of

Json = dict[str, Any]

GVK = "v1/ResourceQuota"
MANAGER = "kube-apiserver"
TRIES_MAX = 10
"""Reservations in one namespace queue up; only the controller and clients that write a quota's status compete."""
RECHARGED = {"pods": "resize", "services": "", "persistentvolumeclaims": ""}
"""Resources whose objects may come to use more, and the subresource that does it."""


@dataclass(slots=True)
class Reservation:
    """A quota as it is stored, and what is to be added to its status."""

    kv: KeyValue
    quota: Json
    added: Amounts


class ResourceQuota(Plugin):
    """Reads quotas from the engine of ``storage`` and writes their status there."""

    name = "ResourceQuota"

    def __init__(self, storage: Storage, scheme: Scheme) -> None:
        self._storage, self._scheme = storage, scheme
        self._prefix = prefix_of(resource("", "v1", "resourcequotas"))
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def validate(self, attributes: Attributes) -> None:
        if not _may_use_more(attributes):
            return
        if not self._storage.engine.count(f"{self._prefix}{attributes.namespace}/"):
            return
        lock = self._locks.setdefault(attributes.namespace, asyncio.Lock())
        async with lock:
            await self._reserve(attributes)

    async def _reserve(self, attributes: Attributes) -> None:
        reserved: set[str] = set()
        for _ in range(TRIES_MAX):
            stored = self._storage.engine.range(f"{self._prefix}{attributes.namespace}/").items
            quotas = [(kv, orjson.loads(kv.value)) for kv in stored if kv.key not in reserved]
            wanted = reservations(attributes, quotas)
            if attributes.context.dry_run:
                return
            if await self._write_all(wanted, reserved, now=rfc3339(attributes.context.clock.now_s())):
                return
        raise conflict("", "resourcequotas", "", MODIFIED)

    async def _write_all(self, wanted: list[Reservation], reserved: set[str], *, now: str) -> bool:
        """Write the reservations, noting the keys in ``reserved``; False when another write came first."""
        for reservation in wanted:
            try:
                await self._write(reservation, now)
            except Conflict:
                return False
            except KeyNotFound:
                pass  # A quota that is gone limits nothing.
            reserved.add(reservation.kv.key)
        return True

    async def _write(self, reservation: Reservation, now: str) -> None:
        kv, quota = reservation.kv, reservation.quota
        status = quota["status"]
        status["used"] = {**status["used"], **_texts(_sum(status["used"], reservation.added))}
        value = self._scheme.update_managed_fields(
            GVK, kv.value, orjson.dumps(quota), manager=MANAGER, time=now, subresource="status"
        )
        await self._storage.update(kv.key, value, expected=kv.mod_revision)


def _may_use_more(attributes: Attributes) -> bool:
    """Whether quotas are asked at all. Cost: a few comparisons."""
    if not attributes.namespace or attributes.obj is None:
        return False
    qualified = attributes.resource.qualified
    if attributes.operation == "CREATE":
        return not attributes.subresource and qualified not in usage.UNCOUNTED and qualified != "namespaces"
    return attributes.operation == "UPDATE" and RECHARGED.get(qualified) == attributes.subresource


# -- the decision ------------------------------------------------------------------------------------------------


def reservations(attributes: Attributes, quotas: Iterable[tuple[KeyValue, Json]]) -> list[Reservation]:
    """What the request adds to each quota. Raises StatusError 403 for the first that refuses it."""
    assert attributes.obj is not None, "a delete asks no quota"
    meant: list[tuple[KeyValue, Json, list[str]]] = []
    for kv, quota in quotas:
        names = usage.counted_names(attributes.resource, (quota.get("status") or {}).get("hard") or ())
        if names and usage.is_in_scope(quota, attributes.resource, attributes.obj):
            _check_constraints(attributes, quota, names)
            meant.append((kv, quota, names))
    if not meant:
        return []
    added = _added(attributes)
    found = [Reservation(kv, quota, {n: added[n] for n in names if n in added}) for kv, quota, names in meant]
    for each in found:
        _check_room(attributes, each)
    return [each for each in found if each.added]


def _check_constraints(attributes: Attributes, quota: Json, names: list[str]) -> None:
    name = quota["metadata"]["name"]
    if attributes.resource.qualified == "pods":
        missing = usage.missing_by_container(attributes.obj or {}, names)
        if missing:
            listed = "; ".join(f"{each} for: {','.join(containers)}" for each, containers in missing.items())
            raise refused(attributes, f"failed quota: {name}: must specify {listed}")
    used = (quota.get("status") or {}).get("used") or {}
    if any(each not in used for each in names):
        raise refused(attributes, f"status unknown for quota: {name}, resources: {','.join(sorted(names))}")


def _added(attributes: Attributes) -> Amounts:
    """What the object uses beyond what its old version did; nothing that is zero."""
    now_s = attributes.context.clock.now_s()
    assert attributes.obj is not None, "a delete asks no quota"
    uses = usage.usage_of(attributes.resource, attributes.obj, now_s)
    negative = sorted(name for name, value in uses.items() if value.nano < 0)
    if negative:
        raise refused(attributes, f"quota usage is negative for resource(s): {','.join(negative)}")
    if attributes.old is not None:
        before = usage.usage_of(attributes.resource, attributes.old, now_s)
        uses = {name: value - before.get(name, Quantity()) for name, value in uses.items()}
    return {name: value for name, value in uses.items() if value.nano > 0}


def _check_room(attributes: Attributes, reservation: Reservation) -> None:
    status, added = reservation.quota["status"], reservation.added
    total = _sum(status["used"], added)
    exceeded = sorted(name for name, value in total.items() if value > Quantity.of(status["hard"][name]))
    if not exceeded:
        return
    parts = (
        f"exceeded quota: {reservation.quota['metadata']['name']}",
        f"requested: {_listed(added, exceeded)}",
        f"used: {_listed(status['used'], exceeded)}",
        f"limited: {_listed(status['hard'], exceeded)}",
    )
    raise refused(attributes, ", ".join(parts))


def _sum(used: Json, added: Amounts) -> Amounts:
    return {name: Quantity.of(used.get(name, 0)) + value for name, value in added.items()}


def _texts(amounts: Amounts) -> dict[str, str]:
    return {name: str(value) for name, value in amounts.items()}


def _listed(amounts: Mapping[str, Any], names: Iterable[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)
