"""Probes and lifecycle hooks of containers."""

from __future__ import annotations

from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required

from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted, not_negative, port

Json = dict[str, Any]

SCHEMES = ("HTTP", "HTTPS")
ONE_HANDLER = "may not specify more than 1 handler type"
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def validate_probes(path: str, container: Json, grace_s: int) -> list[FieldError]:
    """Liveness, readiness and startup probe of one container."""
    errors: list[FieldError] = []
    if probe := container.get("livenessProbe"):
        errors += _probe(f"{path}.livenessProbe", probe, grace_s)
        errors += _single_success(f"{path}.livenessProbe", probe)
    if probe := container.get("readinessProbe"):
        errors += _probe(f"{path}.readinessProbe", probe, grace_s)
        if (grace := probe.get("terminationGracePeriodSeconds")) is not None:
            where = f"{path}.readinessProbe.terminationGracePeriodSeconds"
            errors.append(invalid(where, grace, "must not be set for readinessProbes"))
    if probe := container.get("startupProbe"):
        errors += _probe(f"{path}.startupProbe", probe, grace_s)
        errors += _single_success(f"{path}.startupProbe", probe)
    return errors


def _probe(path: str, probe: Json, grace_s: int) -> list[FieldError]:
    errors = validate_handler(path, probe, grace_s)
    for name in NUMBERS:
        errors += not_negative(f"{path}.{name}", probe.get(name))
    return errors


def _single_success(path: str, probe: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if (threshold := probe.get("successThreshold", 1)) != 1:
        errors.append(invalid(f"{path}.successThreshold", threshold, "must be 1"))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    return errors


def validate_lifecycle(path: str, lifecycle: Json, grace_s: int) -> list[FieldError]:
    errors: list[FieldError] = []
    for hook in ("postStart", "preStop"):
        handler = lifecycle.get(hook)
        if handler is not None:
            errors += validate_handler(f"{path}.{hook}", handler, grace_s)
    return errors


def validate_handler(path: str, handler: Json, grace_s: int) -> list[FieldError]:
    """Exactly one way to act, and that one well-formed."""
    errors: list[FieldError] = []
    count = 0
    for name in HANDLERS:
        action = handler.get(name)
        if action is None:
            continue
        count += 1
        if count > 1:
            errors.append(forbidden(f"{path}.{name}", ONE_HANDLER))
        else:
            errors += _action(f"{path}.{name}", name, action, grace_s)
    if not count:
        errors.append(required(path, "must specify a handler type"))
    return errors


def _action(path: str, name: str, action: Json, grace_s: int) -> list[FieldError]:
    match name:
        case "exec":
            return [] if action.get("command") else [required(f"{path}.command")]
        case "httpGet":
            return _http_get(path, action)
        case "sleep":
            return _sleep(path, action, grace_s)
        case _:
            return port(f"{path}.port", action.get("port", 0))


def _http_get(path: str, action: Json) -> list[FieldError]:
    errors = [] if action.get("path") else [required(f"{path}.path")]
    errors += port(f"{path}.port", action.get("port", 0))
    errors += choice(f"{path}.scheme", action.get("scheme", ""), SCHEMES)
    for header in action.get("httpHeaders") or ():
        errors += formatted(f"{path}.httpHeaders", header.get("name", ""), formats.header_name)
    return errors


def _sleep(path: str, action: Json, grace_s: int) -> list[FieldError]:
    seconds = action.get("seconds", 0)
    if 0 <= seconds <= grace_s:
        return []
    detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
    return [invalid(path, seconds, detail)]
