"""What may be a label key and a label value, and what Kubernetes says of the ones that may not.

Always true: lengths are counted in bytes, as Kubernetes counts them.
Not here: names of objects (the API server's validation knows those).
"""

from __future__ import annotations

import re

NAME_BYTES_MAX = 63
SUBDOMAIN_BYTES_MAX = 253

NAME_FORM = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
SUBDOMAIN_FORM = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
VALUE_FORM = f"({NAME_FORM})?"

NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    f" (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{NAME_FORM}')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    f" and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{SUBDOMAIN_FORM}')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    f" '{VALUE_FORM}')"
)


def key_problem(key: str) -> str:
    """What is wrong with a label key, joined by "; "; "" when it is a good one."""
    if key.count("/") > 1:
        return (
            f"a valid label key {NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        )
    prefix, slash, name = key.rpartition("/")
    problems = _prefix_problems(prefix) if slash else []
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode()) > NAME_BYTES_MAX:
        problems.append(f"name part must be no more than {NAME_BYTES_MAX} bytes")
    if not re.fullmatch(NAME_FORM, name):
        problems.append(f"name part {NAME_RULE}")
    return "; ".join(problems)


def value_problem(value: str) -> str:
    """What is wrong with a label value, joined by "; "; "" when it is a good one."""
    problems = []
    if len(value.encode()) > NAME_BYTES_MAX:
        problems.append(f"must be no more than {NAME_BYTES_MAX} bytes")
    if not re.fullmatch(VALUE_FORM, value):
        problems.append(VALUE_RULE)
    return "; ".join(problems)


def _prefix_problems(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    problems = []
    if len(prefix.encode()) > SUBDOMAIN_BYTES_MAX:
        problems.append(f"prefix part must be no more than {SUBDOMAIN_BYTES_MAX} bytes")
    if not re.fullmatch(SUBDOMAIN_FORM, prefix):
        problems.append(f"prefix part {SUBDOMAIN_RULE}")
    return problems
