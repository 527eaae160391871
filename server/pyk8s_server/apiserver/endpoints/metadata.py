"""The metadata that the server sets or checks on every object, whatever its kind.

Always true: uid and creationTimestamp come from the server; a body's name and namespace are those of the URL.
Not here: rules for names and labels (see the strategies).
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.clock import rfc3339
from pyk8s.api.status import bad_request

from pyk8s_server.apiserver.endpoints.call import Call
from pyk8s_server.apiserver.interfaces import Context

Json = dict[str, Any]

ORDER = (
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)  # fmt: skip
"""Fields as Go's ObjectMeta has them: people read answers in that order."""

NAMESPACE_MISMATCH = "the namespace of the provided object does not match the namespace sent on the request"
DUPLICATE_OWNERS = (
    ".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may "
    "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
)


def meta_of(obj: Json) -> Json:
    """The object's metadata, made when absent."""
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        meta = obj["metadata"] = {}
    return meta


def match_namespace(call: Call, meta: Json) -> None:
    """Fill the namespace from the URL. Raises StatusError 400 when the body names another."""
    namespace = call.info.namespace if call.scope.resource.namespaced else ""
    given = meta.get("namespace")
    if not given:
        if namespace:
            meta["namespace"] = namespace
        return
    if given != namespace:
        raise bad_request(NAMESPACE_MISMATCH)


def match_name(call: Call, meta: Json) -> None:
    """Raises StatusError 400 unless the body's name is the URL's."""
    name = meta.get("name", "")
    if not name:
        raise bad_request(
            f"the name of the object ({call.info.name} based on URL) was undeterminable: name must be provided"
        )
    if name != call.info.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.info.name})")


def fill_new(context: Context, meta: Json) -> None:
    """What only the server may set on a new object; its name when it is to be generated."""
    meta["uid"] = context.identity.uid()
    meta["creationTimestamp"] = rfc3339(context.clock.now_s())
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        meta.pop(name, None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = context.identity.generate_name(meta["generateName"])


def keep_unset(meta: Json, old: Json) -> None:
    """What an update leaves as it is when the client does not send it: uid and the marks of creation and deletion."""
    for name in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if not meta.get(name) and name in old:
            meta[name] = old[name]


def ordered(meta: Json) -> Json:
    """The same metadata in Go's order."""
    found = {name: meta[name] for name in ORDER if name in meta}
    if len(found) != len(meta):
        found.update((name, value) for name, value in meta.items() if name not in found)
    return found


def drop_duplicate_owners(call: Call, meta: Json, *, after_admission: bool = False) -> None:
    """Keep the first of equal owner references, with a warning."""
    owners = meta.get("ownerReferences")
    if not owners or len(owners) < 2:
        return
    kept: list[Json] = []
    repeated: list[str] = []
    for owner in owners:
        if owner in kept:
            repeated.append(str(owner.get("uid", "")))
        else:
            kept.append(owner)
    if repeated:
        meta["ownerReferences"] = kept
        when = " after mutating admission happens" if after_admission else ""
        call.warnings.append(DUPLICATE_OWNERS.format(when=when, uids=", ".join(dict.fromkeys(repeated))))
