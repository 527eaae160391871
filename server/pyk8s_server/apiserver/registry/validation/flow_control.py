"""The rules of flow schemas and priority levels."""

from __future__ import annotations

import math
from typing import Any

from pyk8s.api.field import FieldError, forbidden, invalid, required

from pyk8s_server.apiserver.registry.internal_form import internal_form
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.choices import choice, formatted

Json = dict[str, Any]

FLOW = "k8s.io.api.flowcontrol.v1."
PRECEDENCE_MAX = 10000
QUEUES_MAX = 10_000_000
ENTROPY_BITS_MAX = 60
SUBJECT_KINDS = ("Group", "ServiceAccount", "User")


def validate_flow_schema(obj: Json) -> list[FieldError]:
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name", "")
    precedence = spec.get("matchingPrecedence", 0)
    errors: list[FieldError] = []
    if precedence <= 0:
        errors.append(invalid("spec.matchingPrecedence", precedence, "must be a positive value"))
    elif precedence > PRECEDENCE_MAX:
        detail = f"must not be greater than {PRECEDENCE_MAX}"
        errors.append(invalid("spec.matchingPrecedence", precedence, detail))
    if precedence == 1 and name != "exempt":
        detail = "only the schema named 'exempt' may have matchingPrecedence 1"
        errors.append(invalid("spec.matchingPrecedence", precedence, detail))
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in ("ByNamespace", "ByUser"):
        shown = internal_form(f"{FLOW}FlowDistinguisherMethod", method)
        supported = 'supported values: "ByNamespace", "ByUser"'
        errors.append(FieldError("spec.distinguisherMethod.type", "Unsupported value", shown, supported))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
    path = "spec.priorityLevelConfiguration.name"
    missing = [required(path, "must reference a priority level")]
    errors += formatted(path, level, formats.dns_subdomain) if level else missing
    for i, rule in enumerate(spec.get("rules") or ()):
        errors += _rule(f"spec.rules[{i}]", rule)
    return errors


def _rule(path: str, rule: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    subjects = rule.get("subjects") or []
    if not subjects:
        errors.append(required(f"{path}.subjects", "subjects must contain at least one value"))
    for i, subject in enumerate(subjects):
        errors += _subject(f"{path}.subjects[{i}]", subject)
    resources, others = rule.get("resourceRules") or [], rule.get("nonResourceRules") or []
    if not resources and not others:
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        errors.append(required(path, detail))
    for i, part in enumerate(resources):
        errors += _resource_rule(f"{path}.resourceRules[{i}]", part)
    for i, part in enumerate(others):
        errors += _needs(f"{path}.nonResourceRules[{i}]", part, ("verbs", "nonResourceURLs"))
    return errors


def _subject(path: str, subject: Json) -> list[FieldError]:
    kind = subject.get("kind", "")
    if kind not in SUBJECT_KINDS:
        return choice(f"{path}.kind", kind, SUBJECT_KINDS)
    member = kind[0].lower() + kind[1:]
    value = subject.get(member)
    if value is None:
        return [required(f"{path}.{member}", f"{member} is required when subject kind is '{kind}'")]
    return [] if value.get("name") else [required(f"{path}.{member}.name")]


def _needs(path: str, rule: Json, names: tuple[str, ...]) -> list[FieldError]:
    return [
        required(f"{path}.{name}", f"{name} must contain at least one value") for name in names if not rule.get(name)
    ]


def _resource_rule(path: str, rule: Json) -> list[FieldError]:
    errors = _needs(path, rule, ("verbs", "apiGroups", "resources"))
    if not rule.get("namespaces") and not rule.get("clusterScope"):
        detail = "resource rules that are not cluster scoped must supply at least one namespace"
        errors.append(required(f"{path}.namespaces", detail))
    return errors


def validate_priority_level(obj: Json) -> list[FieldError]:
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name", "")
    kind = spec.get("type", "")
    errors: list[FieldError] = []
    if (name == "exempt") != (kind == "Exempt") and kind in ("Exempt", "Limited"):
        detail = "must be 'Exempt' if and only if `name` is 'exempt'"
        errors.append(invalid("spec.type", kind, detail))
    if kind == "Exempt":
        if spec.get("limited") is not None:
            errors.append(forbidden("spec.limited", "must be nil if the type is not Limited"))
    elif kind == "Limited":
        if spec.get("exempt") is not None:
            errors.append(forbidden("spec.exempt", "must be nil if the type is Limited"))
        if spec.get("limited") is None:
            errors.append(required("spec.limited", "must not be empty when type is Limited"))
        else:
            errors += _limited("spec.limited", spec["limited"])
    else:
        errors += choice("spec.type", kind, ("Exempt", "Limited"))
    return errors


def _limited(path: str, limited: Json) -> list[FieldError]:
    shares = limited.get("nominalConcurrencyShares")
    errors: list[FieldError] = []
    if shares is not None and shares < 0:
        errors.append(invalid(f"{path}.nominalConcurrencyShares", shares, "must be a non-negative integer"))
    response = limited.get("limitResponse") or {}
    kind, queuing = response.get("type", ""), response.get("queuing")
    where = f"{path}.limitResponse"
    if kind == "Reject":
        if queuing is not None:
            detail = "must be nil if limited.limitResponse.type is not Limited"
            errors.append(forbidden(f"{where}.queuing", detail))
    elif kind == "Queue":
        if queuing is None:
            detail = "must not be empty if limited.limitResponse.type is Limited"
            errors.append(required(f"{where}.queuing", detail))
        else:
            errors += _queuing(f"{where}.queuing", queuing)
    else:
        errors += choice(f"{where}.type", kind, ("Queue", "Reject"))
    lendable = limited.get("lendablePercent")
    if lendable is not None and not 0 <= lendable <= 100:
        errors.append(invalid(f"{path}.lendablePercent", lendable, "must be between 0 and 100, inclusive"))
    borrowing = limited.get("borrowingLimitPercent")
    if borrowing is not None and borrowing < 0:
        detail = "if specified, must be a non-negative integer"
        errors.append(invalid(f"{path}.borrowingLimitPercent", borrowing, detail))
    return errors


def _queuing(path: str, queuing: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    queues, hand, length = (queuing.get(name, 0) for name in ("queues", "handSize", "queueLengthLimit"))
    if length <= 0:
        errors.append(invalid(f"{path}.queueLengthLimit", length, "must be positive"))
    if queues <= 0:
        errors.append(invalid(f"{path}.queues", queues, "must be positive"))
    elif queues > QUEUES_MAX:
        errors.append(invalid(f"{path}.queues", queues, f"must not be greater than {QUEUES_MAX}"))
    if hand <= 0:
        errors.append(invalid(f"{path}.handSize", hand, "must be positive"))
    elif hand > queues:
        errors.append(invalid(f"{path}.handSize", hand, f"should not be greater than queues ({queues})"))
    elif _entropy_bits(queues, hand) > ENTROPY_BITS_MAX:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand}"
            f" should not be greater than {ENTROPY_BITS_MAX}"
        )
        errors.append(invalid(f"{path}.handSize", hand, detail))
    return errors


def _entropy_bits(deck: int, hand: int) -> int:
    return math.ceil(sum(math.log2(deck - i) for i in range(hand)))
