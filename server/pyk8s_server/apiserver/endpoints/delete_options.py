"""DeleteOptions: from the body or the query of a DELETE, checked.

Always true: a body's options win over the query's; values that mean nothing are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from pyk8s.api.field import FieldError, invalid, not_supported
from pyk8s.api.status import StatusError, bad_request, conflict
from pyk8s.api.yaml import to_json
from pyk8s.errors import DecodeError

from pyk8s_server.apiserver.endpoints import bodies
from pyk8s_server.apiserver.endpoints.call import Backend, Call, write_options
from pyk8s_server.apiserver.endpoints.list_options import integer
from pyk8s_server.apiserver.endpoints.negotiation import PROTOBUF, YAML
from pyk8s_server.apiserver.filters.request_info import truth

Json = dict[str, Any]

POLICIES = ("Foreground", "Background", "Orphan")
POLICIES_SHOWN = [*POLICIES, "nil"]
ORPHAN_AND_POLICY = "orphanDependents and deletionPropagation cannot be both set"
KINDS = ("DeleteOptions", "")


@dataclass(slots=True)
class DeleteOptions:
    """How an object is to be deleted; None is: not said."""

    grace_period_s: int | None = None
    orphan_dependents: bool | None = None
    policy: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: list[str] = field(default_factory=list)

    @property
    def names_no_policy(self) -> bool:
        """Whether the kind's default decides on dependents."""
        return self.policy is None and self.orphan_dependents is None

    @property
    def is_dry_run(self) -> bool:
        return bool(self.dry_run)


def delete_options(backend: Backend, call: Call) -> DeleteOptions:
    """Raises StatusError 400, 415, 422."""
    options = options_of(_decoded(backend, call)) if call.request.body else _of_query(call)
    if options.grace_period_s is not None and options.grace_period_s < 0:
        options.grace_period_s = 1
    write_options(call, "DeleteOptions", body_dry_run=options.dry_run, errors=_errors(options))
    return options


def _of_query(call: Call) -> DeleteOptions:
    params = call.params
    if not params:
        return DeleteOptions()
    grace = params.get("gracePeriodSeconds")
    orphan = params.get("orphanDependents")
    return DeleteOptions(
        grace_period_s=integer(grace) if grace else None,
        orphan_dependents=None if orphan is None else truth(orphan),
        policy=params.get("propagationPolicy"),
        dry_run=call.all_values("dryRun"),
    )


def options_of(body: Json) -> DeleteOptions:
    """The options in a DeleteOptions object. Raises StatusError 400."""
    preconditions = _typed(body, "preconditions", dict, "Preconditions") or {}
    return DeleteOptions(
        grace_period_s=_typed(body, "gracePeriodSeconds", int, "int64"),
        orphan_dependents=_typed(body, "orphanDependents", bool, "bool"),
        policy=_typed(body, "propagationPolicy", str, "v1.DeletionPropagation"),
        uid=_typed(preconditions, "uid", str, "types.UID"),
        resource_version=_typed(preconditions, "resourceVersion", str, "string"),
        dry_run=_typed(body, "dryRun", list, "[]string") or [],
    )


def _decoded(backend: Backend, call: Call) -> Json:
    media, body = bodies.media_of(call), call.request.body
    try:
        if media == PROTOBUF:
            body = backend.scheme.decode_protobuf(body)[1]
        elif media == YAML:
            body = to_json(body).value
        found = orjson.loads(body)
    except (DecodeError, ValueError, RecursionError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or found.get("kind", "") not in KINDS:
        raise bad_request("decoded object cannot be converted to DeleteOptions")
    return found


def _typed(body: Json, name: str, kind: type, shown: str) -> Any:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad_request(f"json: cannot unmarshal value into Go struct field DeleteOptions.{name} of type {shown}")
    return value


def _errors(options: DeleteOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    if options.policy is not None and options.orphan_dependents is not None:
        errors.append(invalid("propagationPolicy", options.policy, ORPHAN_AND_POLICY))
    if options.policy is not None and options.policy not in POLICIES:
        errors.append(not_supported("propagationPolicy", options.policy, POLICIES_SHOWN))
    return errors


def precondition_error(call: Call, options: DeleteOptions, meta: Json) -> StatusError | None:
    """The conflict of a precondition that does not hold."""
    stored, name = call.scope.stored, meta["name"]
    if options.uid is not None and options.uid != meta.get("uid"):
        if stored.plural == "namespaces":
            why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {meta.get('uid')}"
            return conflict("", "namespaces", name, why)
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta.get('uid')}). "
            "The object might have been deleted and then recreated"
        )
        return conflict(stored.group, stored.kind, name, why)
    if options.resource_version is not None and options.resource_version != meta.get("resourceVersion"):
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({meta.get('resourceVersion')}). The object might have been modified"
        )
        return conflict(stored.group, stored.kind, name, why)
    return None
