"""Warnings about pods and their templates: what is accepted, but is probably not meant.

Always true: a warning names the path and never refuses anything.
"""

from __future__ import annotations

from typing import Any

from pyk8s.api.quantity import NANO, Quantity

from pyk8s_server.apiserver.registry.validation import formats

Json = dict[str, Any]

HOSTNAME = (
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior;"
    " a DNS label is recommended"
)
NODE_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
BYTES = frozenset({"memory", "ephemeral-storage"})
REMOVED_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
}


def pod_warnings(pod: Json) -> list[str]:
    """Warnings of a pod: those of its name, then those of its spec."""
    name = pod["metadata"].get("name") or ""
    warnings = []
    if name and (messages := formats.dns_label(name)):
        warnings.append(f"{HOSTNAME}: [{' '.join(messages)}]")
    return warnings + spec_warnings("spec", pod.get("spec") or {})


def spec_warnings(path: str, spec: Json) -> list[str]:
    warnings = [
        f"{path}.nodeSelector[{key}]: {NODE_LABELS[key]}"
        for key in spec.get("nodeSelector") or ()
        if key in NODE_LABELS
    ]
    for i, alias in enumerate(spec.get("imagePullSecrets") or ()):
        if not alias.get("name"):
            warnings.append(f'{path}.imagePullSecrets[{i}].name: invalid empty name ""')
    for i, volume in enumerate(spec.get("volumes") or ()):
        warnings += (
            f"{path}.volumes[{i}].{source}: {text}"
            for source, text in REMOVED_VOLUMES.items()
            if volume.get(source) is not None
        )
    for kind in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(kind) or ()):
            warnings += _container_warnings(f"{path}.{kind}[{i}]", container)
    return warnings


def _container_warnings(path: str, container: Json) -> list[str]:
    warnings: list[str] = []
    for side in ("limits", "requests"):
        for name, value in ((container.get("resources") or {}).get(side) or {}).items():
            if name in BYTES and Quantity.of(value).nano % NANO:
                text = f'fractional byte value "{value}" is invalid, must be an integer'
                warnings.append(f"{path}.resources.{side}[{name}]: {text}")
    warnings += _repeated_variables(path, container)
    warnings += _repeated_ports(path, container)
    return warnings


def _repeated_variables(path: str, container: Json) -> list[str]:
    warnings: list[str] = []
    seen: dict[str, int] = {}
    for i, variable in enumerate(container.get("env") or ()):
        name = variable.get("name", "")
        if name in seen and "$(" not in (variable.get("value") or ""):
            warnings.append(f'{path}.env[{i}]: hides previous definition of "{name}", which may be unintended')
        seen.setdefault(name, i)
    return warnings


def _repeated_ports(path: str, container: Json) -> list[str]:
    warnings: list[str] = []
    seen: dict[tuple[Any, ...], int] = {}
    for i, port in enumerate(container.get("ports") or ()):
        key = (port.get("protocol"), port.get("containerPort"), port.get("hostPort", 0), port.get("hostIP", ""))
        if key in seen:
            first = f"{path}.ports[{seen[key]}]"
            warnings.append(f"{path}.ports[{i}]: duplicate port definition with {first}")
        seen.setdefault(key, i)
    return warnings
