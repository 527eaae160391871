"""Rows of disruption budgets, admission configuration and flow control.

Always true: an absent optional number is "<none>", "N/A" or "<unset>", as the kind has it.
"""

from __future__ import annotations

from typing import Any

from pyk8s_server.apiserver.interfaces import Json
from pyk8s_server.apiserver.registry.printers.text import NONE, UNSET, age, condition, name_of


def disruption_budget(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    bounds = [str(spec[key]) if spec.get(key) is not None else "N/A" for key in ("minAvailable", "maxUnavailable")]
    return [name_of(obj), *bounds, (obj.get("status") or {}).get("disruptionsAllowed", 0), age(obj, now_s)]


def webhook_configuration(obj: Json, now_s: float) -> list[Any]:
    return [name_of(obj), len(obj.get("webhooks") or ()), age(obj, now_s)]


def _param_kind(spec: Json) -> str:
    kind = spec.get("paramKind")
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET


def validating_policy(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    return [name_of(obj), len(spec.get("validations") or ()), _param_kind(spec), age(obj, now_s)]


def mutating_policy(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    return [name_of(obj), len(spec.get("mutations") or ()), _param_kind(spec), age(obj, now_s)]


def policy_binding(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    reference = spec.get("paramRef")
    shown = UNSET
    if reference:
        shown = f"{reference.get('namespace') or '*'}/{reference.get('name') or '*'}"
    return [name_of(obj), spec.get("policyName", ""), shown, age(obj, now_s)]


def flow_schema(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
    method = (spec.get("distinguisherMethod") or {}).get("type") or NONE
    dangling = (condition(obj, "Dangling") or {}).get("status", "?")
    return [name_of(obj), level, spec.get("matchingPrecedence", 0), method, age(obj, now_s), dangling]


def priority_level(obj: Json, now_s: float) -> list[Any]:
    spec = obj.get("spec") or {}
    limited = spec.get("limited") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    shares = (limited or spec.get("exempt") or {}).get("nominalConcurrencyShares")
    numbers = [shares, queuing.get("queues"), queuing.get("handSize"), queuing.get("queueLengthLimit")]
    shown = [NONE if number is None else number for number in numbers]
    return [name_of(obj), spec.get("type", ""), *shown, age(obj, now_s)]


ROWS = {
    "FlowSchema": flow_schema,
    "MutatingAdmissionPolicy": mutating_policy,
    "MutatingAdmissionPolicyBinding": policy_binding,
    "MutatingWebhookConfiguration": webhook_configuration,
    "PodDisruptionBudget": disruption_budget,
    "PriorityLevelConfiguration": priority_level,
    "ValidatingAdmissionPolicy": validating_policy,
    "ValidatingAdmissionPolicyBinding": policy_binding,
    "ValidatingWebhookConfiguration": webhook_configuration,
}
