"""Discovery: /api, /apis, their groups and versions, legacy and aggregated, and the list of root paths.

Always true: documents are made from the resource table once and then served as bytes; the answer's Content-Type
repeats the g, v and as parameters, since clients decide the form by it.
Not here: OpenAPI (see `openapi`), authorization.
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import groupby
from typing import Any

import orjson
from pyk8s.api.http import Request, Response
from pyk8s.api.resources import Resource, resources

from pyk8s_server.apiserver.endpoints.yaml_text import json_to_yaml

Json = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SERVED_TYPES = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
WILDCARDS = ("*/*", "application/*", "")


def answer(request: Request) -> Response | None:
    """The answer to a discovery path, or None when ``request.path`` is not one (or names nothing served)."""
    if request.method not in ("GET", "HEAD"):
        return None
    path = request.path.rstrip("/") or "/"
    if path not in ("/api", "/apis"):
        document = _document(path)
        return None if document is None else _plain(request, document)
    asked = _negotiate(request.headers.get("accept", ""))
    if asked == AGGREGATED:
        return _tagged(request, *_aggregated(path))
    if asked == "":
        return _not_acceptable(f"only the following media types are accepted: {SERVED_TYPES}", details=False)
    served = request.headers.get("host", "")
    return _plain(request, _api_versions(served) if path == "/api" else _group_list())


def _negotiate(accept: str) -> str:
    """AGGREGATED, "plain", or "" when only forms that are not served were asked for."""
    saw_parameters = False
    for choice in accept.split(","):
        media, *parameters = [part.strip() for part in choice.split(";")]
        pairs = dict(part.partition("=")[::2] for part in parameters)
        if pairs.get("as"):
            saw_parameters = True
            if (pairs.get("g"), pairs.get("v")) == ("apidiscovery.k8s.io", "v2") and media == "application/json":
                return AGGREGATED
            continue
        return "plain"
    return "" if saw_parameters else "plain"


# -- answers ---------------------------------------------------------------------------------------------------


def _plain(request: Request, document: Json) -> Response:
    for choice in request.headers.get("accept", "").split(","):
        media = choice.partition(";")[0].strip()
        if media == "application/yaml":
            return Response(200, [("content-type", "application/yaml")], json_to_yaml(orjson.dumps(document)))
        if media == "application/json" or media in WILDCARDS or media.startswith("application/vnd.kubernetes"):
            return Response(200, [("content-type", "application/json")], orjson.dumps(document) + b"\n")
    return _not_acceptable(f"406: Not Acceptable\n\nAvailable representations: {SERVED_TYPES}", details=True)


def _not_acceptable(message: str, *, details: bool) -> Response:
    body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    body |= {"reason": "NotAcceptable", **({"details": {}} if details else {}), "code": 406}
    return Response(406, [("content-type", "application/json")], orjson.dumps(body))


def _tagged(request: Request, body: bytes, etag: str) -> Response:
    headers = [("content-type", AGGREGATED), ("etag", etag), ("vary", "Accept"), ("cache-control", "public")]
    if request.headers.get("if-none-match") == etag:
        return Response(304, headers)
    return Response(200, headers, body)


# -- documents -------------------------------------------------------------------------------------------------


def _document(path: str) -> Json | None:
    parts = path.split("/")[1:]
    match parts:
        case [""]:
            return {"paths": root_paths()}
        case ["api", version]:
            return _resource_list("", version)
        case ["apis", group] if group:
            return _group(group)
        case ["apis", group, version] if group:
            return _resource_list(group, version)
    return None


def _api_versions(server: str) -> Json:
    cidrs = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": cidrs}


def _group_list() -> Json:
    groups = [{"name": g["name"], **{k: g[k] for k in ("versions", "preferredVersion")}} for g in _groups().values()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


@cache
def _groups() -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, members in groupby((r for r in resources() if r.group), key=lambda r: r.group):
        versions = list(dict.fromkeys(r.version for r in members))
        entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
        head = {"kind": "APIGroup", "apiVersion": "v1", "name": name}
        found[name] = head | {"versions": entries, "preferredVersion": entries[0]}
    return found


def _group(name: str) -> Json | None:
    return _groups().get(name)


@cache
def _resource_list(group: str, version: str) -> Json | None:
    members = [r for r in resources() if (r.group, r.version) == (group, version)]
    if not members:
        return None
    entries = [entry for r in members for entry in _legacy_entries(r)]
    head: Json = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return head | {"groupVersion": members[0].api_version, "resources": entries}


def _legacy_entries(r: Resource) -> list[Json]:
    main: Json = {"name": r.plural, "singularName": r.singular, "namespaced": r.namespaced, "kind": r.kind}
    main |= {"verbs": list(r.verbs)}
    optional = {"shortNames": r.short_names, "categories": r.categories, "storageVersionHash": r.storage_version_hash}
    main |= {key: list(value) if isinstance(value, tuple) else value for key, value in optional.items() if value}
    entries = [main]
    for sub in r.subresources:
        entry: Json = {"name": f"{r.plural}/{sub.name}", "singularName": "", "namespaced": r.namespaced}
        if (sub.group, sub.version) != (r.group, r.version):
            entry |= {"group": sub.group, "version": sub.version}
        entries.append(entry | {"kind": sub.kind, "verbs": list(sub.verbs)})
    return entries


@cache
def _aggregated(path: str) -> tuple[bytes, str]:
    """(body, quoted ETag) of the aggregated document of /api or /apis."""
    chosen = [r for r in resources() if (r.group == "") == (path == "/api")]
    items = []
    for group, members in groupby(chosen, key=lambda r: r.group):
        versions = [_aggregated_version(v, list(rs)) for v, rs in groupby(members, key=lambda r: r.version)]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    kind = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
    body = orjson.dumps(kind | {"items": items}) + b"\n"
    return body, f'"{hashlib.sha512(body).hexdigest().upper()}"'


def _aggregated_version(version: str, members: list[Resource]) -> Json:
    return {"version": version, "resources": [_aggregated_entry(r) for r in members], "freshness": "Current"}


def _aggregated_entry(r: Resource) -> Json:
    entry: Json = {
        "resource": r.plural,
        "responseKind": {"group": "", "version": "", "kind": r.kind},
        "scope": "Namespaced" if r.namespaced else "Cluster",
        "singularResource": r.singular,
        "verbs": list(r.verbs),
    }
    entry |= {k: list(v) for k, v in {"shortNames": r.short_names, "categories": r.categories}.items() if v}
    subs = [
        {"subresource": s.name, "responseKind": _response_kind(r, s.group, s.version, s.kind), "verbs": list(s.verbs)}
        for s in r.subresources
    ]
    return entry | ({"subresources": subs} if subs else {})


def _response_kind(r: Resource, group: str, version: str, kind: str) -> Json:
    own = (group, version) == (r.group, r.version)
    return {"group": "" if own else group, "version": "" if own else version, "kind": kind}


@cache
def root_paths() -> list[str]:
    """What GET / lists."""
    paths = {"/.well-known/openid-configuration", "/api", "/apis", "/apis/", "/healthz", "/livez", "/metrics"}
    paths |= {"/openapi/v3", "/openapi/v3/", "/readyz", "/version", "/healthz/ping", "/livez/ping", "/readyz/ping"}
    for r in resources():
        paths.add(f"/apis/{r.api_version}" if r.group else f"/api/{r.version}")
        if r.group:
            paths.add(f"/apis/{r.group}")
    return sorted(paths)
