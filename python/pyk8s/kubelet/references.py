"""The ConfigMaps and Secrets a pod cannot start without, and which of them are missing.

Always true: optional references are never missing. What volumes need comes before what environments need, as in a
kubelet: volumes are mounted before any container is made.
Not here: watching them (see `object_keys`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Keys = frozenset[str]


@dataclass(frozen=True, slots=True)
class Reference:
    kind: str
    """ConfigMap or Secret."""
    name: str
    volume: str = ""
    """The volume that needs it, "" for an environment."""
    container: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    reference: Reference
    message: str
    """The kubelet's words."""


def references(pod: Json) -> Iterator[Reference]:
    """Every reference that is not optional, volumes first."""
    spec = pod["spec"]
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume)
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        yield from _of_container(container)


def _of_volume(volume: Json) -> Iterator[Reference]:
    sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    for source in sources:
        for kind, part in (("ConfigMap", source.get("configMap")), ("Secret", source.get("secret"))):
            if part is not None and not part.get("optional"):
                name = part.get("name") or part.get("secretName") or ""
                items = part.get("items") or ()
                if not items:
                    yield Reference(kind, name, volume=volume["name"])
                for item in items:
                    yield Reference(kind, name, volume=volume["name"], key=item["key"])


def _of_container(container: Json) -> Iterator[Reference]:
    for source in container.get("envFrom") or ():
        for kind, part in (("ConfigMap", source.get("configMapRef")), ("Secret", source.get("secretRef"))):
            if part is not None and not part.get("optional"):
                yield Reference(kind, part.get("name") or "", container=container["name"])
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        for kind, part in (("ConfigMap", source.get("configMapKeyRef")), ("Secret", source.get("secretKeyRef"))):
            if part is not None and not part.get("optional"):
                yield Reference(kind, part.get("name") or "", container=container["name"], key=part.get("key") or "")


def first_missing(pod: Json, keys_of: Callable[[str, str, str], Keys | None]) -> Missing | None:
    """The first reference that cannot be resolved; ``keys_of`` (kind, namespace, name) gives an object's keys."""
    namespace = pod["metadata"]["namespace"]
    for reference in references(pod):
        keys = keys_of(reference.kind, namespace, reference.name)
        if keys is None:
            return Missing(reference, f'{reference.kind.lower()} "{reference.name}" not found')
        if reference.key and reference.key not in keys:
            return Missing(reference, _key_message(reference, namespace))
    return None


def _key_message(reference: Reference, namespace: str) -> str:
    if reference.volume:
        return f"references non-existent {reference.kind.lower()} key: {reference.key}"
    return f"couldn't find key {reference.key} in {reference.kind} {namespace}/{reference.name}"
