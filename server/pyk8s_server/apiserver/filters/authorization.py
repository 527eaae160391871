"""Authorization: the place in the chain where a request is allowed or refused.

Always true: every resource request passes `Authorizer.authorize` after authentication and impersonation.
Not here: roles and bindings; until an authorizer for them is given, every authenticated user may do everything.
"""

from __future__ import annotations

from typing import Protocol

from pyk8s.api.http import UserInfo

from pyk8s_server.apiserver.interfaces import RequestInfo


class Authorizer(Protocol):
    """Decides on requests."""

    def authorize(self, user: UserInfo, info: RequestInfo) -> None:
        """Raises StatusError 403."""


class AlwaysAllow:
    """kube-apiserver's mode AlwaysAllow."""

    def authorize(self, user: UserInfo, info: RequestInfo) -> None:
        return None
