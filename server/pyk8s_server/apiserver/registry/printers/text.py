"""Pieces of text that many printers share: ages, lists cut short, selectors, containers.

Always true: the words and cuts are kubectl's: "<none>", "<unknown>", "+ 2 more...".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyk8s.api.clock import parse_rfc3339

from pyk8s_server.apiserver.interfaces import Json

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400
SHOWN_MAX = 3
"""How many ports or endpoints a cell shows before it says how many more there are."""


def duration(seconds: float) -> str:
    """A length of time in at most two units, as Kubernetes' HumanDuration words it."""
    s = int(seconds)
    if s < -1:
        return "<invalid>"
    if s < 2 * MINUTE:
        return f"{max(s, 0)}s"
    for limit, unit, smaller, name, smaller_name in STEPS:
        if s < limit:
            first, rest = divmod(s, unit)
            second = rest // smaller if smaller else 0
            return f"{first}{name}" + (f"{second}{smaller_name}" if second else "")
    return f"{s // YEAR}y"


STEPS = (
    (10 * MINUTE, MINUTE, 1, "m", "s"),
    (3 * HOUR, MINUTE, 0, "m", ""),
    (8 * HOUR, HOUR, MINUTE, "h", "m"),
    (48 * HOUR, HOUR, 0, "h", ""),
    (8 * DAY, DAY, HOUR, "d", "h"),
    (2 * YEAR, DAY, 0, "d", ""),
    (8 * YEAR, YEAR, DAY, "y", "d"),
)


def since(timestamp: str | None, now_s: float) -> str:
    """The time that passed since an RFC 3339 timestamp."""
    if not timestamp:
        return UNKNOWN
    return duration(now_s - parse_rfc3339(timestamp))


def age(obj: Json, now_s: float) -> str:
    return since((obj.get("metadata") or {}).get("creationTimestamp"), now_s)


def name_of(obj: Json) -> str:
    return str((obj.get("metadata") or {}).get("name", ""))


def labels_text(labels: Mapping[str, str] | None) -> str:
    """``a=b,c=d`` sorted by key, "<none>" for nothing."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector_text(selector: Json | None) -> str:
    """A metav1.LabelSelector in its string form: "<none>" when it selects everything, "" is never printed."""
    if not selector:
        return NONE
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        parts.append((term["key"], _expression(term)))
    return ",".join(text for _, text in sorted(parts)) or NONE


def _expression(term: Json) -> str:
    key, operator = term["key"], term["operator"]
    if operator == "Exists":
        return str(key)
    if operator == "DoesNotExist":
        return f"!{key}"
    values = ",".join(sorted(term.get("values") or ()))
    return f"{key} {'in' if operator == 'In' else 'notin'} ({values})"


def container_cells(template: Json | None) -> list[str]:
    """Names and images of a pod template's containers, each joined by commas."""
    containers = ((template or {}).get("spec") or {}).get("containers") or ()
    return [",".join(c.get("name", "") for c in containers), ",".join(c.get("image", "") for c in containers)]


def cut_list(texts: Iterable[str], shown_max: int = SHOWN_MAX) -> str:
    """The first few joined by commas, then "+ N more..."."""
    all_texts = list(texts)
    more = f" + {len(all_texts) - shown_max} more..." if len(all_texts) > shown_max else ""
    return ",".join(all_texts[:shown_max]) + more


def or_none(value: Any) -> Any:
    return value if value not in (None, "") else NONE


def condition(obj: Json, kind: str) -> Json | None:
    """The condition of one type in status.conditions."""
    found = (c for c in (obj.get("status") or {}).get("conditions") or () if c.get("type") == kind)
    return next(found, None)
