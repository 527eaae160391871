"""The table of built-in resources: names, kinds, verbs, subresources, in discovery order.

Always true: one entry per (group, version, plural); the table is data, so nothing here knows any single kind.
Not here: custom resources.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pyk8s.api.tables import table


@dataclass(frozen=True, slots=True)
class Subresource:
    """``pods/eviction`` and the like; group, version and kind are those of its own body."""

    name: str
    kind: str
    group: str
    version: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """One built-in resource of one group version."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    short_names: tuple[str, ...]
    namespaced: bool
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    storage_version_hash: str
    subresources: tuple[Subresource, ...]

    @property
    def api_version(self) -> str:
        """``apps/v1``; ``v1`` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def gvk(self) -> str:
        """The kind as `Scheme` names it: ``apps/v1/Deployment``, ``v1/Pod``."""
        return f"{self.api_version}/{self.kind}"

    @property
    def qualified(self) -> str:
        """``deployments.apps``; ``pods`` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def subresource(self, name: str) -> Subresource | None:
        return next((sub for sub in self.subresources if sub.name == name), None)

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, object or subresource; ``namespace`` None: across namespaces."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        return "/".join(part for part in (*parts, name, subresource) if part)


def _resource(entry: dict[str, Any]) -> Resource:
    subs = tuple(
        Subresource(
            s["name"].rsplit("/", 1)[-1],
            s["kind"],
            s.get("group", entry["group"]),
            s.get("version", entry["version"]),
            tuple(s["verbs"]),
        )
        for s in entry["subresources"]
    )
    return Resource(
        entry["group"],
        entry["version"],
        entry["plural"],
        entry["singular"],
        entry["kind"],
        tuple(entry["shortNames"]),
        entry["namespaced"],
        tuple(entry["categories"]),
        tuple(entry["verbs"]),
        entry["storageVersionHash"] or "",
        subs,
    )


GROUP_ORDER = (
    "", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
    "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
    "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
    "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io",
)  # fmt: skip
"""Groups by priority, as discovery lists them: the first to know a name wins it."""


@cache
def resources() -> tuple[Resource, ...]:
    """All built-in resources served by default, in discovery order: by group priority, newest version first."""
    found = [_resource(entry) for entry in table("api-resources")]
    newest_first = sorted(found, key=lambda r: r.version, reverse=True)
    return tuple(sorted(newest_first, key=lambda r: GROUP_ORDER.index(r.group)))


@cache
def _by_path() -> dict[tuple[str, str, str], Resource]:
    return {(r.group, r.version, r.plural): r for r in resources()}


def find(group: str, version: str, plural: str) -> Resource | None:
    return _by_path().get((group, version, plural))


def by_kind(api_version: str, kind: str) -> Resource | None:
    """The resource of an object's apiVersion and kind."""
    return next((r for r in resources() if r.kind == kind and r.api_version == api_version), None)


def named(text: str) -> Resource | None:
    """The resource a user means by ``pods``, ``po``, ``Pod``, ``deployments.apps`` or ``deployment``; first wins."""
    name, _, group = text.partition(".")
    lowered = name.lower()
    for r in resources():
        if group and group not in (r.group, f"{r.version}.{r.group}"):
            continue
        if lowered in (r.plural, r.singular, *r.short_names) or name == r.kind:
            return r
    return None
