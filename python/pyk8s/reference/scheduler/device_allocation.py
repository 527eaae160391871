"""Choosing devices for claims on one node: the first way, in the order of devices and alternatives, that fits.

Always true: no device is chosen twice, and none that is taken, but for requests with admin access; a choice that fits
all is found if there is one within `STEPS_MAX` looks at devices.
Not here: what is offered (see `devices`), what is asked (see `device_requests`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyk8s.reference.scheduler.cel import matches
from pyk8s.reference.scheduler.cel_library import equals
from pyk8s.reference.scheduler.cel_syntax import CelError
from pyk8s.reference.scheduler.device_requests import (
    ALTERNATIVES_MAX,
    Alternative,
    ClaimRequests,
    Constraint,
    RequestError,
)
from pyk8s.reference.scheduler.devices import Device, DeviceId, Pool
from pyk8s.reference.scheduler.node import NodeFacts
from pyk8s.reference.scheduler.objects import Objects

Json = Mapping[str, Any]

STEPS_MAX = 100_000
DEVICES_PER_CLAIM_MAX = 32


class OutOfSteps(Exception):
    """Too many ways to look through."""


@dataclass(frozen=True, slots=True)
class Chosen:
    alternative: Alternative
    index: int
    """Which alternative of its request."""
    is_scored: bool
    device: Device


@dataclass(slots=True)
class Allocation:
    """The devices of one claim."""

    requests: ClaimRequests
    chosen: list[Chosen] = field(default_factory=list)

    @property
    def score(self) -> int:
        """Earlier alternatives are worth more."""
        scored = {each.alternative.name: ALTERNATIVES_MAX - each.index for each in self.chosen if each.is_scored}
        return sum(scored.values())


def taken(objects: Objects) -> set[DeviceId]:
    """The devices that allocated claims hold."""
    found = set()
    for _, claim in objects.all("ResourceClaim"):
        allocation = (claim.get("status") or {}).get("allocation") or {}
        for result in (allocation.get("devices") or {}).get("results") or ():
            if not result.get("adminAccess"):
                found.add(DeviceId(result.get("driver") or "", result.get("pool") or "", result.get("device") or ""))
    return found


class Allocator:
    """One node."""

    def __init__(self, node: NodeFacts, pools: list[Pool], taken: set[DeviceId]) -> None:
        self._pools = [(pool, pool.devices(node)) for pool in pools if pool.reaches(node)]
        self._devices = [device for _, devices in self._pools for device in devices]
        self._taken = taken
        self._mine: set[DeviceId] = set()
        self._steps = 0
        self._matching: dict[tuple[int, str], list[Device]] = {}

    def allocate(self, claims: list[ClaimRequests]) -> list[Allocation] | None:
        """Devices for every claim; None when they do not fit. Raises RequestError, OutOfSteps."""
        allocations = [Allocation(claim) for claim in claims]
        return allocations if self._place(allocations, 0, 0) else None

    def _place(self, allocations: list[Allocation], claim: int, request: int) -> bool:
        """Choose for this request and all that come after it."""
        if claim == len(allocations):
            return True
        allocation = allocations[claim]
        if request == len(allocation.requests.requests):
            return self._place(allocations, claim + 1, 0)
        wanted = allocation.requests.requests[request]
        for index, alternative in enumerate(wanted.alternatives):
            candidates = self._candidates(claim, alternative)
            count = len(candidates) if alternative.count is None else alternative.count
            if alternative.count is None and not (candidates and self._is_settled(alternative)):
                continue
            if len(allocation.chosen) + count > DEVICES_PER_CLAIM_MAX:
                continue
            choices = [Chosen(alternative, index, wanted.is_scored, device) for device in candidates]
            if self._take(allocations, claim, request, choices, count):
                return True
        return False

    def _take(self, allocations: list[Allocation], claim: int, request: int, choices: list[Chosen], count: int) -> bool:
        """Choose ``count`` of the choices, in their order, then go on to the next request."""
        if count == 0:
            return self._place(allocations, claim, request + 1)
        allocation = allocations[claim]
        for i in range(len(choices) - count + 1):
            self._steps += 1
            if self._steps > STEPS_MAX:
                raise OutOfSteps
            choice = choices[i]
            if not self._is_free(choice, allocation):
                continue
            allocation.chosen.append(choice)
            if not choice.alternative.is_admin:
                self._mine.add(choice.device.id)
            if self._take(allocations, claim, request, choices[i + 1 :], count - 1):
                return True
            allocation.chosen.pop()
            if not choice.alternative.is_admin:
                self._mine.discard(choice.device.id)
        return False

    def _is_free(self, choice: Chosen, allocation: Allocation) -> bool:
        device = choice.device
        if not choice.alternative.is_admin and (device.id in self._taken or device.id in self._mine):
            return False
        if any(each.device.id == device.id for each in allocation.chosen):
            return False
        return all(
            _agrees(constraint, device, _concerned(constraint, allocation))
            for constraint in allocation.requests.constraints
            if constraint.concerns(choice.alternative.name)
        )

    def _candidates(self, claim: int, alternative: Alternative) -> list[Device]:
        key = claim, alternative.name
        if key not in self._matching:
            self._matching[key] = [device for device in self._devices if self._is_match(device, alternative)]
        return self._matching[key]

    def _is_match(self, device: Device, alternative: Alternative) -> bool:
        for selector in alternative.selectors:
            try:
                if not matches(selector.expression, device.variables):
                    return False
            except CelError as error:
                raise RequestError(f"{selector.owner}: CEL runtime error: {error}") from error
        if device.unsupported:
            raise RequestError(f"device {'/'.join(device.id)}: {device.unsupported} is not supported")
        return True

    def _is_settled(self, alternative: Alternative) -> bool:
        """Whether all slices of the pools are known: else "all devices" would leave some out."""
        for pool, _ in self._pools:
            if not pool.is_complete:
                name = f"{pool.driver}/{pool.name}"
                raise RequestError(
                    f"request {alternative.name}: asks for all devices, but resource pool {name} "
                    "is currently being updated"
                )
        return True


def _concerned(constraint: Constraint, allocation: Allocation) -> Iterator[Device]:
    for each in allocation.chosen:
        if constraint.concerns(each.alternative.name):
            yield each.device


def _agrees(constraint: Constraint, device: Device, others: Iterator[Device]) -> bool:
    """Whether the device may stand beside those that the constraint was applied to before."""
    value = device.attributes.get(constraint.domain, {}).get(constraint.attribute)
    if value is None:
        return False
    for other in others:
        theirs = other.attributes[constraint.domain][constraint.attribute]
        if equals(value, theirs) == constraint.is_distinct:
            return False
    return True
