"""The read-modify-write that PUT and PATCH share: from a function of the old object to a new version in the store.

Always true: what is written was computed from the version it replaces; a change of nothing writes nothing and keeps the
resourceVersion; the change that takes the last finalizer of a deleted object removes it.
Not here: where the new object comes from (see `update`, `patch`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pyk8s.api.clock import rfc3339
from pyk8s.api.field import invalid as invalid_field
from pyk8s.api.status import MODIFIED, StatusError, bad_request, conflict, invalid, not_found
from pyk8s.core.interfaces import KeyValue
from pyk8s.errors import Conflict, KeyNotFound

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.create import attributes_of
from pyk8s_server.apiserver.endpoints.list_options import parse_version
from pyk8s_server.apiserver.endpoints.metadata import (
    drop_duplicate_owners,
    keep_unset,
    match_name,
    match_namespace,
    meta_of,
    ordered,
)
from pyk8s_server.apiserver.interfaces import Context, Strategy

Json = dict[str, Any]

Transform = Callable[[bytes], bytes]
"""From the old object to the new one, both encoded in the served version; the new one decoded and defaulted."""

TRIES_MAX = 6
"""One try and five more, as kube-apiserver retries a patch."""


@dataclass(slots=True)
class Change:
    """One PUT or PATCH on its way into the store."""

    backend: Backend
    call: Call
    context: Context
    strategy: Strategy
    transform: Transform
    is_patch: bool = False
    is_pinned: bool = False
    """The client named the version it changes, so a lost race is its conflict, not ours to retry."""
    owns_nothing: bool = False
    """The writer takes fields from their owners and does not come to own them, as a scale does."""

    async def run(self) -> bytes | None:
        """The object after the change, encoded in the served version; None when there is none to change.

        Raises:
            StatusError: refused, or lost every race.
        """
        for _ in range(TRIES_MAX):
            kv = self.backend.storage.engine.get(self._key)
            if kv is None:
                return None
            served_old = self._served(kv.value)
            new_value = self.transform(served_old)
            try:
                return self._served(await self._attempt(kv, served_old, new_value))
            except _LostRace:
                if self.is_pinned:
                    break
        resource = self.call.scope.resource
        raise conflict(resource.group, resource.plural, self.call.info.name, MODIFIED)

    @property
    def _key(self) -> str:
        return self.call.scope.key(self.call.info.namespace, self.call.info.name)

    def _served(self, stored: bytes) -> bytes:
        convert = self.call.scope.convert
        return stored if convert is None else convert.encoded_from_stored(stored)

    # -- one try -------------------------------------------------------------------------------------------

    async def _attempt(self, kv: KeyValue, served_old: bytes, new_value: bytes) -> bytes:
        old = orjson.loads(kv.value)
        new = self._checked(served_old, new_value)
        attributes = attributes_of(self.call, self.context, "UPDATE", new, old)
        await self.backend.chain.admit(attributes)
        drop_duplicate_owners(self.call, new["metadata"], after_admission=True)
        self._match_uid(new["metadata"], old["metadata"])
        self._match_version(new["metadata"], kv)
        self._prepare(new, old)
        await self.backend.chain.validate(attributes)
        try:
            return await self._write(kv, new, old)
        except (Conflict, KeyNotFound) as error:
            raise _LostRace from error

    def _checked(self, served_old: bytes, new_value: bytes) -> Json:
        """The new object in the stored version, with its managed fields."""
        scope = self.call.scope
        new_value = self.backend.scheme.update_managed_fields(
            scope.resource.gvk,
            served_old,
            new_value,
            manager=self.context.manager,
            time=rfc3339(self.call.now_s),
            subresource=self.call.info.subresource,
            reset_fields=self.strategy.reset_fields,
        )
        new: Json = orjson.loads(new_value)
        meta = meta_of(new)
        if self.owns_nothing:
            entries = meta.get("managedFields") or ()
            meta["managedFields"] = [e for e in entries if e.get("subresource") != self.call.info.subresource]
        match_name(self.call, meta)
        match_namespace(self.call, meta)
        drop_duplicate_owners(self.call, meta)
        return new if scope.convert is None else scope.convert.to_stored(new)

    def _match_version(self, meta: Json, kv: KeyValue) -> None:
        resource, name = self.call.scope.resource, self.call.info.name
        given = meta.get("resourceVersion", "")
        try:
            version = parse_version(given)
        except StatusError as error:
            raise bad_request(f"invalid resource version: {error.message}") from error
        if version == 0:
            if not self.strategy.allow_unconditional_update:
                error_ = invalid_field("metadata.resourceVersion", 0, "must be specified for an update")
                raise invalid(resource.group, resource.plural, name, [error_])
            meta["resourceVersion"] = str(kv.mod_revision)
        elif version != kv.mod_revision:
            raise conflict(resource.group, resource.plural, name, MODIFIED)

    def _prepare(self, new: Json, old: Json) -> None:
        scope = self.call.scope
        keep_unset(new["metadata"], old["metadata"])
        self.strategy.prepare_for_update(self.context, new, old)
        errors = self.strategy.validate_update(self.context, new, old)
        if errors:
            raise invalid(scope.stored.group, scope.stored.kind, self.call.info.name, errors)
        self.call.warnings.extend(self.strategy.warnings_on_update(self.context, new, old))

    def _match_uid(self, meta: Json, old: Json) -> None:
        given, actual = meta.get("uid"), old.get("uid", "")
        if given and given != actual and not self.is_patch:
            raise uid_conflict(self.call, self._key, given, actual)

    # -- writing -------------------------------------------------------------------------------------------

    async def _write(self, kv: KeyValue, new: Json, old: Json) -> bytes:
        if _is_same(new, old):
            return kv.value
        if _is_last_finalizer(self.call, new, old):
            return await self._remove(kv, new, old)
        lifecycle = self.call.scope.lifecycle
        release = lifecycle.allocate(self.context, new, old) if lifecycle is not None else None
        is_committed = False
        try:
            new["metadata"] = ordered(new["metadata"])
            value = orjson.dumps(new)
            if self.context.dry_run:
                return value
            written = await self.backend.storage.update(
                self._key, value, expected=kv.mod_revision, ttl_s=self.call.scope.ttl_s
            )
            is_committed = True
            return written.value
        finally:
            if release is not None:
                release(is_committed)

    async def _remove(self, kv: KeyValue, new: Json, old: Json) -> bytes:
        new["metadata"] = ordered(new["metadata"])
        if not self.context.dry_run:
            await self.backend.storage.delete(self._key, expected=kv.mod_revision)
            if self.call.scope.lifecycle is not None:
                self.call.scope.lifecycle.release(self.context, old)
        return orjson.dumps(new)


class _LostRace(Exception):
    """Another write came first."""


def uid_conflict(call: Call, key: str, given: str, actual: str) -> StatusError:
    """A body's uid is not the stored object's."""
    resource = call.scope.resource
    why = (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: {given}, UID in object meta: {actual}"
    )
    return conflict(resource.group, resource.plural, call.info.name, why)


def missing(call: Call) -> StatusError:
    resource = call.scope.resource
    return not_found(resource.group, resource.plural, call.info.name)


def _is_same(new: Json, old: Json) -> bool:
    """Whether nothing changed but times of managed fields; those are then put back."""
    meta, old_meta = new["metadata"], old["metadata"]
    if any(new.get(name) != old.get(name) for name in {*new, *old} - {"metadata"}):
        return False
    if any(meta.get(name) != old_meta.get(name) for name in {*meta, *old_meta} - {"managedFields"}):
        return False
    return _timeless(meta) == _timeless(old_meta)


def _timeless(meta: Json) -> list[Json]:
    return [{**entry, "time": None} for entry in meta.get("managedFields") or []]


def _is_last_finalizer(call: Call, new: Json, old: Json) -> bool:
    """Whether this change lets a deleted object go."""
    old_meta = old["metadata"]
    if not old_meta.get("deletionTimestamp") or new["metadata"].get("finalizers"):
        return False
    if call.scope.stored.qualified == "namespaces":
        return not (new.get("spec") or {}).get("finalizers")
    return bool(old_meta.get("deletionGracePeriodSeconds") == 0)
