"""Addresses that may stand for something outside of their host: endpoints, external IPs."""

from __future__ import annotations

from pyk8s.api.field import FieldError, invalid

from pyk8s_server.apiserver.registry.validation import formats

LOOPBACK = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
LINK_LOCAL = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
LINK_LOCAL_MULTICAST = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"


def validate_special_address(path: str, value: str) -> list[FieldError]:
    """No unspecified, loopback or link-local address."""
    address = formats.parse_ip(value)
    if address is None:
        return [invalid(path, value, "must be a valid IP address")]
    if address.is_unspecified:
        return [invalid(path, value, f"may not be unspecified ({value})")]
    if address.is_loopback:
        return [invalid(path, value, LOOPBACK)]
    if address.is_link_local:
        return [invalid(path, value, LINK_LOCAL)]
    if address.is_multicast and (str(address).startswith(("224.0.0.", "ff02:"))):
        return [invalid(path, value, LINK_LOCAL_MULTICAST)]
    return []


def validate_outside_address(path: str, value: str) -> list[FieldError]:
    errors = [invalid(path, value, m) for m in formats.ip_address(value)]
    return errors + validate_special_address(path, value)
