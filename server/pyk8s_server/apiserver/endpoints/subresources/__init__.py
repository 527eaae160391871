"""Subresources, and resources whose verbs are their own: what is served where, by resource and by name.

Always true: a subresource that is in the table but not here is answered with 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pyk8s.api.http import Response

from pyk8s_server.apiserver.endpoints import reviews
from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.get import get
from pyk8s_server.apiserver.endpoints.patch import patch
from pyk8s_server.apiserver.endpoints.subresources.binding import bind
from pyk8s_server.apiserver.endpoints.subresources.eviction import evict
from pyk8s_server.apiserver.endpoints.subresources.scale import get_scale, patch_scale, update_scale
from pyk8s_server.apiserver.endpoints.subresources.token import create_token
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
    ("", "scale"): {"get": get_scale, "update": update_scale, "patch": patch_scale},
    ("pods", "binding"): {"create": bind},
    ("pods", "eviction"): {"create": evict},
    ("serviceaccounts", "token"): {"create": create_token},
    ("bindings", ""): {"create": bind},
    ("selfsubjectreviews.authentication.k8s.io", ""): {"create": reviews.review_self},
    ("tokenreviews.authentication.k8s.io", ""): {"create": reviews.review_token},
    ("selfsubjectaccessreviews.authorization.k8s.io", ""): {"create": reviews.review_own_access},
    ("subjectaccessreviews.authorization.k8s.io", ""): {"create": reviews.review_access},
    ("localsubjectaccessreviews.authorization.k8s.io", ""): {"create": reviews.review_access},
}
"""(qualified resource or "" for all, subresource) -> verbs; the subresource "" replaces verbs of the object itself."""

UNSERVED = ("selfsubjectrulesreviews.authorization.k8s.io", "componentstatuses")
"""Resources of the table that nothing is served for yet."""
