"""What kube-apiserver found wrong with an object, we find too: cause by cause, in its order and words."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyk8s import core
from pyk8s.api.field import FieldError
from pyk8s.api.resources import Resource, find
from pyk8s.api.tables import scheme_tables
from pyk8s.errors import DecodeError
from pyk8s_server.apiserver.admission.tolerations import DefaultTolerationSeconds
from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry import strategy_for
from registry_cases import StoredObjects, attributes, context

Json = dict[str, Any]

CASES = json.loads((Path(__file__).parent.parent / "golden" / "validation.json").read_text())
RUN = "xyz"
UID = "11111111-2222-4333-8444-555555555555"


@cache
def scheme() -> Any:
    return core.Scheme(scheme_tables())


def filled(value: Any) -> Any:
    """A recorded value with this run's names."""
    return json.loads(json.dumps(value).replace("${run}", RUN).replace("${uid:1}", UID))


def resource_at(path: str) -> tuple[Resource, str]:
    """(resource, namespace) of a collection's URL."""
    parts = path.strip("/").split("/")
    group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
    namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else ""
    found = find(group, version, rest[-1])
    assert found is not None
    return found, namespace


def read(resource: Resource, body: Json) -> Json:
    value = scheme().decode_json(resource.gvk, json.dumps(body).encode()).value
    decoded: Json = json.loads(scheme().default(resource.gvk, value))
    return decoded


def set_at(document: Any, path: str, value: Any, *, remove: bool = False) -> None:
    """Set or remove the value at a JSON pointer."""
    *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in path.strip("/").split("/")]
    for part in parents:
        document = document[int(part)] if isinstance(document, list) else document.setdefault(part, {})
    if remove:
        document.pop(last, None)
    elif isinstance(document, list):
        document.append(value) if last == "-" else document.__setitem__(int(last), value)
    else:
        document[last] = value


def created(request: Context, resource: Resource, namespace: str, body: Json) -> tuple[Json, list[FieldError]]:
    obj = read(resource, body)
    meta = obj.setdefault("metadata", {})
    meta.setdefault("uid", UID)
    if namespace:
        meta.setdefault("namespace", namespace)
    if resource.plural == "pods":
        obj["spec"].setdefault("serviceAccountName", "default")
    strategy = strategy_for(resource)
    strategy.prepare_for_create(request, obj)
    request.warnings += strategy.warnings_on_create(request, obj)
    return obj, strategy.validate(request, obj)


async def updated(request: Context, resource: Resource, old: Json, case: Json) -> list[FieldError]:
    obj = json.loads(json.dumps(old))
    for path in case["unset"]:
        set_at(obj, path, None, remove=True)
    for path, value in filled(case["set"]).items():
        set_at(obj, path, value)
    obj = read(resource, obj)
    await DefaultTolerationSeconds().admit(attributes("UPDATE", resource, obj, reader=StoredObjects(), old=old))
    obj["metadata"].setdefault("resourceVersion", "1")
    strategy = strategy_for(resource)
    strategy.prepare_for_update(request, obj, old)
    return strategy.validate_update(request, obj, old)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_objects_are_judged_as_kube_apiserver_judges_them(case: Json) -> None:
    resource, namespace = resource_at(filled(case["path"]))
    request = context()
    request.info.group = resource.group

    try:
        obj, errors = created(request, resource, namespace, filled(case["body"]))
    except DecodeError:
        pytest.fail("kube-apiserver could decode this body")
    if "set" in case:
        assert errors == []
        await DefaultTolerationSeconds().admit(attributes("CREATE", resource, obj, reader=StoredObjects()))
        errors = await updated(request, resource, obj, case)

    assert [error.cause() for error in errors] == filled(case["causes"])
