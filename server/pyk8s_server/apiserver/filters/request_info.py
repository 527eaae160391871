"""Request info: what a path and a method mean, without looking anything up.

Always true: every path has an info; a path that is no resource's has `is_resource` False and its method as verb.
Source: kube-apiserver's RequestInfoFactory, as observed: legacy /watch/ paths, namespaces' own subresources.
Not here: whether the resource exists.
"""

from __future__ import annotations

from pyk8s_server.apiserver.interfaces import RequestInfo

VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NAMESPACE_SUBRESOURCES = ("status", "finalize")


def truth(value: str) -> bool:
    """A boolean query parameter: anything but "false" and "0" is true, even the empty text, as in apimachinery."""
    return value.lower() not in ("false", "0")


def parse(method: str, path: str, query: list[tuple[str, str]]) -> RequestInfo:
    """The meaning of a request. Cost: a split and a few comparisons."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(False, path, method.lower())
    verb = VERBS.get(method, "")
    is_legacy_watch = rest[0] == "watch" and len(rest) > 1 and verb == "get"
    if is_legacy_watch:
        rest = rest[1:]
    info = RequestInfo(True, path, verb, group, version)
    _locate(info, rest)
    _refine_verb(info, query, is_legacy_watch=is_legacy_watch)
    return info


def _locate(info: RequestInfo, parts: list[str]) -> None:
    if parts[0] == "namespaces" and len(parts) > 1:
        info.namespace = parts[1]
        if len(parts) > 2 and parts[2] not in NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    info.resource = parts[0]
    if len(parts) > 1:
        info.name = parts[1]
    if len(parts) > 2:
        info.subresource = parts[2]
    if len(parts) > 3:
        info.rest = "/".join(parts[3:])


def _refine_verb(info: RequestInfo, query: list[tuple[str, str]], *, is_legacy_watch: bool) -> None:
    if is_legacy_watch:
        info.verb = "watch"
    elif not info.name and info.verb == "get":
        asks_watch = any(name == "watch" and truth(value) for name, value in query)
        info.verb = "watch" if asks_watch else "list"
    elif not info.name and info.verb == "delete":
        info.verb = "deletecollection"
