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
from pyk8s_server.apiserver.admission import default_plugins
from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry import lifecycle_for, strategy_for
from registry_cases import StoredObjects, attributes, context, resource_of

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


async def admitted(operation: str, resource: Resource, namespace: str, obj: Json, old: Json | None = None) -> None:
    """Pods as they reach validation: with account, volume, tolerations and priority."""
    if resource.plural != "pods":
        return
    stored = StoredObjects(
        [
            (resource_of("namespaces"), {"metadata": {"name": namespace}}),
            (resource_of("serviceaccounts"), {"metadata": {"name": "default", "namespace": namespace}}),
        ]
    )
    for plugin in default_plugins():
        await plugin.admit(attributes(operation, resource, obj, reader=stored, old=old))


async def created(request: Context, resource: Resource, namespace: str, body: Json) -> tuple[Json, list[FieldError]]:
    obj = read(resource, body)
    meta = obj.setdefault("metadata", {})
    meta.setdefault("uid", UID)
    if namespace:
        meta.setdefault("namespace", namespace)
    await admitted("CREATE", resource, namespace, obj)
    strategy = strategy_for(resource)
    strategy.prepare_for_create(request, obj)
    request.warnings += strategy.warnings_on_create(request, obj)
    errors = strategy.validate(request, obj)
    lifecycle = lifecycle_for(resource)
    if lifecycle is not None and not errors:
        lifecycle.allocate(request, obj, None)
    return obj, errors


async def updated(request: Context, resource: Resource, old: Json, case: Json) -> list[FieldError]:
    obj = json.loads(json.dumps(old))
    for path in case["unset"]:
        set_at(obj, path, None, remove=True)
    for path, value in filled(case["set"]).items():
        set_at(obj, path, value)
    obj = read(resource, obj)
    await admitted("UPDATE", resource, obj["metadata"].get("namespace", ""), obj, old)
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
        obj, errors = await created(request, resource, namespace, filled(case["body"]))
    except DecodeError:
        pytest.fail("kube-apiserver could decode this body")
    if "set" in case:
        assert errors == []
        errors = await updated(request, resource, obj, case)

    assert [error.cause() for error in errors] == filled(case["causes"])
    if not errors and "set" not in case:
        known = [text for text in case["warnings"] if "unknown field" not in text and "deprecated in v1.33" not in text]
        repeated = [text for text in known if "metadata.ownerReferences" in text]
        assert request.warnings == [text for text in known if text not in repeated]
