"""DELETE of one object: at once, after a grace period, or when its finalizers are gone.

Always true: an object with finalizers or a grace period stays, marked; a second delete may shorten the grace period,
never lengthen it.
Source: kubernetes.io, "Finalizers", "Garbage Collection", "Pod Lifecycle"; the order of writes as observed.
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.clock import parse_rfc3339, rfc3339
from pyk8s.api.http import Response
from pyk8s.api.status import MODIFIED, conflict, not_found, success
from pyk8s.core.interfaces import KeyValue
from pyk8s.errors import Conflict, KeyNotFound

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.create import attributes_of
from pyk8s_server.apiserver.endpoints.delete_options import DeleteOptions, delete_options, precondition_error
from pyk8s_server.apiserver.endpoints.metadata import ordered
from pyk8s_server.apiserver.endpoints.responses import object_response, status_response
from pyk8s_server.apiserver.interfaces import Context

Json = dict[str, Any]

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
TRIES_MAX = 6
JOBS_ORPHAN = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


async def delete(backend: Backend, call: Call) -> Response:
    """Answer 200 with the object or a Status. Raises StatusError."""
    options = delete_options(backend, call)
    warn_of_orphans(call, options)
    context = call.context(backend, dry_run=options.is_dry_run)
    value, is_gone = await delete_object(backend, call, context, call.info.name, options)
    if is_gone and not call.scope.returns_object_on_delete:
        return status_response(call, success(deleted_details(call, value)))
    if call.scope.convert is not None:
        value = call.scope.convert.encoded_from_stored(value)
    status = 202 if options.orphan_dependents is False and not is_gone else 200
    return object_response(call, value, status)


def warn_of_orphans(call: Call, options: DeleteOptions) -> None:
    """Tell who deletes jobs without a policy that their pods stay."""
    if call.scope.stored.qualified == "jobs.batch" and options.names_no_policy:
        call.warnings.append(JOBS_ORPHAN)


def deleted_details(call: Call, value: bytes) -> Json:
    """What the Status of a finished delete tells of the object."""
    resource, meta = call.scope.resource, orjson.loads(value)["metadata"]
    details = {"name": meta["name"], "group": resource.group, "kind": resource.plural, "uid": meta.get("uid", "")}
    return {name: text for name, text in details.items() if text}


async def delete_object(
    backend: Backend, call: Call, context: Context, name: str, options: DeleteOptions
) -> tuple[bytes, bool]:
    """Delete or mark one object; returns (its state as stored, whether it is gone). Raises StatusError."""
    resource = call.scope.resource
    deletion = _Deletion(backend, call, context, name, options)
    for _ in range(TRIES_MAX):
        kv = backend.storage.engine.get(deletion.key)
        if kv is None:
            raise not_found(resource.group, resource.plural, name)
        try:
            return await deletion.attempt(kv)
        except (Conflict, KeyNotFound):
            continue
    raise conflict(resource.group, resource.plural, name, MODIFIED)


class _Deletion:
    """One delete on its way into the store."""

    def __init__(self, backend: Backend, call: Call, context: Context, name: str, options: DeleteOptions) -> None:
        self.backend, self.call, self.context = backend, call, context
        self.name, self.options = name, options
        self.key = call.scope.key(call.info.namespace, name)
        self._is_admitted = False

    async def attempt(self, kv: KeyValue) -> tuple[bytes, bool]:
        """Raises Conflict, KeyNotFound: another write came first; StatusError."""
        old = orjson.loads(kv.value)
        failed = precondition_error(self.call, self.options, old["metadata"])
        if failed is not None:
            raise failed
        await self._admit(old)
        if self.call.scope.stored.qualified == "namespaces":
            terminating = await self._terminate_namespace(kv, old)
            if terminating is not None:
                return terminating, False
        return await self._delete(kv, old)

    async def _admit(self, old: Json) -> None:
        if self._is_admitted:
            return
        attributes = attributes_of(self.call, self.context, "DELETE", None, old)
        attributes.name = self.name
        await self.backend.chain.admit(attributes)
        await self.backend.chain.validate(attributes)
        self._is_admitted = True

    async def _terminate_namespace(self, kv: KeyValue, old: Json) -> bytes | None:
        """A namespace first becomes Terminating; what it holds goes before it. None: it may go now."""
        if old["metadata"].get("deletionTimestamp"):
            return kv.value if (old.get("spec") or {}).get("finalizers") else None
        new = _copied(old)
        new["metadata"]["deletionTimestamp"] = rfc3339(self.context.clock.now_s())
        new["metadata"]["finalizers"] = collector_finalizers(self.options, old["metadata"].get("finalizers") or [])
        if not new["metadata"]["finalizers"]:
            del new["metadata"]["finalizers"]
        new["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
        return await self._write(kv, new)

    async def _delete(self, kv: KeyValue, old: Json) -> tuple[bytes, bool]:
        new = _copied(old)
        meta = new["metadata"]
        state = self._begin(new)
        if state == "pending":
            return kv.value, False
        is_default = self.call.scope.orphans_by_default
        finalizers = collector_finalizers(self.options, meta.get("finalizers") or [], orphans_by_default=is_default)
        if finalizers:
            meta["finalizers"] = finalizers
        else:
            meta.pop("finalizers", None)
        if finalizers and state == "now":
            self._mark(meta)
        value = kv.value
        if state == "graceful" or finalizers:
            value = await self._write(kv, new) if new != old else kv.value
            if finalizers or meta["deletionGracePeriodSeconds"] > 0:
                return value, False
        return await self._remove(value, old, expected=0 if value is not kv.value else kv.mod_revision), True

    def _begin(self, new: Json) -> str:
        """Mark for a graceful deletion; "now": the kind or object has no grace, "pending": nothing to do yet."""
        strategy, meta = self.call.scope.strategy(), new["metadata"]
        asked = self.options.grace_period_s
        grace_s = strategy.grace_period_s(self.context, new, asked)
        if grace_s is None:
            return "now"
        if meta.get("deletionTimestamp"):
            return self._shorten(meta, asked)
        now_s = self.context.clock.now_s()
        meta["deletionTimestamp"] = rfc3339(now_s + grace_s)
        meta["deletionGracePeriodSeconds"] = grace_s
        if meta.get("generation", 0) > 0:
            meta["generation"] += 1
        return "graceful"

    @staticmethod
    def _shorten(meta: Json, asked: int | None) -> str:
        grace_s = meta.get("deletionGracePeriodSeconds") or 0
        if grace_s == 0:
            return "now"
        if asked is None or asked >= grace_s:
            return "pending"
        meta["deletionTimestamp"] = rfc3339(parse_rfc3339(meta["deletionTimestamp"]) - grace_s + asked)
        meta["deletionGracePeriodSeconds"] = asked
        return "graceful"

    def _mark(self, meta: Json) -> None:
        """Mark an object that waits for its finalizers alone."""
        if meta.get("deletionGracePeriodSeconds") is None and meta.get("generation", 0) > 0:
            meta["generation"] += 1
        now_s = self.context.clock.now_s()
        given = meta.get("deletionTimestamp")
        if not given or parse_rfc3339(given) > now_s:
            meta["deletionTimestamp"] = rfc3339(now_s)
        meta["deletionGracePeriodSeconds"] = 0

    async def _write(self, kv: KeyValue, new: Json) -> bytes:
        new["metadata"] = ordered(new["metadata"])
        value = orjson.dumps(new)
        if self.context.dry_run:
            return value
        written = await self.backend.storage.update(self.key, value, expected=kv.mod_revision)
        return written.value

    async def _remove(self, value: bytes, old: Json, *, expected: int) -> bytes:
        if self.context.dry_run:
            return value
        removed = await self.backend.storage.delete(self.key, expected=expected)
        if self.call.scope.lifecycle is not None:
            self.call.scope.lifecycle.release(self.context, old)
        return removed.value


def collector_finalizers(
    options: DeleteOptions, finalizers: list[str], *, orphans_by_default: bool = False
) -> list[str]:
    """The finalizers with those of the garbage collector as the propagation policy wants them."""
    if orphans_by_default and options.names_no_policy and not {FOREGROUND, ORPHAN} & set(finalizers):
        return [*finalizers, ORPHAN]
    kept = [name for name in finalizers if name not in (FOREGROUND, ORPHAN)]
    if _wants(options, finalizers, policy="Orphan", finalizer=ORPHAN, other=FOREGROUND):
        kept.append(ORPHAN)
    if _wants(options, finalizers, policy="Foreground", finalizer=FOREGROUND, other=ORPHAN):
        kept.append(FOREGROUND)
    return kept


def _wants(options: DeleteOptions, finalizers: list[str], *, policy: str, finalizer: str, other: str) -> bool:
    if options.orphan_dependents is not None:
        return options.orphan_dependents and policy == "Orphan"
    if options.policy is not None:
        return options.policy == policy
    return finalizer in finalizers and other not in finalizers


def _copied(obj: Json) -> Json:
    """A copy whose metadata may be changed."""
    return {**obj, "metadata": dict(obj["metadata"])}
