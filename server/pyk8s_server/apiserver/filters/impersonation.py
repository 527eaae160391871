"""Impersonation: a request acts as another user, named in its Impersonate- headers.

Always true: without an authorizer that knows the verb "impersonate", only members of system:masters may do it.
Source: kubernetes.io, "User impersonation".
"""

from __future__ import annotations

from urllib.parse import unquote

from pyk8s.api.http import UserInfo
from pyk8s.api.status import StatusError, bad_request

from pyk8s_server.apiserver.filters.authentication import AUTHENTICATED

PREFIX = "impersonate-"
EXTRA = "impersonate-extra-"
MASTERS = "system:masters"
GROUP_SEPARATOR = "\n"
"""How several headers of one name are kept in one value: a line feed cannot occur in a header."""


def impersonate(user: UserInfo, headers: dict[str, str]) -> UserInfo:
    """The user the request acts as. Raises StatusError 400, 403."""
    for name in headers:
        if name.startswith(PREFIX):
            return _impersonated(user, headers)
    return user


def _impersonated(user: UserInfo, headers: dict[str, str]) -> UserInfo:
    asked = {name: value for name, value in headers.items() if name.startswith(PREFIX)}
    name = asked.get("impersonate-user", "")
    groups = tuple(part for part in asked.get("impersonate-group", "").split(GROUP_SEPARATOR) if part)
    extra = {
        unquote(key.removeprefix(EXTRA)): tuple(value.split(GROUP_SEPARATOR))
        for key, value in asked.items()
        if key.startswith(EXTRA)
    }
    uid = asked.get("impersonate-uid", "")
    if not name:
        raise bad_request(f"requested {_shown(uid, groups, extra)} without impersonating a user name")
    if MASTERS not in user.groups:
        why = f'User "{user.username}" cannot impersonate resource "users" in API group "" at the cluster scope'
        raise StatusError(403, "Forbidden", f'users "{name}" is forbidden: {why}', {"name": name, "kind": "users"})
    return UserInfo(name, groups if AUTHENTICATED in groups else (*groups, AUTHENTICATED), uid, extra)


def _shown(uid: str, groups: tuple[str, ...], extra: dict[str, tuple[str, ...]]) -> str:
    """The requested user as Go prints its struct; clients compare the text."""
    listed = f"[]string{{{_quoted(groups)}}}" if groups else "[]string(nil)"
    pairs = ", ".join(f'"{key}":[]string{{{_quoted(values)}}}' for key, values in sorted(extra.items()))
    mapped = f"map[string][]string{{{pairs}}}" if extra else "map[string][]string(nil)"
    return f'&user.DefaultInfo{{Name:"", UID:"{uid}", Groups:{listed}, Extra:{mapped}}}'


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f'"{value}"' for value in values)
