"""OpenAPI v3: the index and one document per group version, made from the schema table on demand.

Always true: a document's hash depends on the tables and its path alone, so it can be given before the document is made.
Not here: OpenAPI v2, the texts of fields (see `descriptions`), custom resources.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import orjson
from pyk8s.api import tables
from pyk8s.api.http import Request, Response
from pyk8s.api.resources import Resource, resources

from pyk8s_server.apiserver.endpoints.descriptions import describe

Json = dict[str, Any]

PREFIX = "/openapi/v3"
V2 = "/openapi/v2"
JSON_TYPES = ("application/json", "*/*", "application/*", "")
V2_TYPES = (
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    *JSON_TYPES,
)
"""What kube-apiserver serves OpenAPI v2 in. Here it is not served yet (404), but other types are refused alike."""
WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
LIST_PARAMETERS = ("labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch", "timeoutSeconds")
PATCH_TYPES = ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json")


def answer(request: Request) -> Response | None:
    """The answer to a path under /openapi/v3, or None when it is not one or names nothing served."""
    path = request.path.rstrip("/")
    if path == V2 and not _is_served(request, V2_TYPES):
        return Response(406)
    if path != PREFIX and not path.startswith(PREFIX + "/"):
        return None
    if path == PREFIX:
        return Response(200, [("content-type", "text/plain; charset=utf-8")], _index())
    name = path.removeprefix(PREFIX + "/")
    if name not in _groups():
        return None
    return _document_answer(request, name)


def _is_served(request: Request, types: tuple[str, ...]) -> bool:
    accepted = [choice.partition(";")[0].strip() for choice in request.headers.get("accept", "").split(",")]
    return any(media in types for media in accepted)


def _document_answer(request: Request, name: str) -> Response:
    if not _is_served(request, JSON_TYPES):
        return Response(406)
    digest = _hash(name)
    asked = dict(request.query).get("hash", "")
    headers = [("content-type", "application/json")]
    if asked and asked != digest:
        return Response(301, [*headers, ("location", f"{PREFIX}/{name}?hash={digest}")])
    headers += [("etag", f'"{digest}"'), ("vary", "Accept")]
    if asked:
        headers += [("cache-control", "public, immutable"), ("expires", "Thu, 31 Dec 2099 23:59:59 GMT")]
    if request.headers.get("if-none-match") == f'"{digest}"':
        return Response(304, headers)
    return Response(200, headers, _document(name))


# -- index -----------------------------------------------------------------------------------------------------


@cache
def _groups() -> dict[str, list[Resource]]:
    """``api/v1``, ``apis/apps/v1``, … → its resources."""
    found: dict[str, list[Resource]] = {}
    for r in resources():
        found.setdefault(f"apis/{r.api_version}" if r.group else f"api/{r.version}", []).append(r)
    return found


@cache
def _hash(name: str) -> str:
    seed = hashlib.sha512(tables.raw("openapi-schema") + tables.raw("api-resources"))
    seed.update(name.encode())
    return seed.hexdigest().upper()


@cache
def _index() -> bytes:
    paths = {name: {"serverRelativeURL": f"{PREFIX}/{name}?hash={_hash(name)}"} for name in sorted(_groups())}
    return orjson.dumps({"paths": paths})


# -- documents -------------------------------------------------------------------------------------------------


@cache
def _document(name: str) -> bytes:
    members = _groups()[name]
    paths: Json = {}
    for r in members:
        paths |= _paths(r)
    wanted = {d for r in members if (d := _definition(r.group, r.version, r.kind))}
    wanted |= {d for r in members for s in r.subresources if (d := _definition(s.group, s.version, s.kind))}
    wanted |= {_meta(kind) for kind in ("DeleteOptions", "Status", "Patch")}
    wanted |= {d + "List" for d in wanted if d + "List" in _definitions()}
    schemas = {d: describe(d, _schema(_definitions()[d])) for d in sorted(_reachable(wanted))}
    info = {"title": "Kubernetes", "version": "v1.36.2"}
    return orjson.dumps({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})


def _definitions() -> dict[str, Json]:
    found: dict[str, Json] = tables.table("openapi-schema")["definitions"]
    return found


@cache
def _by_kind() -> dict[tuple[str, str, str], str]:
    return {
        (g, v, k): name for name, d in _definitions().items() for g, v, k in d.get("g", ()) if "meta.v1" not in name
    }


def _definition(group: str, version: str, kind: str) -> str:
    return _by_kind().get((group, version, kind), "")


def _meta(kind: str) -> str:
    return f"io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"


def _reachable(names: set[str]) -> set[str]:
    """The definitions named and all those they refer to."""
    found: set[str] = set()
    waiting = [name for name in names if name in _definitions()]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(_definitions()[name]))
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["r"]] if node.get("t") == "ref" else []
        return own + [r for value in node.values() for r in _references(value)]
    if isinstance(node, list):
        return [r for value in node for r in _references(value)]
    return []


# -- schemas ---------------------------------------------------------------------------------------------------

EXTENSIONS = {
    "lt": "x-kubernetes-list-type",
    "lk": "x-kubernetes-list-map-keys",
    "mt": "x-kubernetes-map-type",
    "ps": "x-kubernetes-patch-strategy",
    "pk": "x-kubernetes-patch-merge-key",
    "ios": "x-kubernetes-int-or-string",
    "puf": "x-kubernetes-preserve-unknown-fields",
    "u": "x-kubernetes-unions",
}


def _schema(node: Json) -> Json:
    """One entry of the compact table as an OpenAPI v3 schema."""
    kind = node["t"]
    made: Json = {}
    if kind == "ref":
        target = {"$ref": f"#/components/schemas/{node['r']}"}
        made = {"allOf": [target]} if "d" in node else target
    elif kind == "map":
        made = {"type": "object", "additionalProperties": _schema(node["v"])}
    elif kind == "array":
        made = {"type": "array", "items": _schema(node["i"])}
    elif kind == "oneOf":
        made = {"oneOf": [_schema(choice) for choice in node["oneOf"]]}
    elif kind != "any":
        made = {"type": kind}
    if "p" in node:
        made["properties"] = {name: _schema(field) for name, field in node["p"].items()}
    made |= {long: node[short] for short, long in EXTENSIONS.items() if short in node}
    made |= {long: node[short] for short, long in _PLAIN.items() if short in node}
    if "g" in node:
        made["x-kubernetes-group-version-kind"] = [_gvk(*entry) for entry in node["g"]]
    return made


_PLAIN = {"f": "format", "d": "default", "n": "nullable", "req": "required", "e": "enum"}


def _gvk(group: str, version: str, kind: str) -> Json:
    return {"group": group, "version": version, "kind": kind}


# -- paths -----------------------------------------------------------------------------------------------------


def _paths(r: Resource) -> Json:
    root = r.path("{namespace}" if r.namespaced else None)
    found: Json = {}
    collection = {"get": "list", "post": "create", "delete": "deletecollection"}
    single = {"get": "get", "put": "update", "patch": "patch", "delete": "delete"}
    _add(found, root, r, {m: v for m, v in collection.items() if v in r.verbs})
    _add(found, f"{root}/{{name}}", r, {m: v for m, v in single.items() if v in r.verbs})
    if r.namespaced and "list" in r.verbs:
        _add(found, r.path(), r, {"get": "list"})
    methods = single | {"post": "create"}
    for sub in r.subresources:
        gvk = _gvk(sub.group, sub.version, sub.kind)
        _add(found, f"{root}/{{name}}/{sub.name}", r, {m: v for m, v in methods.items() if v in sub.verbs}, gvk)
    return found


def _add(found: Json, path: str, r: Resource, methods: dict[str, str], gvk: Json | None = None) -> None:
    if methods:
        kind = gvk or _gvk(r.group, r.version, r.kind)
        found[path] = {method: _operation(verb, path, kind) for method, verb in methods.items()}
        names = [name for name in ("namespace", "name") if f"{{{name}}}" in path]
        found[path]["parameters"] = [_parameter(name, "path") for name in names]


def _operation(verb: str, path: str, gvk: Json) -> Json:
    reference = _definition(gvk["group"], gvk["version"], gvk["kind"])
    shown = reference + "List" if verb == "list" and reference + "List" in _definitions() else reference
    operation: Json = {
        "operationId": f"{verb}_{path.strip('/').replace('/', '_')}",
        "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
        "x-kubernetes-group-version-kind": gvk,
        "responses": {"200": _content("OK", "application/json", shown)},
    }
    if verb in ("create", "update", "patch"):
        operation["parameters"] = [_parameter(name, "query") for name in WRITE_PARAMETERS]
        operation["requestBody"] = _body(verb, reference)
    elif verb in ("list", "deletecollection"):
        operation["parameters"] = [_parameter(name, "query") for name in LIST_PARAMETERS]
    return operation


def _body(verb: str, reference: str) -> Json:
    if verb == "patch":
        schema = {"schema": {"$ref": f"#/components/schemas/{_meta('Patch')}"}}
        return {"content": {f"application/{media}": schema for media in PATCH_TYPES}, "required": True}
    return _content("", "*/*", reference) | {"required": True}


def _content(description: str, media: str, reference: str) -> Json:
    schema: Json = {"$ref": f"#/components/schemas/{reference}"} if reference else {"type": "object"}
    head = {"description": description} if description else {}
    return head | {"content": {media: {"schema": schema}}}


def _parameter(name: str, where: str) -> Json:
    kind = {"limit": "integer", "timeoutSeconds": "integer", "watch": "boolean"}.get(name, "string")
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, "schema": {"type": kind, "uniqueItems": True}} | required
