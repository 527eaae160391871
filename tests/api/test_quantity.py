"""Quantities: parsing, canonical form and arithmetic as apimachinery's resource.Quantity does them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s.api.quantity import (
    FORMAT_WRONG,
    NUMBER_WRONG,
    SUFFIX_WRONG,
    ZERO,
    Quantity,
    QuantityError,
    canonical,
    total,
)

CANONICAL = {
    "0": "0", "-0": "0", "-": "0", "m": "0", "1000m": "1", "1": "1", "0.5": "500m", "+5": "5", "1.": "1",
    "-1.5": "-1500m", "1.5Gi": "1536Mi", "1024Ki": "1Mi", "2048": "2048", "1025Ki": "1025Ki", "0.5Gi": "512Mi",
    "1e3": "1e3", "1E3": "1e3", "1e4": "10e3", "1e-3": "1e-3", "0.1n": "1n", "1.0000000001": "1000000001n",
    "12345.678": "12345678m", "0.1Ki": "102400m", "0.0001Ki": "102400u", "9Ei": "9223372036854775807", "1000k": "1M",
    "1000E": "1000E", "1E": "1E", "100Mi": "100Mi", "1e100": "10e99",
}  # fmt: skip

REFUSED = {
    "": FORMAT_WRONG, "abc": FORMAT_WRONG, "1x": FORMAT_WRONG, "1 Gi": FORMAT_WRONG, "1.5.5": FORMAT_WRONG,
    "--1": SUFFIX_WRONG, "1ki": SUFFIX_WRONG, "1Mi1": SUFFIX_WRONG, "1e": SUFFIX_WRONG,
    "1ee3": SUFFIX_WRONG, "1e99999999999": SUFFIX_WRONG, "1" * 5000: NUMBER_WRONG, "١": FORMAT_WRONG,
}  # fmt: skip


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_form_is_what_kube_apiserver_writes(text: str) -> None:
    assert canonical(text) == CANONICAL[text]


@pytest.mark.parametrize("text", REFUSED)
def test_bad_quantity_is_refused_in_kubernetes_words(text: str) -> None:
    with pytest.raises(QuantityError) as caught:
        Quantity.parse(text)

    assert str(caught.value) == REFUSED[text]


def test_sum_takes_the_format_of_its_first_term_that_is_not_zero() -> None:
    assert str(total(map(Quantity.parse, ["0", "512Mi", "512Mi"]))) == "1Gi"
    assert str(Quantity.parse("1") + Quantity.parse("1Ki")) == "1025"
    assert str(Quantity.parse("1Ki") - Quantity.parse("2Ki")) == "-1Ki"


def test_comparison_is_by_amount_whatever_the_format() -> None:
    assert Quantity.parse("1Ki") == Quantity.parse("1024") == Quantity.parse("1.024e3")
    assert Quantity.parse("999m") < Quantity.parse("1") <= Quantity.parse("1000m")
    assert hash(Quantity.parse("1000m")) == hash(Quantity.parse("1"))
    assert not ZERO


def test_values_are_rounded_away_from_zero() -> None:
    assert Quantity.parse("1500m").value() == 2
    assert Quantity.parse("-1500m").value() == -2
    assert Quantity.parse("1500u").milli_value() == 2
    assert str(Quantity.parse("1u").rounded_up(-3)) == "1m"


def test_json_numbers_are_quantities_too() -> None:
    assert str(Quantity.of(0.5)) == "500m"
    assert str(Quantity.of(3)) == "3"
    assert str(Quantity.of(" 1Gi ")) == "1Gi"


@given(
    st.integers(-(10**20), 10**20),
    st.sampled_from(["DecimalSI", "BinarySI", "DecimalExponent"]),
)
def test_canonical_form_reads_back_as_the_same_amount(nano: int, form: str) -> None:
    quantity = Quantity(nano, form)  # type: ignore[arg-type]

    again = Quantity.parse(str(quantity))

    assert again == quantity
    assert str(again) == str(quantity)


@given(st.text("0123456789.+-eEinumkKMGTP ", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        quantity = Quantity.parse(text)
    except QuantityError:
        return
    assert Quantity.parse(str(quantity)) == quantity
