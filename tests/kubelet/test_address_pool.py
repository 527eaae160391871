"""Pod addresses of one node."""

from __future__ import annotations

import pytest
from pyk8s.kubelet.address_pool import AddressPool


def test_addresses_start_behind_the_bridge_and_never_repeat_while_held() -> None:
    pool = AddressPool("10.244.3.0/24")

    taken = [pool.take() for _ in range(253)]

    assert taken[0] == "10.244.3.2"
    assert len(set(taken)) == 253
    assert pool.take() is None


def test_a_freed_address_comes_again_last() -> None:
    pool = AddressPool("10.0.0.0/29")
    first = pool.take()
    assert first is not None

    pool.free(first)

    assert [pool.take() for _ in range(5)] == ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", first]


def test_reserved_addresses_are_left_out() -> None:
    pool = AddressPool("10.0.0.0/24")

    pool.reserve("10.0.0.2")

    assert pool.take() == "10.0.0.3"


def test_ipv6_works_alike() -> None:
    assert AddressPool("fd00:10:244::/64").take() == "fd00:10:244::2"


def test_what_is_no_cidr_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        AddressPool("nonsense")
