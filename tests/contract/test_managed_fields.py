"""Managed fields on both twins: as kube-apiserver recorded them, and in bounded time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyk8s.errors import DecodeError

from tests.contract.patching import scheme

GOLDEN = Path(__file__).parents[1] / "golden" / "managed_fields.json"


def _without_times(entries: list[dict[str, Any]]) -> list[str]:
    """Sorted: recordings do not tell the times, and the order depends on them."""
    return sorted(json.dumps({**entry, "time": ""}) for entry in entries)


def test_entries_are_those_kube_apiserver_recorded(engine: Any) -> None:
    for case in json.loads(GOLDEN.read_text()):
        answer = scheme(engine).update_managed_fields(
            case["kind"],
            json.dumps(case["old"]).encode() if case["old"] else b"",
            json.dumps(case["new"]).encode(),
            manager=case["manager"],
            time="2026-01-01T00:00:00Z",
            subresource=case["subresource"],
            reset_fields=case["resetFields"],
        )

        entries = json.loads(answer)["metadata"].get("managedFields", [])
        assert _without_times(entries) == _without_times(case["managedFields"]), case["name"]


def test_everything_but_the_entries_comes_out_as_it_went_in(engine: Any) -> None:
    new = b'{"z":1.50,"metadata":{"name":"c","managedFields":[{}],"x":"\xc3\xa9\\n"},"data":{"k":"v"}}'

    answer = scheme(engine).update_managed_fields("v1/ConfigMap", new, new, manager="m", time="T")

    assert answer == new.replace(b'"managedFields":[{}],', b"")


def test_an_object_without_metadata_gets_some(engine: Any) -> None:
    answer = scheme(engine).update_managed_fields("v1/ConfigMap", b"", b'{"immutable":true}', manager="m", time="T")

    (entry,) = json.loads(answer)["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:immutable": {}}


@pytest.mark.parametrize("body", [b"[]", b"1", b"{", b""])
def test_what_is_no_object_is_refused(engine: Any, body: bytes) -> None:
    with pytest.raises(DecodeError):
        scheme(engine).update_managed_fields("v1/ConfigMap", b"", body, manager="m", time="T")


def test_list_elements_that_cannot_be_told_apart_leave_the_entries_alone(engine: Any) -> None:
    old = b'{"metadata":{"managedFields":[{"manager":"a","operation":"Update","apiVersion":"v1",'
    old += b'"fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}}}]},"spec":{}}'
    new = b'{"metadata":{},"spec":{"containers":[null],"hostname":"h"}}'

    answer = scheme(engine).update_managed_fields("v1/Pod", old, new, manager="m", time="T")

    (entry,) = json.loads(answer)["metadata"]["managedFields"]
    assert (entry["manager"], entry["fieldsV1"]) == ("a", {"f:spec": {}})
