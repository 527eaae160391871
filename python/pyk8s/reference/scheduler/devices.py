"""Devices: what ResourceSlices offer, and on which nodes.

Always true: only the newest generation of a pool counts; devices stand in the order of their slices' names and of each
slice's list.
Not here: which of them are taken (see `device_allocation`).
Source: kubernetes.io, "Dynamic Resource Allocation".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyk8s.api.quantity import Quantity, QuantityError
from pyk8s.reference.scheduler.cel_library import Domains
from pyk8s.reference.scheduler.node import NodeFacts
from pyk8s.reference.scheduler.node_selector import Term
from pyk8s.reference.scheduler.objects import Objects
from pyk8s.reference.scheduler.semantic_version import SemanticVersion

Json = Mapping[str, Any]


class DeviceId(NamedTuple):
    driver: str
    pool: str
    device: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slice or a device can be reached from."""

    node_name: str = ""
    is_everywhere: bool = False
    terms: tuple[Term, ...] = ()
    selector: Json = field(default_factory=dict)
    """The node selector as it was written, for allocations."""

    @classmethod
    def parse(cls, spec: Json) -> Place:
        selector = spec.get("nodeSelector") or {}
        terms = tuple(Term.parse(term) for term in selector.get("nodeSelectorTerms") or ())
        return cls(spec.get("nodeName") or "", bool(spec.get("allNodes")), terms, selector)

    def admits(self, node: NodeFacts) -> bool:
        if self.node_name:
            return self.node_name == node.name
        return self.is_everywhere or any(term.matches(node) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Device:
    id: DeviceId
    place: Place
    attributes: dict[str, dict[str, Any]]
    """By domain, then by name; a domain left out is the driver's."""
    capacity: dict[str, dict[str, Quantity]]
    unsupported: str = ""
    """The field by which it asks for more than is done here."""

    @property
    def variables(self) -> dict[str, Any]:
        """What a selector sees."""
        return {
            "device": {
                "driver": self.id.driver,
                "attributes": Domains(self.attributes),
                "capacity": Domains(self.capacity),
                "allowMultipleAllocations": False,
            }
        }

    @classmethod
    def parse(cls, device: Json, driver: str, pool: str, place: Place) -> Device:
        attributes: dict[str, dict[str, Any]] = {}
        for name, entry in (device.get("attributes") or {}).items():
            domain, _, last = name.rpartition("/")
            attributes.setdefault(domain or driver, {})[last] = _attribute(entry)
        capacity: dict[str, dict[str, Quantity]] = {}
        for name, entry in (device.get("capacity") or {}).items():
            domain, _, last = name.rpartition("/")
            capacity.setdefault(domain or driver, {})[last] = _quantity(entry.get("value"))
        unsupported = next((key for key in UNSUPPORTED if device.get(key)), "")
        return cls(DeviceId(driver, pool, device.get("name") or ""), place, attributes, capacity, unsupported)


UNSUPPORTED = ("consumesCounters", "allowMultipleAllocations", "bindingConditions")
"""Devices that share counters, are given out in parts, or are bound in steps."""


@dataclass(slots=True)
class Pool:
    driver: str
    name: str
    generation: int
    slices: list[Json] = field(default_factory=list)
    slice_count: int = 0

    @property
    def is_complete(self) -> bool:
        return len(self.slices) == self.slice_count

    def reaches(self, node: NodeFacts) -> bool:
        """Whether any of the pool's slices is for the node, or says so device by device."""
        return any(bool(spec.get("perDeviceNodeSelection")) or Place.parse(spec).admits(node) for spec in self.slices)

    def devices(self, node: NodeFacts) -> list[Device]:
        """Those of the pool's devices that the node can reach."""
        found = []
        for spec in self.slices:
            place, is_per_device = Place.parse(spec), bool(spec.get("perDeviceNodeSelection"))
            if not is_per_device and not place.admits(node):
                continue
            for entry in spec.get("devices") or ():
                device = Device.parse(entry, self.driver, self.name, Place.parse(entry) if is_per_device else place)
                if device.place.admits(node):
                    found.append(device)
        return found


def pools(objects: Objects) -> list[Pool]:
    """Every pool in its newest generation, by driver and name."""
    found: dict[tuple[str, str], Pool] = {}
    for _, obj in objects.all("ResourceSlice"):
        spec = obj.get("spec") or {}
        told = spec.get("pool") or {}
        driver, name, generation = spec.get("driver") or "", told.get("name") or "", told.get("generation") or 0
        pool = found.get((driver, name))
        if pool is None or pool.generation < generation:
            pool = found[driver, name] = Pool(driver, name, generation)
        if pool.generation == generation:
            pool.slices.append(spec)
            pool.slice_count = told.get("resourceSliceCount") or 0
    return [found[key] for key in sorted(found, key=lambda key: (key[0].encode(), key[1].encode()))]


def _attribute(entry: Json) -> Any:
    for kind in ("bool", "int", "string"):
        if entry.get(kind) is not None:
            return entry[kind]
    return SemanticVersion.parse(str(entry.get("version") or ""))


def _quantity(text: Any) -> Quantity:
    try:
        return Quantity.parse(str(text))
    except QuantityError:
        return Quantity()
