"""Containers of all three kinds: names, images, ports, mounts, devices, policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, not_found, required, too_many

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import (
    choice,
    local_path,
    required_choice,
    required_format,
)
from pyk8s_server.apiserver.registry.validation.environment import (
    validate_environment,
    validate_environment_sources,
)
from pyk8s_server.apiserver.registry.validation.probes import validate_lifecycle, validate_probes
from pyk8s_server.apiserver.registry.validation.resources import validate_requirements, validate_resize_policy
from pyk8s_server.apiserver.registry.validation.security import validate_container_security

Json = dict[str, Any]

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
PROTOCOLS = ("SCTP", "TCP", "UDP")
CONTAINER_RESTART_POLICIES = ("Always", "Never", "OnFailure")
RESTART_RULES_MAX = 20
EXIT_CODES_MAX = 255
SIDECAR_ONLY = "may not be set for init containers without restartPolicy=Always"
SIDECAR_FIELDS = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
READ_ONLY_MODES = ("Disabled", "Enabled", "IfPossible")
BLOCK_SOURCES = ("persistentVolumeClaim", "ephemeral")
NOT_FOR_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources")


@dataclass(slots=True)
class PodFacts:
    """What the rules of one container need to know of its pod."""

    volumes: dict[str, Json]
    claim_names: frozenset[str] = frozenset()
    grace_s: int = 0
    restart_policy: str = "Always"
    has_host_users: bool = True
    names: set[str] = field(default_factory=set)


def validate_containers(path: str, containers: list[Json], pod: PodFacts) -> list[FieldError]:
    if not containers:
        return [required(path)]
    errors: list[FieldError] = []
    for i, container in enumerate(containers):
        where = f"{path}[{i}]"
        errors += _common(where, container, pod)
        errors += _unique_name(where, container, pod.names)
        if container.get("lifecycle"):
            errors += validate_lifecycle(f"{where}.lifecycle", container["lifecycle"], pod.grace_s)
        errors += validate_probes(where, container, pod.grace_s)
        errors += _restart_policy(where, container)
    errors += host_port_conflicts(path, containers)
    return errors


def validate_init_containers(path: str, containers: list[Json], pod: PodFacts) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, container in enumerate(containers):
        where = f"{path}[{i}]"
        errors += _common(where, container, pod)
        errors += _restart_policy(where, container)
        errors += _unique_name(where, container, pod.names)
        errors += host_port_conflicts(path, [container])
        if container.get("restartPolicy") == "Always":
            if container.get("lifecycle"):
                errors += validate_lifecycle(f"{where}.lifecycle", container["lifecycle"], pod.grace_s)
            errors += validate_probes(where, container, pod.grace_s)
            continue
        errors += (
            forbidden(f"{where}.{name}", SIDECAR_ONLY) for name in SIDECAR_FIELDS if container.get(name) is not None
        )
        if policies := container.get("resizePolicy"):
            errors.append(invalid(f"{where}.resizePolicy", policies, "must not be set for init containers"))
    return errors


def validate_ephemeral_containers(
    path: str, containers: list[Json], pod: PodFacts, target_names: set[str]
) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, container in enumerate(containers):
        where = f"{path}[{i}]"
        errors += _common(where, container, pod)
        errors += _unique_name(where, container, pod.names)
        target = container.get("targetContainerName")
        if target and target not in target_names:
            errors.append(not_found(f"{where}.targetContainerName", target))
        errors += (
            forbidden(f"{where}.{name}", "cannot be set for an Ephemeral Container")
            for name in NOT_FOR_EPHEMERAL
            if container.get(name)
        )
        for j, mount in enumerate(container.get("volumeMounts") or ()):
            errors += (
                forbidden(f"{where}.volumeMounts[{j}].{name}", "cannot be set for an Ephemeral Container")
                for name in ("subPath", "subPathExpr")
                if mount.get(name)
            )
    return errors


def _unique_name(path: str, container: Json, names: set[str]) -> list[FieldError]:
    name = container.get("name", "")
    if name in names:
        return [duplicate(f"{path}.name", name)]
    if name:
        names.add(name)
    return []


def _common(path: str, container: Json, pod: PodFacts) -> list[FieldError]:
    """Rules of every container, in the order in which kube-apiserver reports them."""
    name = container.get("name")
    errors: list[FieldError] = []
    # Nearly every container passes: say what is wrong, and where, only once something is.
    if not name or formats.dns_label(name):
        errors += required_format(f"{path}.name", name, formats.dns_label)
    if not container.get("image"):
        errors.append(required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy")
    if policy not in MESSAGE_POLICIES:
        errors += required_choice(f"{path}.terminationMessagePolicy", policy, MESSAGE_POLICIES)
    if ports := container.get("ports"):
        errors += _ports(f"{path}.ports", ports)
    if variables := container.get("env"):
        errors += validate_environment(f"{path}.env", variables)
    if sources := container.get("envFrom"):
        errors += validate_environment_sources(f"{path}.envFrom", sources)
    if container.get("volumeMounts"):
        errors += _mounts(f"{path}.volumeMounts", container, pod)
    if container.get("volumeDevices"):
        errors += _devices(f"{path}.volumeDevices", container, pod)
    policy = container.get("imagePullPolicy")
    if policy not in PULL_POLICIES:
        errors += required_choice(f"{path}.imagePullPolicy", policy, PULL_POLICIES)
    if resources := container.get("resources"):
        errors += validate_requirements(f"{path}.resources", resources, pod.claim_names)
    if policies := container.get("resizePolicy"):
        errors += validate_resize_policy(f"{path}.resizePolicy", policies, pod.restart_policy)
    if context := container.get("securityContext"):
        errors += validate_container_security(f"{path}.securityContext", context, has_host_users=pod.has_host_users)
    return errors


def _ports(path: str, ports: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for i, port in enumerate(ports):
        where = f"{path}[{i}]"
        if name := port.get("name"):
            errors += _port_name(f"{where}.name", name, names)
        number = port.get("containerPort", 0)
        if number == 0:
            errors.append(required(f"{where}.containerPort"))
        elif messages := formats.port_number(number):
            errors += (invalid(f"{where}.containerPort", number, m) for m in messages)
        if host := port.get("hostPort"):
            errors += (invalid(f"{where}.hostPort", host, m) for m in formats.port_number(host))
        protocol = port.get("protocol")
        if protocol not in PROTOCOLS:
            errors += required_choice(f"{where}.protocol", protocol, PROTOCOLS)
    return errors


def _port_name(path: str, name: str, names: set[str]) -> list[FieldError]:
    messages = formats.port_name(name)
    if messages:
        return [invalid(path, name, m) for m in messages]
    if name in names:
        return [duplicate(path, name)]
    names.add(name)
    return []


def host_port_conflicts(path: str, containers: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    taken: set[str] = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort", 0)
            if not host:
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{host}"
            if key in taken:
                errors.append(duplicate(f"{path}[{i}].ports[{j}].hostPort", key))
            taken.add(key)
    return errors


def _mounts(path: str, container: Json, pod: PodFacts) -> list[FieldError]:
    errors: list[FieldError] = []
    devices = container.get("volumeDevices") or ()
    device_names = {d.get("name") for d in devices}
    device_paths = {d.get("devicePath") for d in devices}
    paths: set[str] = set()
    for i, mount in enumerate(container["volumeMounts"]):
        where, name, mount_path = f"{path}[{i}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            errors.append(required(f"{where}.name"))
        if name not in pod.volumes:
            errors.append(not_found(f"{where}.name", name))
        if not mount_path:
            errors.append(required(f"{where}.mountPath"))
        if mount_path in paths:
            errors.append(invalid(f"{where}.mountPath", mount_path, "must be unique"))
        paths.add(mount_path)
        if name in device_names:
            errors.append(invalid(f"{where}.name", name, "must not already exist in volumeDevices"))
        if mount_path in device_paths:
            errors.append(
                invalid(f"{where}.mountPath", mount_path, "must not already exist as a path in volumeDevices")
            )
        errors += _mount_options(path, where, mount, container)
    return errors


def _mount_options(path: str, where: str, mount: Json, container: Json) -> list[FieldError]:
    """Options are reported at the list, without the mount's index, as kube-apiserver does."""
    errors: list[FieldError] = []
    sub_path, expression = mount.get("subPath"), mount.get("subPathExpr")
    if sub_path:
        errors += local_path(f"{path}.subPath", sub_path)
    if expression:
        if sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            errors.append(invalid(f"{where}.subPathExpr", expression, detail))
        errors += local_path(f"{path}.subPathExpr", expression)
    propagation = mount.get("mountPropagation")
    if propagation is not None:
        errors += choice(f"{path}.mountPropagation", propagation, PROPAGATIONS)
        is_privileged = bool((container.get("securityContext") or {}).get("privileged"))
        if propagation == "Bidirectional" and not is_privileged:
            detail = "Bidirectional mount propagation is available only to privileged containers"
            errors.append(forbidden(f"{path}.mountPropagation", detail))
    if mode := mount.get("recursiveReadOnly"):
        errors += _recursive_read_only(f"{path}.recursiveReadOnly", mode, mount)
    return errors


