"""Value formats of the API: names, labels, ports, addresses; each says what is wrong in Kubernetes' words.

Always true: a function returns the messages of one value, () or [] when it is fine; it never raises on a string.
Not here: which field has which format, paths (see the modules beside this one).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

Messages = Sequence[str]
Format = Callable[[str], Messages]

CACHED_VALUES_MAX = 4096
"""Label keys and the like repeat; 4096 short strings are below 1 MiB."""

DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
SEARCH_DOMAIN = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
LABEL_VALUE = f"({QUALIFIED})?"
WILDCARD = rf"\*\.{DNS_SUBDOMAIN}"
CONFIG_KEY = "[-._a-zA-Z0-9]+"
HEADER_NAME = "[-A-Za-z0-9]+"
PERCENT = "[0-9]+%"

_dns_label = re.compile(DNS_LABEL).fullmatch
_dns_subdomain = re.compile(DNS_SUBDOMAIN).fullmatch
_search_domain = re.compile(SEARCH_DOMAIN).fullmatch
_dns_1035 = re.compile(DNS_1035).fullmatch
_qualified = re.compile(QUALIFIED).fullmatch
_wildcard = re.compile(WILDCARD).fullmatch
_config_key = re.compile(CONFIG_KEY).fullmatch
_header_name = re.compile(HEADER_NAME).fullmatch
_percent = re.compile(PERCENT).fullmatch
_port_characters = re.compile("[-a-z0-9]+").fullmatch
_environment = re.compile(r"[ -<>-~]+").fullmatch
_canonical_ipv4 = re.compile(
    r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)", re.ASCII
).fullmatch

BAD_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
BAD_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
BAD_PORT = "must be between 1 and 65535, inclusive"
BAD_ID = "must be between 0 and 2147483647, inclusive"
NOT_NEGATIVE = "must be greater than or equal to 0"
GREATER_THAN_ZERO = "must be greater than zero"
IMMUTABLE = "field is immutable"


def regex_message(text: str, pattern: str, *examples: str) -> str:
    """The text of a failed pattern, with examples, as apimachinery's RegexError prints it."""
    shown = "e.g. " + ",  or ".join(f"'{e}'" for e in examples) + ", " if examples else ""
    return f"{text} ({shown}regex used for validation is '{pattern}')"


