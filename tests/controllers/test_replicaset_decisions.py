"""How many pods, which victims, what status: as tables."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.api.clock import rfc3339
from pyk8s.controllers.replicaset_decisions import (
    calculate_status,
    choose_victims,
    conditions_after,
    log_rank,
    replica_difference,
)

Json = dict[str, Any]
NOW_S = 1_767_225_600.0


def pod(name: str, **options: Any) -> Json:
    """A running, ready pod on a node, an hour old; options change that."""
    age_s, ready_s = options.get("age_s", 3600.0), options.get("ready_s", 3600.0)
    conditions = []
    if options.get("is_ready", True):
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(NOW_S - ready_s)}]
    metadata: Json = {
        "name": name,
        "uid": options.get("uid", name),
        "creationTimestamp": rfc3339(NOW_S - age_s),
        "labels": options.get("labels", {"app": "a"}),
    }
    if "cost" in options:
        metadata["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": options["cost"]}
    if options.get("is_deleting"):
        metadata["deletionTimestamp"] = rfc3339(NOW_S)
    return {
        "metadata": metadata,
        "spec": {"nodeName": options.get("node", "n1")},
        "status": {
            "phase": options.get("phase", "Running"),
            "conditions": conditions,
            "containerStatuses": [{"name": "c", "restartCount": options.get("restarts", 0)}],
        },
    }


@pytest.mark.parametrize(
    ("active", "replicas", "expected"),
    [(0, 3, 3), (3, 3, 0), (5, 3, -2), (0, 1000, 500), (2000, 0, -500)],
)
def test_a_sync_makes_or_deletes_at_most_500(active: int, replicas: int, expected: int) -> None:
    assert replica_difference(active, replicas) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"node": ""}, {}),
        ({"phase": "Pending"}, {"phase": "Unknown"}),
        ({"phase": "Unknown"}, {"phase": "Running"}),
        ({"is_ready": False}, {}),
        ({"cost": "-1"}, {}),
        ({}, {"cost": "7"}),
        ({"cost": "no number"}, {"cost": "1"}),
        ({"node": "crowded"}, {"node": "n1"}),
        ({"ready_s": 10.0}, {"ready_s": 1000.0}),
        ({"restarts": 3}, {"restarts": 1}),
        ({"age_s": 10.0}, {"age_s": 1000.0}),
        ({"uid": "a"}, {"uid": "b"}),
        ({"uid": "a", "ready_s": 1000.0}, {"uid": "b", "ready_s": 1001.0}),
        ({"node": "", "is_ready": True}, {"phase": "Pending", "is_ready": False}),
    ],
)
def test_the_first_goes_before_the_second(first: Json, second: Json) -> None:
    a, b = pod("a", **first), pod("b", **second)
    family = {"crowded": 5, "n1": 1}

    for order in ([a, b], [b, a]):
        (victim,) = choose_victims(order, 1, family_per_node=family, now_s=NOW_S)
        assert victim is a


def test_ages_of_one_order_of_magnitude_rank_alike() -> None:
    assert log_rank(NOW_S - 1000, NOW_S) == log_rank(NOW_S - 1001, NOW_S)
    assert log_rank(NOW_S - 10, NOW_S) < log_rank(NOW_S - 1000, NOW_S)
    assert log_rank(NOW_S + 5, NOW_S) == -1


def test_the_status_counts_what_the_pods_are() -> None:
    rs = {
        "metadata": {"generation": 4},
        "spec": {"minReadySeconds": 30, "template": {"metadata": {"labels": {"app": "a", "x": "y"}}}},
    }
    full = pod("full", labels={"app": "a", "x": "y"})
    fresh, unready = pod("fresh", ready_s=10.0), pod("unready", is_ready=False)
    going = pod("going", is_deleting=True)

    status = calculate_status(rs, [full, fresh, unready, going], [full, fresh, unready], now_s=NOW_S)

    assert status == {
        "replicas": 3,
        "fullyLabeledReplicas": 1,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 4,
    }


def test_a_failure_keeps_its_time_and_goes_with_success() -> None:
    old = {"type": "ReplicaFailure", "status": "True", "lastTransitionTime": "then"}
    new = {"type": "ReplicaFailure", "status": "True", "lastTransitionTime": "now"}

    assert conditions_after({"conditions": [old]}, new) == [old]
    assert conditions_after({}, new) == [new]
    assert conditions_after({"conditions": [old]}, None) == []
