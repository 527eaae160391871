"""What admission plugins have in common: a plugin that does nothing, refusals, look-ups of objects by kind.

Always true: plugins know of stored objects only through the request's `Reader`.
Not here: the chain (see `chain`), any rule.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api import status
from pyk8s.api.resources import Resource, find
from pyk8s.api.status import StatusError

from pyk8s_server.apiserver.interfaces import Attributes

Json = dict[str, Any]


class Plugin:
    """An admission plugin that admits everything unchanged."""

    name = ""
    resources: frozenset[str] = frozenset()
    """Qualified names of the resources it looks at; empty: all."""

    async def admit(self, attributes: Attributes) -> None:
        """Mutate ``attributes.obj`` in place."""

    async def validate(self, attributes: Attributes) -> None:
        """Refuse by raising a StatusError."""


def resource(group: str, version: str, plural: str) -> Resource:
    """The built-in resource of that name; it must exist."""
    found = find(group, version, plural)
    assert found is not None, f"{plural}.{group} is a built-in resource"
    return found


def refused(attributes: Attributes, why: str) -> StatusError:
    """403 Forbidden on the object of the request."""
    meta = (attributes.obj or {}).get("metadata", {})
    name = attributes.name or meta.get("name") or meta.get("generateName") or ""
    return status.forbidden(attributes.resource.group, attributes.resource.plural, name, why)


def is_write_of(attributes: Attributes, plural: str, group: str = "") -> bool:
    """Whether the request creates or updates an object of this resource itself, not a subresource."""
    return (
        attributes.resource.plural == plural
        and attributes.resource.group == group
        and not attributes.subresource
        and attributes.operation in ("CREATE", "UPDATE")
    )


def is_create_of(attributes: Attributes, plural: str, group: str = "") -> bool:
    return attributes.operation == "CREATE" and is_write_of(attributes, plural, group)


def newest_default(objects: list[Json], annotation: str) -> Json | None:
    """Among objects whose ``annotation`` is "true" the one created last; of equals the first by name."""
    defaults = [o for o in objects if (o["metadata"].get("annotations") or {}).get(annotation) == "true"]
    defaults.sort(key=lambda o: str(o["metadata"]["name"]))
    return max(defaults, key=lambda o: str(o["metadata"].get("creationTimestamp", "")), default=None)
