"""Packing slices, cutting Endpoints, resolving ports: as tables and properties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s.controllers.endpoints import truncated
from pyk8s.controllers.endpointslice_packing import identity_of, pack
from pyk8s.controllers.service_endpoints import find_port, hostname_of

Json = dict[str, Any]


def endpoint(number: int, ready: bool = True) -> Json:
    return {
        "addresses": [f"10.0.0.{number}"],
        "conditions": {"ready": ready},
        "targetRef": {"uid": str(number)},
    }


def endpoints(*numbers: int) -> list[Json]:
    return [endpoint(number) for number in numbers]


def numbers(packed: list[Json]) -> list[int]:
    return [int(e["targetRef"]["uid"]) for e in packed]


def test_new_endpoints_fill_the_slices_that_are_written_anyway_fullest_first() -> None:
    existing = {"a": endpoints(1, 2), "b": endpoints(3, 4, 5)}

    plan = pack(existing, endpoints(1, 3, 4, 6), size_max=4)

    assert {name: numbers(packed) for name, packed in plan.update.items()} == {"a": [1], "b": [3, 4, 6]}
    assert plan.create == plan.delete == []


def test_the_rest_goes_to_the_fullest_unchanged_slice_that_takes_it_all() -> None:
    existing = {"a": endpoints(1), "b": endpoints(2, 3), "c": endpoints(4, 5, 6, 7)}

    plan = pack(existing, endpoints(1, 2, 3, 4, 5, 6, 7, 8, 9), size_max=4)

    assert {name: numbers(packed) for name, packed in plan.update.items()} == {"b": [2, 3, 8, 9]}
    assert plan.keep == ["a", "c"]


def test_more_than_fits_makes_new_slices() -> None:
    plan = pack({"a": endpoints(1, 2, 3)}, endpoints(*range(1, 9)), size_max=4)

    assert [numbers(packed) for packed in plan.create] == [[4, 5, 6, 7]]
    assert {name: numbers(packed) for name, packed in plan.update.items()} == {"a": [1, 2, 3, 8]}


def test_an_empty_slice_is_deleted_and_an_equal_one_left_alone() -> None:
    plan = pack({"a": endpoints(1), "b": endpoints(2)}, endpoints(2), size_max=4)

    assert (plan.delete, plan.keep, plan.update, plan.create) == (["a"], ["b"], {}, [])


def test_a_changed_endpoint_is_updated_in_its_place() -> None:
    plan = pack({"a": endpoints(1, 2)}, [endpoint(1, ready=False), endpoint(2)], size_max=4)

    assert plan.update == {"a": [endpoint(1, ready=False), endpoint(2)]}


@given(
    st.lists(st.sets(st.integers(0, 60), max_size=5), max_size=8),
    st.sets(st.integers(0, 60), max_size=40),
    st.integers(5, 9),
)
def test_every_wanted_endpoint_is_in_exactly_one_slice_of_bounded_size(
    slices: list[set[int]], wanted: set[int], size_max: int
) -> None:
    seen: set[int] = set()
    existing = {}
    for index, members in enumerate(slices):
        existing[str(index)] = endpoints(*sorted(members - seen))
        seen |= members

    plan = pack(existing, endpoints(*sorted(wanted)), size_max=size_max)

    left = [*plan.create, *plan.update.values(), *(existing[name] for name in plan.keep)]
    assert sorted(identity_of(e) for packed in left for e in packed) == sorted(map(identity_of, endpoints(*wanted)))
    assert all(0 < len(packed) <= size_max for packed in left)
    assert {*plan.update, *plan.keep, *plan.delete} == {*existing}


def test_endpoints_over_capacity_keep_the_ready_ones() -> None:
    subsets = [
        {"addresses": [1, 2], "notReadyAddresses": [3], "ports": ["p"]},
        {"addresses": [4], "ports": ["q"]},
    ]

    assert truncated(subsets, addresses_max=4) == (subsets, False)  # type: ignore[arg-type]
    assert truncated(subsets, addresses_max=3) == (  # type: ignore[arg-type]
        [{"addresses": [1, 2], "ports": ["p"]}, {"addresses": [4], "ports": ["q"]}],
        True,
    )


@pytest.mark.parametrize(
    ("service_port", "expected"),
    [
        ({"port": 80, "targetPort": 8080}, 8080),
        ({"port": 80}, 80),
        ({"port": 80, "targetPort": "web"}, 9000),
        ({"port": 80, "targetPort": "web", "protocol": "UDP"}, None),
        ({"port": 80, "targetPort": "none"}, None),
        ({"port": 80, "targetPort": "mesh"}, 15000),
    ],
)
def test_target_ports_are_resolved_in_the_pod(service_port: Json, expected: int | None) -> None:
    pod = {
        "spec": {
            "containers": [{"ports": [{"name": "web", "containerPort": 9000}]}],
            "initContainers": [
                {"ports": [{"name": "none", "containerPort": 1}]},
                {"restartPolicy": "Always", "ports": [{"name": "mesh", "containerPort": 15000}]},
            ],
        }
    }

    assert find_port(pod, service_port) == expected


def test_a_hostname_counts_only_under_its_own_service() -> None:
    service = {"metadata": {"name": "db"}}

    assert hostname_of(service, {"spec": {"hostname": "db-0", "subdomain": "db"}}) == "db-0"
    assert hostname_of(service, {"spec": {"hostname": "db-0", "subdomain": "other"}}) == ""