def _recursive_read_only(path: str, mode: str, mount: Json) -> list[FieldError]:
    if mode not in READ_ONLY_MODES:
        return choice(path, mode, READ_ONLY_MODES)
    errors: list[FieldError] = []
    if mode != "Disabled":
        if not mount.get("readOnly"):
            errors.append(forbidden(path, "may only be specified when readOnly is true"))
        if mount.get("mountPropagation") not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            errors.append(forbidden(path, detail))
    return errors


def _devices(path: str, container: Json, pod: PodFacts) -> list[FieldError]:
    errors: list[FieldError] = []
    mounts = container.get("volumeMounts") or ()
    mount_names, mount_paths = {m.get("name") for m in mounts}, {m.get("mountPath") for m in mounts}
    names: set[str] = set()
    paths: set[str] = set()
    for i, device in enumerate(container["volumeDevices"]):
        where, name, device_path = f"{path}[{i}]", device.get("name", ""), device.get("devicePath", "")
        errors += _device_name(f"{where}.name", name, pod, names)
        if not device_path:
            errors.append(required(f"{where}.devicePath"))
        if device_path in paths:
            errors.append(invalid(f"{where}.devicePath", device_path, "must be unique"))
        if ".." in device_path.split("/"):
            errors.append(invalid(f"{where}.devicePath", device_path, "can not contain backsteps ('..')"))
        paths.add(device_path)
        if name in mount_names:
            errors.append(invalid(f"{where}.name", name, "must not already exist in volumeMounts"))
        if device_path in mount_paths:
            detail = "must not already exist as a path in volumeMounts"
            errors.append(invalid(f"{where}.devicePath", device_path, detail))
    return errors


