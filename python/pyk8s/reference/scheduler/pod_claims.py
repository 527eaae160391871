"""The ResourceClaims that a pod names, directly or by a template.

Always true: a claim made from a template has no name until its controller has written it into the pod's status.
Not here: what the claims ask for (see `device_requests`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimName:
    claim: str | None
    """None when the claim is still to be made, "" when it was found that none is needed."""
    is_generated: bool = False
    """Made for this pod alone."""


@dataclass(slots=True)
class PodClaims:
    names: list[ClaimName] = field(default_factory=list)
    """In the pod's order."""

    @classmethod
    def parse(cls, pod: Json) -> PodClaims:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        made = {
            entry.get("name") or "": entry.get("resourceClaimName") or ""
            for entry in status.get("resourceClaimStatuses") or ()
        }
        names = []
        for entry in spec.get("resourceClaims") or ():
            if entry.get("resourceClaimName"):
                names.append(ClaimName(entry["resourceClaimName"]))
            else:
                names.append(ClaimName(made.get(entry.get("name") or ""), is_generated=True))
        return cls(names)
