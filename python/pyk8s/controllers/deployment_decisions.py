"""What a Deployment does with its ReplicaSets, decided without I/O: revisions, sizes, steps of a rollout.

Always true: replica counts are never negative; a step never takes the total above replicas + maxSurge, nor the
available below replicas - maxUnavailable.
Not here: status and conditions (see `deployment_status`), requests and events (see `deployment`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pyk8s.controllers.pod_state import created_s

Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOT_COPIED = frozenset((LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO))
HASH_LABEL = "pod-template-hash"
REVISION_HISTORY_LENGTH_MAX = 2000
NO_LIMIT = 2147483647


# -- numbers -------------------------------------------------------------------------------------------------------


def int_or_percent(value: int | str | None, total: int, *, is_rounded_up: bool) -> int:
    """An IntOrString as a number of pods. Raises ValueError for text that is no percentage."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    share = int(value[:-1]) * total / 100
    return math.ceil(share) if is_rounded_up else math.floor(share)


def fenceposts(max_surge: int | str | None, max_unavailable: int | str | None, replicas: int) -> tuple[int, int]:
    """(surge, unavailable) as numbers; never both 0, or a rollout could not move."""
    surge = int_or_percent(max_surge, replicas, is_rounded_up=True)
    unavailable = int_or_percent(max_unavailable, replicas, is_rounded_up=False)
    return surge, unavailable if surge or unavailable else 1


