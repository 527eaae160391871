"""Security contexts of containers and pods."""

from __future__ import annotations

import re
from typing import Any

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required, too_long

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, local_path

Json = dict[str, Any]

PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
PROFILE_PATH_BYTES_MAX = 4095
SYSCTL_NAME_BYTES_MAX = 253
SYSCTL = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
CONTAINER_CONTEXT = "k8s.io.api.core.v1.SecurityContext"
LINUX_ONLY = "cannot be set for a windows pod"
NO_ESCALATION = "cannot set `allowPrivilegeEscalation` to false and"
_sysctl = re.compile(SYSCTL).match


def validate_container_security(path: str, context: Json, *, has_host_users: bool) -> list[FieldError]:
    errors = _identifiers(path, context, ("runAsUser", "runAsGroup"))
    if proc_mount := context.get("procMount"):
        errors += choice(f"{path}.procMount", proc_mount, ("Default", "Unmasked"))
        if has_host_users and proc_mount == "Unmasked":
            errors.append(invalid(f"{path}.procMount", proc_mount, "`hostUsers` must be false to use `Unmasked`"))
    errors += _seccomp(f"{path}.seccompProfile", context.get("seccompProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        errors += _escalation(path, context)
    errors += validate_windows_options(f"{path}.windowsOptions", context.get("windowsOptions"))
    errors += _app_armor(f"{path}.appArmorProfile", context.get("appArmorProfile"))
    return errors


def _escalation(path: str, context: Json) -> list[FieldError]:
    shown = internal_form(CONTAINER_CONTEXT, context)
    errors: list[FieldError] = []
    if context.get("privileged"):
        errors.append(invalid(path, shown, f"{NO_ESCALATION} `privileged` to true"))
    if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
        errors.append(invalid(path, shown, f"{NO_ESCALATION} `capabilities.Add` CAP_SYS_ADMIN"))
    return errors


def _identifiers(path: str, context: Json, names: tuple[str, ...]) -> list[FieldError]:
    return [
        invalid(f"{path}.{name}", context[name], m)
        for name in names
        if context.get(name) is not None
        for m in formats.identifier(context[name])
    ]


def _seccomp(path: str, profile: Json | None) -> list[FieldError]:
    if profile is None:
        return []
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    errors: list[FieldError] = []
    if kind == "Localhost":
        if local is None:
            errors.append(required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost"))
        else:
            errors += local_path(f"{path}.localhostProfile", local)
    elif local is not None:
        detail = "can only be set when seccomp type is Localhost"
        errors.append(invalid(f"{path}.localhostProfile", local, detail))
    if not kind:
        errors.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    else:
        errors += choice(f"{path}.type", kind, PROFILE_TYPES)
    return errors


def _app_armor(path: str, profile: Json | None) -> list[FieldError]:
    if profile is None:
        return []
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    errors: list[FieldError] = []
    where = f"{path}.localhostProfile"
    if kind == "Localhost":
        errors += _app_armor_local(where, local)
    elif local is not None:
        errors.append(invalid(where, local, "can only be set when AppArmor type is Localhost"))
    if not kind:
        errors.append(required(f"{path}.type", "type is required when appArmorProfile is set"))
    else:
        errors += choice(f"{path}.type", kind, PROFILE_TYPES)
    return errors


def _app_armor_local(path: str, local: str | None) -> list[FieldError]:
    if local is None:
        return [required(path, "must be set when AppArmor type is Localhost")]
    errors: list[FieldError] = []
    if local.strip() != local:
        errors.append(invalid(path, local, "must not be padded with whitespace"))
    elif not local:
        errors.append(required(path, "must be set when AppArmor type is Localhost"))
    if formats.length_bytes(local) > PROFILE_PATH_BYTES_MAX:
        errors.append(too_long(path, PROFILE_PATH_BYTES_MAX))
    return errors


def validate_windows_options(path: str, options: Json | None) -> list[FieldError]:
    if not options:
        return []
    errors: list[FieldError] = []
    for name, limit in (("gmsaCredentialSpec", 64 * 1024), ("runAsUserName", 512)):
        value = options.get(name)
        if value == "":
            errors.append(invalid(f"{path}.{name}", value, f"{name} cannot be an empty string"))
        elif value is not None and formats.length_bytes(value) > limit:
            detail = f"{name} size must be under {limit // 1024} KiB" if limit > 1024 else f"{name} is too long"
            errors.append(invalid(f"{path}.{name}", value, detail))
    if spec := options.get("gmsaCredentialSpecName"):
        errors += (invalid(f"{path}.gmsaCredentialSpecName", spec, m) for m in formats.dns_subdomain(spec))
    return errors


def validate_pod_security(path: str, spec_path: str, spec: Json) -> list[FieldError]:
    """PodSecurityContext, with the rules of host namespaces that stand in the pod's spec."""
    errors: list[FieldError] = []
    context = spec.get("securityContext")
    if spec.get("hostNetwork"):
        errors += _host_ports(f"{spec_path}.containers", spec.get("containers") or [])
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(invalid(f"{path}.shareProcessNamespace", True, detail))
    if not context:
        return errors
    errors += _identifiers(path, context, ("fsGroup", "runAsUser", "runAsGroup"))
    for i, group in enumerate(context.get("supplementalGroups") or ()):
        errors += (invalid(f"{path}.supplementalGroups[{i}]", group, m) for m in formats.identifier(group))
    if sysctls := context.get("sysctls"):
        errors += _sysctls(f"{path}.sysctls", sysctls, spec)
    if policy := context.get("fsGroupChangePolicy"):
        errors += choice(f"{path}.fsGroupChangePolicy", policy, ("Always", "OnRootMismatch"))
    if policy := context.get("seLinuxChangePolicy"):
        errors += choice(f"{path}.seLinuxChangePolicy", policy, ("MountOption", "Recursive"))
    errors += _seccomp(f"{path}.seccompProfile", context.get("seccompProfile"))
    errors += validate_windows_options(f"{path}.windowsOptions", context.get("windowsOptions"))
    errors += _app_armor(f"{path}.appArmorProfile", context.get("appArmorProfile"))
    if policy := context.get("supplementalGroupsPolicy"):
        errors += choice(f"{path}.supplementalGroupsPolicy", policy, ("Merge", "Strict"))
    return errors


def _host_ports(path: str, containers: list[Json]) -> list[FieldError]:
    return [
        invalid(
            f"{path}[{i}].ports[{j}].hostPort",
            port.get("hostPort", 0),
            "must match `containerPort` when `hostNetwork` is true",
        )
        for i, container in enumerate(containers)
        for j, port in enumerate(container.get("ports") or ())
        if port.get("hostPort", 0) != port.get("containerPort", 0)
    ]


def _sysctls(path: str, sysctls: list[Json], spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, sysctl in enumerate(sysctls):
        where, name = f"{path}[{i}].name", sysctl.get("name", "")
        plain = name.replace("/", ".")
        if not name:
            errors.append(required(where))
        elif len(name) > SYSCTL_NAME_BYTES_MAX or not _sysctl(name):
            detail = f"must have at most {SYSCTL_NAME_BYTES_MAX} characters and match regex {SYSCTL}"
            errors.append(invalid(where, name, detail))
        elif name in seen:
            errors.append(duplicate(where, name))
        elif spec.get("hostNetwork") and plain.startswith("net."):
            errors.append(invalid(where, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and plain.startswith(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")):
            errors.append(invalid(where, name, "may not be specified when 'hostIPC' is true"))
        seen.add(name)
    return errors


def validate_host_users(path: str, spec: Json) -> list[FieldError]:
    """A pod in a user namespace of its own shares no other namespace with its host."""
    if spec.get("hostUsers") is not False:
        return []
    shared = (("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
    return [forbidden(f"{path}.{shown}", "when `hostUsers` is false") for name, shown in shared if spec.get(name)]


WINDOWS_FORBIDDEN_POD = (
    "appArmorProfile",
    "seLinuxOptions",
    "hostUsers",
    "hostPID",
    "hostIPC",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "shareProcessNamespace",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
)
OF_SPEC = frozenset({"hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"})
WINDOWS_FORBIDDEN_CONTAINER = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def validate_operating_system(path: str, spec: Json) -> list[FieldError]:
    """spec.os: which it is, and what does not exist there."""
    system = spec.get("os")
    if system is None:
        return []
    name = system.get("name", "")
    if not name:
        return [required(f"{path}.os.name")]
    errors = choice(f"{path}.os", name, ("linux", "windows"))
    if name == "windows":
        errors += _windows(path, spec)
    elif name == "linux":
        errors += _linux(path, spec)
    return errors


def _containers(path: str, spec: Json) -> list[tuple[str, Json]]:
    return [
        (f"{path}.{kind}[{i}].securityContext", container.get("securityContext") or {})
        for kind in ("containers", "initContainers", "ephemeralContainers")
        for i, container in enumerate(spec.get(kind) or ())
    ]


def _windows(path: str, spec: Json) -> list[FieldError]:
    context = spec.get("securityContext") or {}
    errors: list[FieldError] = []
    for name in WINDOWS_FORBIDDEN_POD:
        owner, where = (spec, path) if name in OF_SPEC else (context, f"{path}.securityContext")
        if owner.get(name) not in (None, False, []) or (name == "hostUsers" and owner.get(name) is False):
            errors.append(forbidden(f"{where}.{name}", LINUX_ONLY))
    for where, container in _containers(path, spec):
        errors += (
            forbidden(f"{where}.{name}", LINUX_ONLY)
            for name in WINDOWS_FORBIDDEN_CONTAINER
            if container.get(name) is not None
        )
    return errors


def _linux(path: str, spec: Json) -> list[FieldError]:
    detail = "windows options cannot be set for a linux pod"
    errors: list[FieldError] = []
    if (spec.get("securityContext") or {}).get("windowsOptions") is not None:
        errors.append(forbidden(f"{path}.securityContext.windowsOptions", detail))
    errors += (
        forbidden(f"{where}.windowsOptions", detail)
        for where, container in _containers(path, spec)
        if container.get("windowsOptions") is not None
    )
    return errors
