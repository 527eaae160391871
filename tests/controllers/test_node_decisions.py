"""Health of nodes and zones, taints, tolerations, address ranges: as tables."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.api.clock import rfc3339
from pyk8s.controllers.node_health import (
    conditions_when_stale,
    eviction_qps,
    first_health,
    is_everything_down,
    is_stale,
    zone_state,
)
from pyk8s.controllers.node_ipam import CidrSet
from pyk8s.controllers.taints import tolerated_for_s, with_no_execute, with_no_schedule

Json = dict[str, Any]
NOW_S = 1_767_225_600.0
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
NO_EXECUTE = {"key": "k", "value": "v", "effect": "NoExecute"}


def node(*conditions: tuple[str, str], **spec: Any) -> Json:
    return {
        "metadata": {"name": "n", "creationTimestamp": rfc3339(NOW_S)},
        "spec": spec,
        "status": {
            "conditions": [{"type": t, "status": s, "lastHeartbeatTime": rfc3339(NOW_S)} for t, s in conditions]
        },
    }


def lease(renewed_s: float) -> Json:
    return {"spec": {"renewTime": rfc3339(renewed_s)}}


def test_a_renewed_lease_is_a_sign_of_life() -> None:
    silent = node(("Ready", "True"))
    health = first_health(silent, lease(NOW_S), NOW_S)
    assert not is_stale(silent, health, NOW_S + 50)
    assert is_stale(silent, health, NOW_S + 51)

    health.observe(silent, lease(NOW_S + 40), NOW_S + 40)

    assert not is_stale(silent, health, NOW_S + 90)


def test_a_node_that_never_reported_has_a_minute() -> None:
    new = node()
    health = first_health(new, None, NOW_S + 1)

    assert not is_stale(new, health, NOW_S + 60)
    assert is_stale(new, health, NOW_S + 61)


def test_a_silent_node_is_unknown_in_everything_it_reports() -> None:
    conditions = conditions_when_stale(node(("Ready", "True"), ("NetworkUnavailable", "False")), NOW_S)

    assert conditions is not None
    assert [(c["type"], c["status"], c.get("reason")) for c in conditions] == [
        ("Ready", "Unknown", "NodeStatusUnknown"),
        ("NetworkUnavailable", "False", None),
        ("MemoryPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("DiskPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("PIDPressure", "Unknown", "NodeStatusNeverUpdated"),
    ]
    stale = {**node(), "status": {"conditions": conditions}}
    assert conditions_when_stale(stale, NOW_S + 99) is None


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        (3, 0, "Normal"),
        (0, 1, "FullSegmentation"),
        (1, 2, "Normal"),
        (2, 3, "PartialSegmentation"),
        (4, 3, "Normal"),
        (0, 0, "Normal"),
    ],
)
def test_a_zone_is_judged_by_the_share_of_its_nodes(good: int, bad: int, expected: str) -> None:
    assert zone_state(["True"] * good + ["Unknown"] * bad) == expected


def test_evictions_slow_down_in_a_broken_zone() -> None:
    assert eviction_qps("Normal", 3) == eviction_qps("FullSegmentation", 3) == 0.1
    assert (eviction_qps("PartialSegmentation", 50), eviction_qps("PartialSegmentation", 51)) == (0.0, 0.01)
    assert is_everything_down({"a": "FullSegmentation"})
    assert not is_everything_down({"a": "FullSegmentation", "b": "Normal"})
    assert not is_everything_down({})


@pytest.mark.parametrize(
    ("conditions", "spec", "expected"),
    [
        ([("Ready", "False")], {}, ["node.kubernetes.io/not-ready"]),
        ([("Ready", "Unknown")], {}, ["node.kubernetes.io/unreachable"]),
        ([("Ready", "True"), ("DiskPressure", "True")], {}, ["node.kubernetes.io/disk-pressure"]),
        ([("Ready", "True")], {"unschedulable": True}, ["node.kubernetes.io/unschedulable"]),
        (
            [("Ready", "True")],
            {
                "taints": [
                    {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
                    {"key": "mine", "effect": "NoSchedule"},
                ]
            },
            ["mine"],
        ),
    ],
)
def test_conditions_become_no_schedule_taints(
    conditions: list[tuple[str, str]], spec: Json, expected: list[str]
) -> None:
    taints = with_no_schedule(node(*conditions, **spec), "now")

    assert taints is not None
    assert [taint["key"] for taint in taints] == expected
    assert with_no_schedule(node(*conditions, **{**spec, "taints": taints}), "later") is None


def test_a_no_execute_taint_replaces_its_opposite() -> None:
    tainted = node(taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}])

    taints = with_no_execute(tainted, "node.kubernetes.io/unreachable", "now")

    assert taints == [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "now"}]
    assert with_no_execute(tainted, "node.kubernetes.io/not-ready", "now") is None
    assert with_no_execute(tainted, "", "now") == []


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ([], 0.0),
        ([{"operator": "Exists"}], None),
        ([{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}], 300.0),
        ([{"key": "k", "value": "v"}], None),
        ([{"key": "k", "value": "other"}], 0.0),
        ([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}], 0.0),
        ([{"operator": "Exists", "tolerationSeconds": 9}, {"key": "k", "value": "v", "tolerationSeconds": 5}], 5.0),
        ([{"operator": "Exists", "tolerationSeconds": -5}], 0.0),
    ],
)
def test_the_shortest_matching_toleration_counts(tolerations: list[Json], expected: float | None) -> None:
    assert tolerated_for_s(tolerations, [NO_EXECUTE]) == expected


def test_address_ranges_are_given_once_and_come_back_last() -> None:
    cidrs = CidrSet("10.0.0.0/22")
    cidrs.occupy("10.0.1.0/24")
    cidrs.occupy("192.168.0.0/24")

    assert [cidrs.allocate() for _ in range(2)] == ["10.0.0.0/24", "10.0.2.0/24"]
    cidrs.release("10.0.0.0/24")

    assert [cidrs.allocate() for _ in range(3)] == ["10.0.3.0/24", "10.0.0.0/24", None]
    with pytest.raises(ValueError, match="at least a /24"):
        CidrSet("10.0.0.0/28")