def replicas_of(obj: Json) -> int:
    """spec.replicas; 1 when it is not given."""
    replicas = obj["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def is_rolling_update(deployment: Json) -> bool:
    return str((deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate")) == "RollingUpdate"


def _fenceposts_of(deployment: Json) -> tuple[int, int]:
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    return fenceposts(rolling.get("maxSurge"), rolling.get("maxUnavailable"), replicas_of(deployment))


def max_surge(deployment: Json) -> int:
    return _fenceposts_of(deployment)[0] if is_rolling_update(deployment) else 0


def max_unavailable(deployment: Json) -> int:
    replicas = replicas_of(deployment)
    if not is_rolling_update(deployment) or replicas == 0:
        return 0
    return min(_fenceposts_of(deployment)[1], replicas)


def available_of(rs: Json) -> int:
    return int((rs.get("status") or {}).get("availableReplicas") or 0)


def total_replicas(sets: Iterable[Json]) -> int:
    return sum(replicas_of(rs) for rs in sets)


def active(sets: Iterable[Json]) -> list[Json]:
    """Those that want pods."""
    return [rs for rs in sets if replicas_of(rs) > 0]


# -- revisions and templates ---------------------------------------------------------------------------------------


def annotations_of(obj: Json) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def int_annotation(obj: Json, name: str) -> int | None:
    """An annotation as an integer; None when it is missing or none."""
    text = annotations_of(obj).get(name, "")
    return int(text) if text.lstrip("-").isdigit() else None


def revision_of(obj: Json) -> int:
    return int_annotation(obj, REVISION) or 0


def max_revision(sets: Iterable[Json]) -> int:
    return max((revision_of(rs) for rs in sets), default=0)


def last_revision(sets: Iterable[Json]) -> int:
    """The second highest revision, 0 when there is none: what "undo" means."""
    revisions = sorted((revision_of(rs) for rs in sets), reverse=True)
    return revisions[1] if len(revisions) > 1 else 0


def without_hash(template: Json) -> Json:
    """A template without its pod-template-hash label."""
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    rest = {key: value for key, value in metadata.items() if key not in ("labels", "creationTimestamp")}
    return {**template, "metadata": {**rest, "labels": labels} if labels else rest}


def by_age(sets: Iterable[Json]) -> list[Json]:
    """Oldest first, then by name."""
    return sorted(sets, key=lambda rs: (created_s(rs), rs["metadata"]["name"]))


def find_new(deployment: Json, sets: Iterable[Json]) -> Json | None:
    """The oldest ReplicaSet with the deployment's template."""
    wanted = without_hash(deployment["spec"]["template"])
    return next((rs for rs in by_age(sets) if without_hash(rs["spec"]["template"]) == wanted), None)


def annotations_for_new(deployment: Json, rs: Json, revision: int, *, is_existing: bool) -> dict[str, str]:
    """The annotations of the new ReplicaSet: copied ones, its revision and the history of those it had before."""
    annotations = {
        **annotations_of(rs),
        **{key: value for key, value in annotations_of(deployment).items() if key not in NOT_COPIED},
    }
    old = annotations_of(rs).get(REVISION)
    if revision_of(rs) < revision:
        annotations[REVISION] = str(revision)
        if old is not None:
            annotations[REVISION_HISTORY] = extended_history(annotations.get(REVISION_HISTORY, ""), old)
    if not is_existing:
        annotations.update(scale_annotations(deployment))
    return annotations


def extended_history(history: str, revision: str) -> str:
    """A comma list with ``revision`` at its end, oldest dropped until it fits."""
    revisions = history.split(",") if history else []
    revisions.append(revision)
    while len(revisions) > 1 and len(",".join(revisions)) > REVISION_HISTORY_LENGTH_MAX:
        del revisions[0]
    return ",".join(revisions)


def scale_annotations(deployment: Json) -> dict[str, str]:
    """What a ReplicaSet remembers of the deployment's size: needed to scale in proportion later."""
    replicas = replicas_of(deployment)
    return {DESIRED_REPLICAS: str(replicas), MAX_REPLICAS: str(replicas + max_surge(deployment))}


def is_scaling_event(deployment: Json, sets: Iterable[Json]) -> bool:
    """True when the deployment was resized since its ReplicaSets were last scaled."""
    replicas = replicas_of(deployment)
    desired = (int_annotation(rs, DESIRED_REPLICAS) for rs in active(sets))
    return any(value is not None and value != replicas for value in desired)


def to_clean_up(deployment: Json, old_sets: Sequence[Json]) -> list[Json]:
    """Old ReplicaSets beyond the history limit, lowest revision first, only those that hold nothing."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None or limit == NO_LIMIT:
        return []
    alive = [rs for rs in old_sets if not rs["metadata"].get("deletionTimestamp")]
    excess = len(alive) - int(limit)
    if excess <= 0:
        return []
    alive.sort(key=lambda rs: (revision_of(rs), created_s(rs), rs["metadata"]["name"]))
    return [rs for rs in alive[:excess] if _is_empty(rs)]


def _is_empty(rs: Json) -> bool:
    status = rs.get("status") or {}
    is_observed = int(status.get("observedGeneration") or 0) >= int(rs["metadata"].get("generation") or 0)
    return replicas_of(rs) == 0 and not status.get("replicas") and is_observed


# -- sizes ---------------------------------------------------------------------------------------------------------


def new_set_replicas(deployment: Json, sets: Iterable[Json], new_replicas: int) -> int:
    """How large the new ReplicaSet, now ``new_replicas``, may become in one step; ``sets`` are all, it included."""
    replicas = replicas_of(deployment)
    if not is_rolling_update(deployment):
        return replicas
    room = replicas + max_surge(deployment) - total_replicas(sets)
    return new_replicas if room <= 0 else new_replicas + min(room, replicas - new_replicas)


def old_set_sizes(deployment: Json, old_sets: Sequence[Json], new: Json) -> dict[str, int]:
    """New sizes of old ReplicaSets in one rolling step, by name; only those that change."""
    everything = [*old_sets, new]
    min_available = replicas_of(deployment) - max_unavailable(deployment)
    new_unavailable = replicas_of(new) - available_of(new)
    down_max = total_replicas(everything) - min_available - new_unavailable
    if down_max <= 0 or not total_replicas(old_sets):
        return {}
    ordered = by_age(old_sets)
    sizes = {rs["metadata"]["name"]: replicas_of(rs) for rs in ordered}
    _remove_unhealthy(ordered, sizes, down_max)
    _remove_available(ordered, sizes, sum(map(available_of, everything)) - min_available)
    return {name: size for rs in ordered if (size := sizes[name := rs["metadata"]["name"]]) != replicas_of(rs)}


def _remove_unhealthy(ordered: Sequence[Json], sizes: dict[str, int], down_max: int) -> None:
    """Pods that are not available serve nobody: they go first."""
    rest = down_max
    for rs in ordered:
        down = min(rest, max(0, replicas_of(rs) - available_of(rs)))
        sizes[rs["metadata"]["name"]] -= down
        rest -= down


def _remove_available(ordered: Sequence[Json], sizes: dict[str, int], surplus: int) -> None:
    """As many available pods as are above the minimum, oldest ReplicaSet first."""
    rest = max(0, surplus)
    for rs in ordered:
        down = min(rest, sizes[rs["metadata"]["name"]])
        sizes[rs["metadata"]["name"]] -= down
        rest -= down


def active_or_latest(new: Json | None, old_sets: Sequence[Json]) -> Json | None:
    """The one ReplicaSet to scale when no rollout is under way; None when several are active."""
    everything = [*by_age(old_sets)[::-1], *([new] if new else [])]
    candidates = active(everything)
    if len(candidates) > 1:
        return None
    if candidates:
        return candidates[0]
    return new or (everything[0] if everything else None)


def is_saturated(deployment: Json, rs: Json | None) -> bool:
    """True when the rollout has arrived: size, remembered size and available pods are what is wanted."""
    if rs is None:
        return False
    wanted = replicas_of(deployment)
    return replicas_of(rs) == wanted == int_annotation(rs, DESIRED_REPLICAS) == available_of(rs)


def proportional_sizes(deployment: Json, sets: Sequence[Json]) -> dict[str, int]:
    """Sizes of active ReplicaSets, by name, when a deployment is resized in the middle of a rollout."""
    sets, wanted = active(sets), replicas_of(deployment)
    allowed = wanted + max_surge(deployment) if wanted > 0 else 0
    add = allowed - total_replicas(sets)
    ordered = _by_size(sets, is_newer_first=add > 0)
    sizes = {rs["metadata"]["name"]: replicas_of(rs) for rs in ordered}
    added = 0
    for rs in ordered:
        share = _proportion(deployment, rs, add - added) if add != added else 0
        sizes[rs["metadata"]["name"]] += share
        added += share
    if ordered and add:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + add - added)
    return sizes


def _by_size(sets: Iterable[Json], *, is_newer_first: bool) -> list[Json]:
    """Largest first; of equal ones the newer when growing, the older when shrinking."""
    ordered = by_age(sets)
    if is_newer_first:
        ordered.reverse()
    return sorted(ordered, key=lambda rs: -replicas_of(rs))


def _proportion(deployment: Json, rs: Json, rest: int) -> int:
    """What one ReplicaSet gains (or loses) of ``rest``."""
    if replicas_of(rs) == 0 or rest == 0:
        return 0
    fraction = _fraction(deployment, rs)
    return min(fraction, rest) if rest > 0 else max(fraction, rest)


def _fraction(deployment: Json, rs: Json) -> int:
    size, wanted = replicas_of(rs), replicas_of(deployment)
    if wanted == 0:
        return -size
    before = int_annotation(rs, MAX_REPLICAS) or int((deployment.get("status") or {}).get("replicas") or 0)
    if before == 0:
        return 0
    return round_half_away(size * (wanted + max_surge(deployment)) / before) - size


def round_half_away(value: float) -> int:
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)
