"""Sizes, steps, revisions and conditions of Deployments: as tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyk8s.api.clock import rfc3339
from pyk8s.controllers import deployment_decisions as decide
from pyk8s.controllers import deployment_status as status_of
from pyk8s.controllers.template_hash import template_hash

Json = dict[str, Any]
NOW_S = 1_767_225_600.0


def deployment(replicas: int, surge: int | str = "25%", unavailable: int | str = "25%", **options: Any) -> Json:
    strategy = {
        "type": options.get("strategy", "RollingUpdate"),
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }
    spec = {"replicas": replicas, "strategy": strategy, "template": {}, "progressDeadlineSeconds": 600}
    return {"metadata": {"name": "d", "generation": 1}, "spec": spec, "status": options.get("status", {})}


def replica_set(name: str, replicas: int, available: int | None = None, **annotations: Any) -> Json:
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": rfc3339(NOW_S + ord(name[0])),
            "annotations": {f"deployment.kubernetes.io/{k.replace('_', '-')}": str(v) for k, v in annotations.items()},
        },
        "spec": {"replicas": replicas, "template": {}},
        "status": {"replicas": replicas, "availableReplicas": replicas if available is None else available},
    }


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [
        ("25%", "25%", 10, (3, 2)),
        ("25%", "25%", 1, (1, 0)),
        (0, "25%", 1, (0, 1)),
        (0, 0, 5, (0, 1)),
        (2, 1, 5, (2, 1)),
        ("100%", "0%", 3, (3, 0)),
    ],
)
def test_percentages_round_surge_up_and_unavailable_down(
    surge: int | str, unavailable: int | str, replicas: int, expected: tuple[int, int]
) -> None:
    assert decide.fenceposts(surge, unavailable, replicas) == expected


@pytest.mark.parametrize(
    ("spec", "old", "new", "expected"),
    [
        (deployment(10, 2, 2), 10, 0, 2),
        (deployment(10, 2, 2), 8, 2, 4),
        (deployment(10, 2, 2), 12, 0, 0),
        (deployment(10, 5, 0), 0, 0, 10),
        (deployment(10, strategy="Recreate"), 5, 0, 10),
    ],
)
def test_the_new_set_grows_into_the_room_there_is(spec: Json, old: int, new: int, expected: int) -> None:
    sets = [replica_set("a", old), replica_set("b", new)]

    assert decide.new_set_replicas(spec, sets, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([("a", 10, 10)], (0, 0), {"a": 8}),
        ([("a", 8, 8)], (4, 0), {}),
        ([("a", 8, 8)], (4, 2), {"a": 6}),
        ([("a", 10, 4)], (2, 2), {"a": 6}),
        ([("a", 5, 0), ("b", 5, 5)], (0, 0), {"a": 3}),
        ([("a", 1, 1), ("b", 9, 9)], (0, 0), {"a": 0, "b": 8}),
        ([("a", 0, 0)], (10, 10), {}),
    ],
)
def test_old_sets_shrink_as_far_as_availability_allows(
    old: list[tuple[str, int, int]], new: tuple[int, int], expected: dict[str, int]
) -> None:
    sets = [replica_set(*entry) for entry in old]

    assert decide.old_set_sizes(deployment(10, 2, 2), sets, replica_set("z", *new)) == expected


@pytest.mark.parametrize(
    ("wanted", "surge", "sizes", "before", "expected"),
    [
        (15, 0, {"a": 5, "b": 5}, 10, {"b": 8, "a": 7}),
        (20, 0, {"a": 10}, 10, {"a": 20}),
        (5, 0, {"a": 5, "b": 5}, 10, {"a": 2, "b": 3}),
        (0, 2, {"a": 8, "b": 4}, 12, {"a": 0, "b": 0}),
        (10, 0, {"a": 4, "b": 6}, 10, {"a": 4, "b": 6}),
    ],
)
def test_a_resize_in_the_middle_of_a_rollout_is_shared_out(
    wanted: int, surge: int, sizes: dict[str, int], before: int, expected: dict[str, int]
) -> None:
    sets = [replica_set(name, size, max_replicas=before) for name, size in sizes.items()]

    assert decide.proportional_sizes(deployment(wanted, surge, 1), sets) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [({"a": 0, "b": 0}, "z"), ({"a": 3, "b": 0}, "a"), ({"a": 3, "b": 2}, None)],
)
def test_the_one_active_set_follows_the_size(sizes: dict[str, int], expected: str | None) -> None:
    chosen = decide.active_or_latest(replica_set("z", 0), [replica_set(name, size) for name, size in sizes.items()])

    assert (chosen["metadata"]["name"] if chosen else None) == expected


def test_without_a_new_set_the_newest_old_one_is_the_latest() -> None:
    chosen = decide.active_or_latest(None, [replica_set("a", 0), replica_set("b", 0)])

    assert chosen is not None
    assert chosen["metadata"]["name"] == "b"
    assert decide.active_or_latest(None, []) is None


def test_the_history_of_revisions_drops_its_oldest_when_full() -> None:
    history = ",".join(str(number) for number in range(1000, 1400))

    extended = decide.extended_history(history, "1400")

    assert len(extended) <= decide.REVISION_HISTORY_LENGTH_MAX
    assert extended.endswith(",1399,1400")
    assert decide.extended_history("", "1") == "1"


def test_a_reused_set_takes_the_new_revision_and_remembers_the_old() -> None:
    rs = replica_set("a", 1, revision=1)
    owner = {"metadata": {"annotations": {"note": "x", "deployment.kubernetes.io/revision": "2"}}, "spec": {}}

    annotations = decide.annotations_for_new(owner, rs, 3, is_existing=True)

    assert annotations == {
        "note": "x",
        "deployment.kubernetes.io/revision": "3",
        "deployment.kubernetes.io/revision-history": "1",
    }


@pytest.mark.parametrize(
    ("limit", "revisions", "expected"),
    [(2, {"a": 3, "b": 1, "c": 2}, ["b"]), (0, {"a": 2, "b": 1}, ["b", "a"]), (5, {"a": 1}, [])],
)
def test_the_lowest_revisions_beyond_the_limit_are_cleaned_up(
    limit: int, revisions: dict[str, int], expected: list[str]
) -> None:
    spec = deployment(1)
    spec["spec"]["revisionHistoryLimit"] = limit
    sets = [replica_set(name, 0, revision=revision) for name, revision in revisions.items()]

    assert [rs["metadata"]["name"] for rs in decide.to_clean_up(spec, sets)] == expected


def test_a_condition_keeps_its_transition_time_while_its_status_stays() -> None:
    old = status_of.new_condition("Progressing", "True", "NewReplicaSetCreated", "x", NOW_S)
    same = status_of.new_condition("Progressing", "True", "NewReplicaSetCreated", "y", NOW_S + 9)
    other = status_of.new_condition("Progressing", "True", "ReplicaSetUpdated", "z", NOW_S + 9)

    assert status_of.with_condition([old], same) == [old]
    (changed,) = status_of.with_condition([old], other)
    assert changed["lastTransitionTime"] == old["lastTransitionTime"]
    assert changed["lastUpdateTime"] == rfc3339(NOW_S + 9)


@pytest.mark.parametrize(
    ("reason", "age_s", "expected"),
    [("ReplicaSetUpdated", 599, False), ("ReplicaSetUpdated", 601, True), ("NewReplicaSetAvailable", 9999, False)],
)
def test_a_rollout_times_out_by_its_last_progress(reason: str, age_s: float, expected: bool) -> None:
    condition = status_of.new_condition("Progressing", "True", reason, "", NOW_S)

    assert status_of.is_timed_out(deployment(1, status={"conditions": [condition]}), NOW_S + age_s) is expected


def test_the_template_hash_is_short_stable_and_knows_collisions() -> None:
    template = {"metadata": {"labels": {"b": "1", "a": "2"}}, "spec": {"containers": [{"name": "c"}]}}
    reordered = {"spec": {"containers": [{"name": "c"}]}, "metadata": {"labels": {"a": "2", "b": "1"}}}

    digest = template_hash(template)

    assert digest == template_hash(reordered)
    assert 1 <= len(digest) <= 10
    assert set(digest) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert len({digest, template_hash(template, 1), template_hash(template, 2)}) == 3


IntOrPercent = st.one_of(st.integers(0, 12), st.integers(0, 100).map(lambda share: f"{share}%"))


@given(st.integers(0, 30), IntOrPercent, IntOrPercent, st.lists(st.integers(0, 12), max_size=3), st.integers(1, 9))
@settings(deadline=None)
def test_any_rollout_ends_and_stays_within_its_bounds(
    wanted: int, surge: int | str, unavailable: int | str, old_sizes: list[int], pace: int
) -> None:
    spec = deployment(wanted, surge, unavailable)
    old = [replica_set("abc"[index], size) for index, size in enumerate(old_sizes)]
    new = replica_set("z", 0)
    total_max = max(wanted + decide.max_surge(spec), sum(old_sizes))
    available_min = min(wanted - decide.max_unavailable(spec), sum(old_sizes))

    for _ in range(500):
        size = decide.replicas_of(new)
        target = wanted if size > wanted else decide.new_set_replicas(spec, [*old, new], size)
        new["spec"]["replicas"] = target
        if target == size:
            for name, smaller in decide.old_set_sizes(spec, old, new).items():
                rs = next(rs for rs in old if rs["metadata"]["name"] == name)
                rs["spec"]["replicas"] = smaller
                rs["status"]["availableReplicas"] = min(smaller, decide.available_of(rs))
        assert decide.total_replicas([*old, new]) <= total_max
        assert sum(map(decide.available_of, [*old, new])) >= available_min
        # A few of the new pods become available in each step.
        new["status"]["availableReplicas"] += min(pace, decide.replicas_of(new) - decide.available_of(new))
        if decide.total_replicas(old) == 0 and decide.available_of(new) == wanted:
            return
    raise AssertionError("the rollout did not end within 500 steps")