def _device_name(path: str, name: str, pod: PodFacts, names: set[str]) -> list[FieldError]:
    errors = [] if name else [required(path)]
    if name in names:
        errors.append(invalid(path, name, "must be unique"))
    names.add(name)
    volume = pod.volumes.get(name)
    if volume is None:
        errors.append(not_found(path, name))
    elif not any(volume.get(source) for source in BLOCK_SOURCES):
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        errors.append(invalid(path, name, detail))
    return errors


def _restart_policy(path: str, container: Json) -> list[FieldError]:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    errors: list[FieldError] = []
    if policy is not None:
        errors += choice(f"{path}.restartPolicy", policy, CONTAINER_RESTART_POLICIES)
    if not rules:
        return errors
    if policy is None:
        detail = "must specify restartPolicy when restart rules are used"
        errors.append(required(f"{path}.restartPolicy", detail))
    if len(rules) > RESTART_RULES_MAX:
        errors.append(too_many(f"{path}.restartPolicyRules", len(rules), RESTART_RULES_MAX))
    for i, rule in enumerate(rules):
        errors += _restart_rule(f"{path}.restartPolicyRules[{i}]", rule)
    return errors


def _restart_rule(path: str, rule: Json) -> list[FieldError]:
    errors = choice(f"{path}.action", rule.get("action", ""), ("Restart", "RestartAllContainers"))
    codes = rule.get("exitCodes")
    if codes is None:
        return [*errors, required(f"{path}.exitCodes", "must be specified")]
    errors += choice(f"{path}.exitCodes.operator", codes.get("operator", ""), ("In", "NotIn"))
    if len(codes.get("values") or ()) > EXIT_CODES_MAX:
        errors.append(too_many(f"{path}.exitCodes.values", len(codes["values"]), EXIT_CODES_MAX))
    return errors


def validate_images(path: str, containers: list[Json]) -> list[FieldError]:
    """Images of pods, not of templates, may not have spaces around them."""
    detail = "must not have leading or trailing whitespace"
    return [
        invalid(f"{path}[{i}].image", image, detail)
        for i, container in enumerate(containers)
        if (image := container.get("image", "")) != image.strip()
    ]
