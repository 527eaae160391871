"""Node selectors: nodeSelector, and the terms of required and preferred node affinity.

Always true: an empty term matches no node; the terms of one selector are joined by OR, what is inside one by AND.
Not here: label selectors of the API (see `pyk8s.reference.selector`), which have another grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyk8s.reference.scheduler.node import NodeFacts

METADATA_NAME = "metadata.name"
INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)


DECIMAL = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
"""How integers must be written in tolerations and taints that are compared."""


def decimal(text: str) -> int | None:
    """The text as an integer of 64 bits, written without plus sign or leading zeros."""
    return integer(text) if DECIMAL.fullmatch(text) else None


def integer(text: str) -> int | None:
    """The text as an integer of 64 bits."""
    if INTEGER.fullmatch(text) is None or len(text) > 4000:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, manifest: Mapping[str, Any]) -> Requirement:
        return cls(manifest.get("key") or "", manifest.get("operator") or "", tuple(manifest.get("values") or ()))

    def matches_label(self, labels: Mapping[str, str]) -> bool:
        present = labels.get(self.key)
        match self.operator:
            case "In":
                return present is not None and present in self.values
            case "NotIn":
                return present is None or present not in self.values
            case "Exists":
                return present is not None
            case "DoesNotExist":
                return present is None
            case "Gt" | "Lt":
                return self._compares(present)
        return False

    def _compares(self, present: str | None) -> bool:
        if present is None or len(self.values) != 1:
            return False
        number, bound = integer(present), integer(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if self.operator == "Gt" else number < bound

    def matches_name(self, name: str) -> bool:
        if self.key != METADATA_NAME or self.operator not in ("In", "NotIn"):
            return False
        return (name in self.values) == (self.operator == "In")


@dataclass(frozen=True, slots=True)
class Term:
    labels: tuple[Requirement, ...]
    names: tuple[Requirement, ...]
    """Requirements on metadata.name, the only field there is."""

    @classmethod
    def parse(cls, manifest: Mapping[str, Any]) -> Term:
        labels = tuple(Requirement.parse(r) for r in manifest.get("matchExpressions") or ())
        return cls(labels, tuple(Requirement.parse(r) for r in manifest.get("matchFields") or ()))

    @property
    def is_empty(self) -> bool:
        return not self.labels and not self.names

    def matches(self, node: NodeFacts) -> bool:
        return (
            not self.is_empty
            and all(r.matches_label(node.labels) for r in self.labels)
            and all(r.matches_name(node.name) for r in self.names)
        )

    def allowed_names(self) -> list[str] | None:
        """The node names this term allows, when it names any: the intersection of its ``metadata.name In`` lists."""
        lists = [r.values for r in self.names if r.operator == "In" and r.key == METADATA_NAME]
        if not lists:
            return None
        return [name for name in lists[0] if all(name in other for other in lists[1:])]


def node_affinity_terms(affinity: Mapping[str, Any]) -> tuple[list[Term] | None, list[tuple[int, Term]]]:
    """Required terms (None when there are none asked for) and preferred ones with their weights, as far as they add."""
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    terms = [(term.get("weight") or 0, Term.parse(term.get("preference") or {})) for term in preferred]
    return (
        None if required is None else [Term.parse(term) for term in required.get("nodeSelectorTerms") or ()],
        [(weight, term) for weight, term in terms if weight and not term.is_empty],
    )
