"""Formats of names, labels, ports and addresses: what passes, and what is said of what does not."""

from __future__ import annotations

import pytest
from pyk8s_server.apiserver.registry.validation import formats
from pyk8s_server.apiserver.registry.validation.schedules import check_schedule


@pytest.mark.parametrize("value", ["a", "my-name", "123-abc", "a" * 63])
def test_dns_labels_pass(value: str) -> None:
    assert not formats.dns_label(value)


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("A", [formats.DNS_LABEL_MESSAGE]),
        ("a.b", ["must not contain dots"]),
        ("a" * 64, ["must be no more than 63 characters"]),
        ("a-", [formats.DNS_LABEL_MESSAGE]),
        ("a\n", [formats.DNS_LABEL_MESSAGE]),
        ("", [formats.DNS_LABEL_MESSAGE]),
        ("ä", [formats.DNS_LABEL_MESSAGE]),
    ],
)
def test_bad_dns_labels_are_told_why(value: str, messages: list[str]) -> None:
    assert list(formats.dns_label(value)) == messages


@pytest.mark.parametrize("value", ["a", "A_b.c-d", "example.com/MyName", "x.y.z/a"])
def test_qualified_names_pass(value: str) -> None:
    assert not formats.qualified_name(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/b", "prefix part must be non-empty"),
        ("Ex.com/b", f"prefix part {formats.DNS_SUBDOMAIN_MESSAGE}"),
        ("a b", f"name part {formats.QUALIFIED_MESSAGE}"),
        ("a" * 64, "name part must be no more than 63 bytes"),
    ],
)
def test_bad_qualified_names_are_told_which_part(value: str, message: str) -> None:
    assert list(formats.qualified_name(value)) == [message]


def test_an_empty_qualified_name_breaks_two_rules() -> None:
    expected = ["name part must be non-empty", f"name part {formats.QUALIFIED_MESSAGE}"]

    assert list(formats.qualified_name("")) == expected


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("http", []),
        ("80", ["must contain at least one letter (a-z)"]),
        ("a--b", ["must not contain consecutive hyphens"]),
        ("-a", ["must not begin or end with a hyphen"]),
        ("A_b", ["must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"]),
        ("a" * 16, ["must be no more than 15 characters"]),
    ],
)
def test_port_names(value: str, messages: list[str]) -> None:
    assert list(formats.port_name(value)) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("10.0.0.1", []),
        ("2001:db8::1", []),
        ("x", [formats.BAD_IP]),
        ("1.2.3", [formats.BAD_IP]),
        ("256.1.1.1", [formats.BAD_IP]),
        ("fe80::1%eth0", [formats.BAD_IP]),
        ("010.1.1.1", ["must not have leading 0s"]),
        ("::ffff:1.2.3.4", ["must not be an IPv4-mapped IPv6 address"]),
    ],
)
def test_addresses(value: str, messages: list[str]) -> None:
    assert list(formats.ip_address(value)) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("10.0.0.0/8", []),
        ("2001:db8::/64", []),
        ("abc", [formats.BAD_CIDR]),
        ("10.0.0.0/33", [formats.BAD_CIDR]),
        ("10.0.0.0", [formats.BAD_CIDR]),
        ("10.0.0.1/8", ["must not have bits set beyond the prefix length"]),
        ("10.0.0.0/08", ["must not have leading 0s in IP or prefix length"]),
    ],
)
def test_networks(value: str, messages: list[str]) -> None:
    assert list(formats.cidr(value)) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("key.name", []),
        ("a b", [formats.CONFIG_KEY_MESSAGE]),
        (".", ["must not be '.'"]),
        ("..", ["must not be '..'"]),
        ("..a", ["must not start with '..'"]),
    ],
)
def test_config_map_keys(value: str, messages: list[str]) -> None:
    assert list(formats.config_map_key(value)) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [("a", []), ("..", ["may not be '..'"]), ("a/b", ["may not contain '/'"]), ("a%b", ["may not contain '%'"])],
)
def test_path_segments(value: str, messages: list[str]) -> None:
    assert list(formats.path_segment(value)) == messages


@pytest.mark.parametrize("value", ["* * * * *", "*/5 0-3 1,15 jan mon", "@hourly", "@every 1h30m"])
def test_schedules_that_cron_reads(value: str) -> None:
    assert check_schedule(value) == ""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a b c", "expected exactly 5 fields, found 3: [a b c]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@never", "unrecognized descriptor: @never"),
    ],
)
def test_schedules_that_cron_does_not_read(value: str, problem: str) -> None:
    assert check_schedule(value) == problem
