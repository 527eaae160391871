"""CREATE: POST of an object to its collection, and PUT of one that is not there yet.

Always true: the steps run in kube-apiserver's order: decode, default, managed fields, mutating admission, metadata,
strategy, validation, validating admission, allocation, storage.
Not here: subresources that are created (binding, eviction), reviews.
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.clock import rfc3339
from pyk8s.api.http import Response
from pyk8s.api.status import StatusError, already_exists, invalid, qualified
from pyk8s.errors import KeyExists

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.metadata import drop_duplicate_owners, fill_new, match_namespace, meta_of, ordered
from pyk8s_server.apiserver.endpoints.responses import object_response
from pyk8s_server.apiserver.interfaces import Attributes, Context

Json = dict[str, Any]

GENERATE_TRIES = 8
VERSION_SET = "resourceVersion should not be set on objects to be created"


async def create(backend: Backend, call: Call) -> Response:
    """Answer 201 with the new object. Raises StatusError."""
    dry_run = write_options(call, "CreateOptions")
    value = bodies.read(backend, call, call.scope.resource.gvk)
    context = call.context(backend, dry_run=dry_run)
    return object_response(call, await create_from(backend, call, context, value), 201)


async def create_from(backend: Backend, call: Call, context: Context, value: bytes) -> bytes:
    """Store a decoded object of the served kind; returns it as it now is. Raises StatusError."""
    scope = call.scope
    value = backend.scheme.update_managed_fields(
        scope.resource.gvk,
        b"",
        value,
        manager=context.manager,
        time=rfc3339(call.now_s),
        reset_fields=scope.strategy().reset_fields,
    )
    obj = orjson.loads(value)
    drop_duplicate_owners(call, meta_of(obj))
    match_namespace(call, obj["metadata"])
    if scope.convert is not None:
        obj = scope.convert.to_stored(obj)
    created = await create_stored(backend, call, context, obj)
    return created if scope.convert is None else scope.convert.encoded_from_stored(created)


async def create_stored(backend: Backend, call: Call, context: Context, obj: Json) -> bytes:
    """Admit, check and store an object of the stored version; returns its bytes. Raises StatusError."""
    attributes = attributes_of(call, context, "CREATE", obj, None)
    await backend.chain.admit(attributes)
    drop_duplicate_owners(call, obj["metadata"], after_admission=True)
    if obj["metadata"].get("name") or not obj["metadata"].get("generateName"):
        try:
            return await _prepare_and_store(backend, call, attributes, obj)
        except KeyExists as error:
            raise _taken(backend, call, obj["metadata"]["name"]) from error
    template, name = orjson.dumps(obj), ""
    for _ in range(GENERATE_TRIES):
        candidate = orjson.loads(template)
        try:
            return await _prepare_and_store(backend, call, attributes, candidate)
        except KeyExists:
            name = candidate["metadata"]["name"]
    raise _not_generated(call, name)


def attributes_of(call: Call, context: Context, operation: Any, obj: Json | None, old: Json | None) -> Attributes:
    """The write as admission sees it."""
    name = call.info.name or (obj["metadata"].get("name", "") if obj else "")
    return Attributes(
        operation,
        call.scope.stored,
        call.info.subresource,
        call.info.namespace,
        name,
        obj,
        old,
        {"dryRun": ["All"]} if context.dry_run else {},
        context,
    )


async def _prepare_and_store(backend: Backend, call: Call, attributes: Attributes, obj: Json) -> bytes:
    scope, context = call.scope, attributes.context
    strategy, meta = scope.strategy(), obj["metadata"]
    fill_new(context, meta)
    match_namespace(call, meta)
    strategy.prepare_for_create(context, obj)
    errors = strategy.validate(context, obj)
    if errors:
        raise invalid(scope.stored.group, scope.stored.kind, meta.get("name", ""), errors)
    call.warnings.extend(strategy.warnings_on_create(context, obj))
    attributes.obj = obj
    await backend.chain.validate(attributes)
    if meta.get("resourceVersion"):
        raise StatusError(500, "", VERSION_SET)
    return await _store(backend, call, context, obj)


async def _store(backend: Backend, call: Call, context: Context, obj: Json) -> bytes:
    scope, meta = call.scope, obj["metadata"]
    key = scope.key(meta.get("namespace", ""), meta["name"])
    release = scope.lifecycle.allocate(context, obj, None) if scope.lifecycle is not None else None
    is_committed = False
    try:
        if context.dry_run:
            if backend.storage.engine.get(key) is not None:
                raise KeyExists(key)
            obj["metadata"] = ordered(meta)
            return orjson.dumps(obj)
        # The engine writes the version where it finds one, so this keeps it in Go's place.
        obj["metadata"] = ordered({**meta, "resourceVersion": ""})
        value = orjson.dumps(obj)
        kv = await backend.storage.create(key, value, ttl_s=scope.ttl_s)
        is_committed = True
        return kv.value
    finally:
        if release is not None:
            release(is_committed)


def _taken(backend: Backend, call: Call, name: str) -> StatusError:
    resource = call.scope.resource
    error = already_exists(resource.group, resource.plural, name)
    kv = backend.storage.engine.get(call.scope.key(call.info.namespace, name))
    if kv is not None and orjson.loads(kv.value)["metadata"].get("deletionTimestamp"):
        error.message = f"object is being deleted: {error.message}"
    return error


def _not_generated(call: Call, name: str) -> StatusError:
    resource = call.scope.resource
    message = (
        f'{qualified(resource.plural, resource.group)} "{name}" already exists, '
        "the server was not able to generate a unique name for the object"
    )
    error = already_exists(resource.group, resource.plural, name)
    return StatusError(409, "AlreadyExists", message, {**error.details, "retryAfterSeconds": 1})
