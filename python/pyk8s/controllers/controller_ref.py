"""Ownership: who controls an object, and who should.

Always true: at most one owner of an object is its controller; deciding and patching are apart.
Not here: garbage collection by owner (see `garbage_collector`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.controllers.label_selector import Matcher, labels_of

Json = dict[str, Any]
ORPHAN_INDEX = "orphan"


def controller_of(obj: Json) -> Json | None:
    """The ownerReference with controller true."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Json = owner
            return found
    return None


def controller_uid(obj: Json) -> str:
    owner = controller_of(obj)
    return str(owner["uid"]) if owner else ""


def by_orphan_namespace(obj: Json) -> Iterable[str]:
    """Index function: the namespace of objects without a controller."""
    return () if controller_of(obj) else (obj["metadata"].get("namespace", ""),)


def new_controller_ref(owner: Json) -> Json:
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_deleting(obj: Json) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


@dataclass(slots=True)
class Claims:
    """What an owner's selector says about candidates: keep, take, let go."""

    kept: list[Json] = field(default_factory=list)
    adopted: list[Json] = field(default_factory=list)
    released: list[Json] = field(default_factory=list)


def decide_claims(owner: Json, candidates: Iterable[Json], matches: Matcher) -> Claims:
    """Sort objects owned by ``owner`` and orphans. An owner that is being deleted neither takes nor lets go."""
    claims, uid, is_owner_deleting = Claims(), owner["metadata"]["uid"], is_deleting(owner)
    # An orphan with a plain reference to the owner comes from both of a caller's indexes: it is looked at once.
    for obj in {obj["metadata"]["uid"]: obj for obj in candidates}.values():
        holder = controller_uid(obj)
        is_match = matches(labels_of(obj))
        if holder == uid:
            if is_match:
                claims.kept.append(obj)
            elif not is_owner_deleting:
                claims.released.append(obj)
        elif not holder and is_match and not is_owner_deleting and not is_deleting(obj):
            claims.adopted.append(obj)
    return claims


async def claim(
    client: Client, owner_resource: Resource, owner: Json, resource: Resource, claims: Claims
) -> list[Json]:
    """Carry out the claims; returns the objects that are the owner's now.

    Raises:
        StatusError: the owner is gone or was replaced (404, 409), or the API refused.
    """
    if claims.adopted:
        await _check_alive(client, owner_resource, owner)
    mine = list(claims.kept)
    for obj in claims.adopted:
        patch = {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": [new_controller_ref(owner)]}}
        if (adopted := await _patched(client, resource, obj, patch)) is not None:
            mine.append(adopted)
    for obj in claims.released:
        reference = {"$patch": "delete", "uid": owner["metadata"]["uid"]}
        await _patched(
            client, resource, obj, {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": [reference]}}
        )
    return mine


async def _check_alive(client: Client, resource: Resource, owner: Json) -> None:
    """A live read: adopting for an owner that is going would orphan again what the collector is deleting."""
    metadata = owner["metadata"]
    live = await client.get(resource, metadata["name"], metadata["namespace"])
    if live["metadata"]["uid"] != metadata["uid"] or is_deleting(live):
        raise StatusError(409, "Conflict", f"{resource.singular} {metadata['name']} is gone or being deleted")


async def _patched(client: Client, resource: Resource, obj: Json, patch: Json) -> Json | None:
    """The patched object; None when it is gone or is another one by now."""
    metadata = obj["metadata"]
    try:
        return await client.patch(
            resource, metadata["name"], patch, metadata.get("namespace", ""), patch_type="strategic"
        )
    except StatusError as error:
        if error.code in (404, 422) or (error.code == 409 and "uid" in error.message.lower()):
            return None
        raise