DNS_LABEL_MESSAGE = regex_message(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-',"
    " and must start and end with an alphanumeric character",
    DNS_LABEL,
    "my-name",
    "123-abc",
)
DNS_SUBDOMAIN_MESSAGE = regex_message(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character",
    DNS_SUBDOMAIN,
    "example.com",
)
SEARCH_DOMAIN_MESSAGE = regex_message(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.',"
    " and must start and end with an alphanumeric character",
    SEARCH_DOMAIN,
    "example.com",
)
DNS_1035_MESSAGE = regex_message(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character",
    DNS_1035,
    "my-name",
    "abc-123",
)
QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
QUALIFIED_MESSAGE = regex_message(QUALIFIED_TEXT, QUALIFIED, "MyName", "my.name", "123-abc")
LABEL_VALUE_MESSAGE = regex_message(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character",
    LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
WILDCARD_MESSAGE = regex_message(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of"
    " lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    WILDCARD,
    "*.example.com",
)
CONFIG_KEY_MESSAGE = regex_message(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
HEADER_NAME_MESSAGE = regex_message(
    "a valid HTTP header must consist of alphanumeric characters or '-'", HEADER_NAME, "X-Header-Name"
)
PERCENT_MESSAGE = regex_message(
    "a valid percent string must be a numeric string followed by an ending '%'", PERCENT, "1%", "93%"
)


def length_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def too_long_characters(limit: int) -> str:
    return f"must be no more than {limit} characters"


@lru_cache(CACHED_VALUES_MAX)
def dns_label(value: str) -> Messages:
    """IsDNS1123Label."""
    errors = [too_long_characters(63)] if length_bytes(value) > 63 else []
    if not _dns_label(value):
        errors.append("must not contain dots" if _dns_subdomain(value) else DNS_LABEL_MESSAGE)
    return errors


@lru_cache(CACHED_VALUES_MAX)
def dns_subdomain(value: str) -> Messages:
    """IsDNS1123Subdomain."""
    errors = [too_long_characters(253)] if length_bytes(value) > 253 else []
    if not _dns_subdomain(value):
        errors.append(DNS_SUBDOMAIN_MESSAGE)
    return errors


def search_domain(value: str) -> Messages:
    """IsDNS1123SubdomainWithUnderscore: what resolvers may search."""
    errors = [too_long_characters(253)] if length_bytes(value) > 253 else []
    if not _search_domain(value):
        errors.append(SEARCH_DOMAIN_MESSAGE)
    return errors


def dns_1035_label(value: str) -> Messages:
    """IsDNS1035Label."""
    errors = [too_long_characters(63)] if length_bytes(value) > 63 else []
    if not _dns_1035(value):
        errors.append(DNS_1035_MESSAGE)
    return errors


def wildcard_subdomain(value: str) -> Messages:
    """IsWildcardDNS1123Subdomain."""
    errors = [too_long_characters(253)] if length_bytes(value) > 253 else []
    if not _wildcard(value):
        errors.append(WILDCARD_MESSAGE)
    return errors


@lru_cache(CACHED_VALUES_MAX)
def qualified_name(value: str) -> Messages:
    """IsQualifiedName: an optional DNS prefix, a slash, and a name; the format of label keys."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        with_prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {QUALIFIED_MESSAGE} {with_prefix}"]
    errors = []
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        errors.extend(f"prefix part {message}" for message in dns_subdomain(prefix))
    if not name:
        errors.append("name part must be non-empty")
    elif length_bytes(name) > 63:
        errors.append("name part must be no more than 63 bytes")
    if not _qualified(name):
        errors.append(f"name part {QUALIFIED_MESSAGE}")
    return errors


@lru_cache(CACHED_VALUES_MAX)
def label_value(value: str) -> Messages:
    """IsValidLabelValue."""
    errors = ["must be no more than 63 bytes"] if length_bytes(value) > 63 else []
    if value and not _qualified(value):
        errors.append(LABEL_VALUE_MESSAGE)
    return errors


def path_segment(value: str) -> Messages:
    """IsPathSegmentName: anything that can stand between two slashes of a URL."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{part}'" for part in ("/", "%") if part in value]


def port_name(value: str) -> Messages:
    """IsValidPortName, as IANA service names."""
    errors = [too_long_characters(15)] if length_bytes(value) > 15 else []
    if not _port_characters(value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= c <= "z" for c in value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value and "-" in (value[0], value[-1]):
        errors.append("must not begin or end with a hyphen")
    return errors


def port_number(value: int) -> Messages:
    return () if 1 <= value <= 65535 else (BAD_PORT,)


def identifier(value: int) -> Messages:
    """IsValidUserID and IsValidGroupID."""
    return () if 0 <= value <= 2147483647 else (BAD_ID,)


def percent(value: str) -> Messages:
    return () if _percent(value) else (PERCENT_MESSAGE,)


def header_name(value: str) -> Messages:
    return () if _header_name(value) else (HEADER_NAME_MESSAGE,)


def environment_name(value: str) -> Messages:
    """The relaxed rule for environment variables: printable ASCII but "="."""
    if not value:
        return ("environment variable name must be non-empty",)
    if _environment(value):
        return ()
    return ("a valid environment variable name must consist only of printable ASCII characters other than '='",)


def config_map_key(value: str) -> Messages:
    errors = [too_long_characters(253)] if length_bytes(value) > 253 else []
    if not _config_key(value):
        errors.append(CONFIG_KEY_MESSAGE)
    if value in (".", ".."):
        errors.append(f"must not be '{value}'")
    elif value.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def parse_ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as Go's sloppy parser reads it (leading zeros are decimal), None when it is none."""
    if ":" not in value:
        parts = value.split(".")
        if len(parts) != 4 or not all(p.isascii() and p.isdigit() and int(p) < 256 for p in parts):
            return None
        return ipaddress.IPv4Address(".".join(str(int(p)) for p in parts))
    if "%" in value:
        return None
    try:
        return ipaddress.IPv6Address(value)
    except ValueError:
        return None


def ip_address(value: str) -> Messages:
    """IsValidIP, with the strict checks against leading zeros and mapped addresses."""
    if _canonical_ipv4(value):
        return ()
    address = parse_ip(value)
    if address is None:
        return (BAD_IP,)
    if isinstance(address, ipaddress.IPv4Address):
        return ("must not have leading 0s",)
    if address.ipv4_mapped is not None:
        return ("must not be an IPv4-mapped IPv6 address",)
    return ()


def canonical_ip(value: str) -> str:
    """The address as Go prints it; ``value`` must be valid."""
    address = parse_ip(value)
    assert address is not None, "callers validate the address first"
    return str(address)


def cidr(value: str) -> Messages:
    """IsValidCIDR, strict."""
    address_text, _, length_text = value.partition("/")
    address = parse_ip(address_text)
    if address is None or not length_text.isascii() or not length_text.isdigit():
        return (BAD_CIDR,)
    if int(length_text) > address.max_prefixlen:
        return (BAD_CIDR,)
    return _strict_cidr(address_text, length_text, address)


def _strict_cidr(
    address_text: str, length_text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> Messages:
    errors = []
    is_v4 = isinstance(address, ipaddress.IPv4Address)
    if (is_v4 and not _canonical_ipv4(address_text)) or (len(length_text) > 1 and length_text[0] == "0"):
        errors.append("must not have leading 0s in IP or prefix length")
    if not is_v4 and address.ipv4_mapped is not None:  # type: ignore[union-attr]
        errors.append("must not have an IPv4-mapped IPv6 address")
    network = ipaddress.ip_network(f"{address}/{int(length_text)}", strict=False)
    if network.network_address != address:
        errors.append("must not have bits set beyond the prefix length")
    return errors


def path_no_backsteps(value: str) -> Messages:
    """No path element may be ``..``."""
    return ("must not contain '..'",) if ".." in value.split("/") else ()
