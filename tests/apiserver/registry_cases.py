"""Contexts and stored objects for tests of strategies and admission plugins.

Not here: any claim (see the test modules).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pyk8s.api.clock import VirtualClock
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource, find
from pyk8s_server.apiserver.interfaces import Attributes, Context, RequestInfo

Json = dict[str, Any]


class StoredObjects:
    """A `Reader` over objects held in a dict by (plural, namespace, name)."""

    def __init__(self, objects: Iterable[tuple[Resource, Json]] = ()) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        for resource, obj in objects:
            self.put(resource, obj)

    def put(self, resource: Resource, obj: Json) -> None:
        meta = obj["metadata"]
        self.objects[(resource.plural, meta.get("namespace", ""), meta["name"])] = obj

    def get(self, resource: Resource, name: str, namespace: str = "") -> Json | None:
        return self.objects.get((resource.plural, namespace, name))

    def list(self, resource: Resource, namespace: str = "", labels: str = "", fields: str = "") -> Iterable[Json]:
        return [
            obj
            for (plural, ns, _), obj in self.objects.items()
            if plural == resource.plural and (not namespace or ns == namespace)
        ]


def resource_of(plural: str, group: str = "", version: str = "v1") -> Resource:
    found = find(group, version, plural)
    assert found is not None
    return found


def context(reader: StoredObjects | None = None) -> Context:
    info = RequestInfo(is_resource=True, path="/", verb="create")
    user = UserInfo("admin", ("system:masters",))
    return Context(info, user, VirtualClock(), Identity(seed=1), reader or StoredObjects())


def attributes(
    operation: Any, resource: Resource, obj: Json | None, *, reader: StoredObjects, old: Json | None = None
) -> Attributes:
    meta = (obj or old or {}).get("metadata", {})
    return Attributes(
        operation, resource, "", meta.get("namespace", ""), meta.get("name", ""), obj, old, {}, context(reader)
    )


def copied(obj: Json) -> Json:
    """An independent copy."""
    result: Json = json.loads(json.dumps(obj))
    return result
