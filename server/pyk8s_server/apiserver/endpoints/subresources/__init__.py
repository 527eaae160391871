"""Subresources: what is served below an object's path, by resource and by name.

Always true: a subresource that is in the table but not here is answered with 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pyk8s.api.http import Response

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.get import get
from pyk8s_server.apiserver.endpoints.patch import patch
from pyk8s_server.apiserver.endpoints.update import update

Verb = Callable[[Backend, Call], Awaitable[Response]]

OBJECT: dict[str, Verb] = {"get": get, "update": update, "patch": patch}
"""A subresource whose body is the object itself: only its strategy differs."""

SUBRESOURCES: dict[tuple[str, str], dict[str, Verb]] = {
    ("", "status"): OBJECT,
    ("", "ephemeralcontainers"): OBJECT,
    ("", "resize"): OBJECT,
    ("", "approval"): OBJECT,
    ("", "finalize"): OBJECT,
}
"""(qualified resource or "" for all, subresource) -> verbs; the subresource "" replaces verbs of the object itself."""
