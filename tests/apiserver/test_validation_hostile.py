"""Whatever a client may send of a kind, strategies answer with errors or accept it; they never fail themselves."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from pyk8s.api.resources import resources
from pyk8s.errors import DecodeError
from pyk8s_server.apiserver.registry import strategy_for
from registry_cases import context, copied
from test_validation_recorded import CASES, UID, filled, read, resource_at

Json = dict[str, Any]

MUTATIONS_PER_CASE = 4
TEXTS = ("", "x y", "A", "é" * 40, "1", "-1", "10.0.0.1", "::1", "/a/../b", "a" * 300, "\n", "150%")
NUMBERS = (0, -1, 1, 2**31 - 1, 70000)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in a document, but for what says its kind."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        if not path and key in ("apiVersion", "kind"):
            continue
        yield (*path, key)
        yield from places(part, (*path, key))


def mutated(body: Json, source: random.Random) -> Json:
    """The body with one part gone, null, or of another value of its type."""
    result = copied(body)
    *parents, last = source.choice(list(places(result)))
    holder: Any = result
    for key in parents:
        holder = holder[key]
    value = holder[last]
    match source.randrange(4):
        case 0:
            del holder[last]
        case 1:
            holder[last] = None
        case _:
            holder[last] = other(value, source)
    return result


def other(value: Any, source: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return source.choice(TEXTS)
    if isinstance(value, int):
        return source.choice(NUMBERS)
    if isinstance(value, list):
        return source.choice([[], value + value, value[:1]])
    return {}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_no_body_that_can_be_decoded_breaks_a_strategy(case: Json) -> None:
    source = random.Random(case["name"])
    resource, namespace = resource_at(filled(case["path"]))
    strategy = strategy_for(resource)

    for _ in range(MUTATIONS_PER_CASE):
        try:
            obj = read(resource, mutated(filled(case["body"]), source))
        except DecodeError:
            continue
        meta = obj.setdefault("metadata", {})
        meta.update({"uid": UID, "namespace": namespace} if namespace else {"uid": UID})
        old = copied(obj)
        strategy.prepare_for_create(context(), obj)

        texts = [error.text() for error in strategy.validate(context(), obj)]
        strategy.warnings_on_create(context(), obj)
        strategy.prepare_for_update(context(), copied(obj), old)

        assert all(texts)


def test_every_kind_copes_with_an_empty_object() -> None:
    for resource in resources():
        if "create" not in resource.verbs or "get" not in resource.verbs:
            continue
        obj = read(resource, {"metadata": {"name": "x"}})
        strategy = strategy_for(resource)

        strategy.prepare_for_create(context(), obj)

        assert isinstance(strategy.validate(context(), obj), list)
