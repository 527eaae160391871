"""What a ResourceClaim asks for: requests for devices, alternatives among them, what the devices must have in common.

Always true: every request has at least one alternative; every selector has been read.
Not here: which devices are chosen (see `device_allocation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.scheduler.cel_syntax import CelError, Expression, parse
from pyk8s.reference.scheduler.objects import Objects

Json = Mapping[str, Any]

ALTERNATIVES_MAX = 8
"""Of a firstAvailable request; the first is worth so much in scores."""


class RequestError(Exception):
    """The claim cannot be allocated anywhere."""


@dataclass(frozen=True, slots=True)
class Selector:
    expression: Expression
    owner: str
    """What it belongs to, for messages."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to satisfy a request."""

    name: str
    """As results name it: the request's, or request/alternative."""
    count: int | None
    """None: all that match."""
    selectors: tuple[Selector, ...]
    is_admin: bool
    """For looking at devices only: takes none away."""
    config: tuple[Json, ...]
    """Of its DeviceClass."""


@dataclass(frozen=True, slots=True)
class Request:
    name: str
    alternatives: tuple[Alternative, ...]
    is_scored: bool
    """Named its alternatives, so that the first are worth more."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """An attribute that all devices of the requests share, or in which all differ."""

    requests: tuple[str, ...]
    """Names of requests or request/alternative; none means all."""
    domain: str
    attribute: str
    is_distinct: bool

    def concerns(self, name: str) -> bool:
        return not self.requests or name in self.requests or name.partition("/")[0] in self.requests


@dataclass(frozen=True, slots=True)
class ClaimRequests:
    claim: str
    """namespace/name."""
    requests: tuple[Request, ...]
    constraints: tuple[Constraint, ...]
    config: tuple[Json, ...]

    @classmethod
    def parse(cls, claim: str, spec: Json, objects: Objects) -> ClaimRequests:
        """Raises RequestError, in kube-scheduler's words."""
        devices = spec.get("devices") or {}
        requests = tuple(_request(entry, objects) for entry in devices.get("requests") or ())
        constraints = tuple(_constraint(entry) for entry in devices.get("constraints") or ())
        return cls(claim, requests, constraints, tuple(devices.get("config") or ()))


def _request(entry: Json, objects: Objects) -> Request:
    name = entry.get("name") or ""
    if entry.get("exactly"):
        return Request(name, (_alternative(entry["exactly"], name, objects),), is_scored=False)
    listed = entry.get("firstAvailable") or ()
    if not listed:
        raise RequestError(f"request {name}: unsupported request type")
    return Request(
        name,
        tuple(_alternative(each, f"{name}/{each.get('name') or ''}", objects) for each in listed[:ALTERNATIVES_MAX]),
        is_scored=True,
    )


def _alternative(entry: Json, name: str, objects: Objects) -> Alternative:
    class_name = entry.get("deviceClassName") or ""
    device_class = objects.get("DeviceClass", class_name)
    if device_class is None:
        raise RequestError(f"request {name}: device class {class_name} does not exist")
    if entry.get("capacity"):
        raise RequestError(f"request {name}: capacity is not supported")
    class_spec = device_class.get("spec") or {}
    return Alternative(
        name=name,
        count=_count(entry, name),
        selectors=(
            *_selectors(class_spec, f"class {class_name}"),
            *_selectors(entry, f"request {name}"),
        ),
        is_admin=bool(entry.get("adminAccess")),
        config=tuple(class_spec.get("config") or ()),
    )


def _count(entry: Json, name: str) -> int | None:
    match entry.get("allocationMode") or "ExactCount":
        case "All":
            return None
        case "ExactCount":
            return int(entry.get("count") or 1)
    raise RequestError(f"request {name}: unsupported count mode {entry.get('allocationMode')}")


def _selectors(owner: Json, where: str) -> list[Selector]:
    found = []
    for i, selector in enumerate(owner.get("selectors") or ()):
        text = (selector.get("cel") or {}).get("expression")
        if not text:
            raise RequestError(f"{where}: selector #{i}: CEL expression empty (unsupported selector type?)")
        try:
            found.append(Selector(parse(text), f"{where}: selector #{i}"))
        except CelError as error:
            raise RequestError(f"{where}: selector #{i}: CEL compile error: {error}") from error
    return found


def _constraint(entry: Json) -> Constraint:
    distinct = entry.get("distinctAttribute")
    attribute = distinct or entry.get("matchAttribute") or ""
    domain, slash, name = attribute.rpartition("/")
    if not slash:
        raise RequestError(f"constraint: '{attribute}' is not an attribute with a domain")
    return Constraint(tuple(entry.get("requests") or ()), domain, name, is_distinct=bool(distinct))
