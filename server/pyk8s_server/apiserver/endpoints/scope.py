"""Scopes: what the verbs need to know of each served resource, put together once.

Always true: a scope is made from tables and strategies alone; no verb looks anything up by name during a request.
Not here: the state of a request (see `call`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pyk8s.api.resources import Resource, find
from pyk8s.api.tables import table

from pyk8s_server.apiserver.interfaces import Lifecycle, Printer, Strategy
from pyk8s_server.apiserver.registry import conversion, lifecycle_for, printers, strategy_for
from pyk8s_server.apiserver.storage import fields
from pyk8s_server.apiserver.storage.keys import prefix_of

Json = dict[str, Any]

EVENT_TTL_S = 3600.0
"""kube-apiserver's --event-ttl."""


@dataclass(slots=True)
class ResourceScope:
    """One served resource: its storage, strategies and texts."""

    resource: Resource
    stored: Resource
    """The resource in the version it is stored as; `resource` itself for nearly all kinds."""
    prefix: str
    ttl_s: float
    is_stored: bool
    """False for reviews and other kinds that are only created, never kept."""
    returns_object_on_delete: bool
    orphans_by_default: bool
    """Dependents stay when a delete names no propagation policy, as those of jobs do."""
    field_labels: dict[str, str]
    lifecycle: Lifecycle | None
    convert: conversion.Conversion | None
    list_head: str
    deprecation: str = ""
    strategies: dict[str, Strategy] = field(default_factory=dict)

    def key(self, namespace: str, name: str) -> str:
        return f"{self.prefix}{namespace}/{name}" if self.resource.namespaced else self.prefix + name

    def range(self, namespace: str) -> str:
        """Key prefix of a list: one namespace's objects, or all."""
        return f"{self.prefix}{namespace}/" if namespace and self.resource.namespaced else self.prefix

    def strategy(self, subresource: str = "") -> Strategy:
        """How writes to the object or one of its subresources are done; of the stored version."""
        found = self.strategies.get(subresource)
        if found is None:
            found = self.strategies[subresource] = strategy_for(self.stored, subresource)
        return found

    @property
    def printer(self) -> Printer | None:
        return printers.printer_for(self.resource)


ENDPOINTS_DEPRECATION = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
COMPONENTSTATUS_DEPRECATION = "v1 ComponentStatus is deprecated in v1.19+"
DEPRECATIONS = {"endpoints": ENDPOINTS_DEPRECATION, "componentstatuses": COMPONENTSTATUS_DEPRECATION}


def scope_of(resource: Resource) -> ResourceScope:
    """Make the scope of one resource of the table."""
    stored = conversion.stored_version(resource)
    entry = _names().get((resource.group, resource.version, resource.plural), {})
    head = f'{{"kind":"{resource.kind}List","apiVersion":"{resource.api_version}","metadata":{{"resourceVersion":"'
    return ResourceScope(
        resource=resource,
        stored=stored,
        prefix=prefix_of(stored),
        ttl_s=EVENT_TTL_S if stored.qualified == "events" else 0.0,
        is_stored="get" in resource.verbs,
        returns_object_on_delete=entry.get("deleteReturnsObject", False),
        orphans_by_default=entry.get("defaultGC") == "orphan",
        field_labels=fields.labels_of(resource),
        lifecycle=lifecycle_for(stored),
        convert=conversion.conversion_of(resource),
        list_head=head,
        deprecation=DEPRECATIONS.get(resource.qualified, ""),
    )


@cache
def _names() -> dict[tuple[str, str, str], Json]:
    return {(e["group"], e["version"], e["resource"]): e for e in table("names")["kinds"]}


class Scopes:
    """The served resources by path; scopes are made on first use."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[str, str, str], ResourceScope | None] = {}

    def find(self, group: str, version: str, plural: str) -> ResourceScope | None:
        key = (group, version, plural)
        found = self._scopes.get(key)
        if found is None:
            resource = find(group, version, plural)
            if resource is None:
                return None
            found = self._scopes[key] = scope_of(resource)
        return found

    def of(self, resource: Resource) -> ResourceScope:
        """The scope of a resource of the table."""
        found = self.find(resource.group, resource.version, resource.plural)
        assert found is not None, "every resource of the table has a scope"
        return found
