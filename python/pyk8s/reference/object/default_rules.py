"""The defaulting rules that no table can say: each a few lines, named in the program as ``{"do": NAME}``.

Always true: as all defaults, a rule only fills what is unset; but ``round-quantities`` and ``string-data`` rewrite.
Not here: walking to the object a rule is for (see `default`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyk8s.api.quantity import Quantity, QuantityError
from pyk8s.reference.object import base64
from pyk8s.reference.object.image import pull_policy
from pyk8s.reference.object.json import Number
from pyk8s.reference.object.message import Message, sorted_map
from pyk8s.reference.object.pod_resources import container_limits, container_requests

Object = dict[str, Any]

MILLI = -3
"""The finest amount a resource list keeps."""

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def run(op: dict[str, Any], message: Message | None, target: Object) -> None:
    """Apply the rule that ``op`` names to one object; ``message`` is None when that is a resource list."""
    if op["do"] == "round-quantities":
        round_quantities(target)
    elif message is not None:
        RULES[op["do"]](op, message, target)


def is_empty(value: Any) -> bool:
    """Go's zero value of a field that is no pointer."""
    return float(value.text) == 0 if isinstance(value, Number) else not value


def is_filled(target: Object, field: str) -> bool:
    return not is_empty(target.get(field))


def text(target: Object, field: str) -> str:
    value = target.get(field)
    return value if isinstance(value, str) else ""


def fill(message: Message, target: Object, field: str, value: Any) -> None:
    if not is_filled(target, field):
        message.insert(target, field, value)


def round_quantities(target: Object) -> None:
    for name, amount in target.items():
        # Canonical text is finer than a thousandth only with one of these suffixes.
        if not isinstance(amount, str) or not (amount.endswith(("n", "u")) or "e-" in amount):
            continue
        try:
            target[name] = str(Quantity.parse(amount).rounded_up(MILLI))
        except QuantityError:
            continue


def missing(source: Any, target: Any, is_wanted: Callable[[str], bool] = lambda name: True) -> Object:
    """The entries of ``source`` that ``target`` lacks."""
    present = target if isinstance(target, dict) else {}
    entries = source.items() if isinstance(source, dict) else ()
    return {name: value for name, value in entries if is_wanted(name) and name not in present}


def add(message: Message, target: Object, field: str, entries: Object) -> None:
    """Add entries to a map, which stays sorted and is created if there is something to add."""
    if not entries:
        return
    fill(message, target, field, {})
    if isinstance(target[field], dict):
        target[field] = sorted_map((target[field] | entries).items())


def fill_quantities(op: dict[str, Any], message: Message, target: Object) -> None:
    source, field = op.get("from", "limits"), op.get("to", "requests")
    add(message, target, field, missing(target.get(source), target.get(field)))


def pull_policy_rule(op: dict[str, Any], message: Message, target: Object) -> None:
    fill(message, target, op["policy"], pull_policy(text(target, op["image"])))


def empty_dir(_: dict[str, Any], message: Message, volume: Object) -> None:
    if all(key == "name" for key in volume):
        message.insert(volume, "emptyDir", {})


def target_port(_: dict[str, Any], message: Message, port: Object) -> None:
    if "port" in port:
        fill(message, port, "targetPort", port["port"])


def ip_mode(_: dict[str, Any], message: Message, ingress: Object) -> None:
    if is_filled(ingress, "ip"):
        fill(message, ingress, "ipMode", "VIP")


def host_port(_: dict[str, Any], message: Message, port: Object) -> None:
    if "containerPort" in port:
        fill(message, port, "hostPort", port["containerPort"])


def pod_level_limits(_: dict[str, Any], message: Message, spec: Object) -> None:
    """``spec.resources.limits`` takes huge pages from the containers when the pod says anything about resources."""
    resources = spec.get("resources")
    if not isinstance(resources, dict) or not (is_filled(resources, "limits") or is_filled(resources, "requests")):
        return
    entries = missing(container_limits(spec), resources.get("limits"), lambda name: name.startswith("hugepages-"))
    _add_pod_level(resources, "limits", missing(entries, resources.get("requests")))


def pod_level_requests(_: dict[str, Any], message: Message, spec: Object) -> None:
    """``spec.resources.requests`` takes cpu and memory from the containers, the rest from the limits."""
    resources = spec.get("resources")
    if not isinstance(resources, dict) or not is_filled(resources, "limits"):
        return
    requests = resources.get("requests")
    from_containers = missing(container_requests(spec), requests, lambda name: name in ("cpu", "memory"))
    from_limits = missing(resources["limits"], requests, _is_pod_level)
    _add_pod_level(resources, "requests", from_limits | from_containers)


def _is_pod_level(name: str) -> bool:
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def _add_pod_level(resources: Object, field: str, entries: Object) -> None:
    if not entries:
        return
    if is_filled(resources, field):
        resources[field] = sorted_map((resources[field] | entries).items())
        return
    others = {name: value for name, value in resources.items() if name != field}
    limits = {name: others.pop(name) for name in ("limits",) if name in others and field == "requests"}
    resources.clear()
    resources.update(limits | {field: sorted_map(entries.items())} | others)


def namespace_label(_: dict[str, Any], message: Message, metadata: Object) -> None:
    if is_filled(metadata, "name"):
        add(message, metadata, "labels", {NAMESPACE_LABEL: text(metadata, "name")})


def string_data(_: dict[str, Any], message: Message, secret: Object) -> None:
    """A secret's ``stringData`` is written into ``data``, over what stands there, and not kept."""
    strings = secret.pop("stringData", None)
    if isinstance(strings, dict):
        fill(message, secret, "data", {})
        encoded = {
            key: base64.encode(value.encode() if isinstance(value, str) else b"") for key, value in strings.items()
        }
        add(message, secret, "data", encoded)


def stored_versions(_: dict[str, Any], message: Message, definition: Object) -> None:
    """A new custom resource definition has stored nothing but its storage version."""
    spec, status = definition.get("spec"), definition.get("status")
    versions = spec.get("versions") if isinstance(spec, dict) else None
    for version in versions if isinstance(versions, list) else ():
        if isinstance(version, dict) and version.get("storage") is True and "name" in version:
            if isinstance(status, dict) and not is_filled(status, "storedVersions"):
                status["storedVersions"] = [version["name"]]
            return


def singular_name(_: dict[str, Any], message: Message, names: Object) -> None:
    fill(message, names, "singular", text(names, "kind").lower())


def list_kind(_: dict[str, Any], message: Message, names: Object) -> None:
    if is_filled(names, "kind"):
        fill(message, names, "listKind", text(names, "kind") + "List")


RULES: dict[str, Callable[[dict[str, Any], Message, Object], None]] = {
    "fill-quantities": fill_quantities,
    "requests-from-limits": fill_quantities,
    "pull-policy": pull_policy_rule,
    "empty-dir": empty_dir,
    "target-port": target_port,
    "ip-mode": ip_mode,
    "host-port": host_port,
    "pod-level-limits": pod_level_limits,
    "pod-level-requests": pod_level_requests,
    "namespace-label": namespace_label,
    "string-data": string_data,
    "stored-versions": stored_versions,
    "singular-name": singular_name,
    "list-kind": list_kind,
}
