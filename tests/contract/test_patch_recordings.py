"""Patches on both twins beside kube-apiserver's recorded answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyk8s.errors import PatchError

from tests.contract.patching import scheme

CASES = json.loads((Path(__file__).parents[1] / "golden" / "patches.json").read_text())
STATUSES = {"malformed": 400, "unprocessable": 422, "invalid": 422, "internal": 500}
DECODED = {
    "fieldvalidation", "patch/json-bad-path", "patch/json-null-value", "patch/json-remove", "patch/merge-generation",
    "patch/strategic-container-added", "patch/strategic-containers-replaced", "patch/strategic-map-deleted",
    "patch/strategic-ports-by-containerport", "patch/strategic-status-ignored", "patch/strategic-unknown-field",
    "patch/merge-null-map",
}  # fmt: skip
"""Recordings whose answer differs from the patched object by decoding, defaulting or the registry's strategy."""

SERVER_SET = ("managedFields", "resourceVersion", "generation")


def _apply(engine: Any, case: dict[str, Any]) -> dict[str, Any]:
    original, patch = json.dumps(case["object"]).encode(), case["patch"].encode()
    match case["type"]:
        case "json-patch":
            return json.loads(engine.json_patch(original, patch))
        case "merge-patch":
            return json.loads(engine.merge_patch(original, patch))
    return json.loads(scheme(engine).strategic_merge_patch(case["kind"], original, patch))


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: item for key, item in value["metadata"].items() if key not in SERVER_SET}
    return {**value, "metadata": metadata}


@pytest.mark.parametrize("case", [case for case in CASES if case["status"] == 200], ids=lambda case: case["name"])
def test_patched_object_is_the_recorded_one(engine: Any, case: dict[str, Any]) -> None:
    patched = _apply(engine, case)

    if case["name"].startswith(tuple(DECODED)):
        assert patched != case["object"] or case["name"].startswith("patch/strategic-status-ignored")
    else:
        assert _plain(patched) == _plain(case["answer"])


@pytest.mark.parametrize("case", [case for case in CASES if case["status"] != 200], ids=lambda case: case["name"])
def test_refusal_has_the_recorded_words(engine: Any, case: dict[str, Any]) -> None:
    try:
        patched = _apply(engine, case)
    except PatchError as error:
        assert STATUSES[error.reason] == case["status"]
        if error.reason == "invalid":
            quoted = json.dumps(error.value)
            assert case["answer"]["message"] == f' "" is invalid: patch: Invalid value: {quoted}: {error}'
        elif error.reason != "unprocessable":
            assert case["answer"]["message"] == str(error)
    else:
        # The registry refused the patched object; nothing here may refuse it.
        assert case["answer"]["reason"] in ("Invalid", "BadRequest", "Conflict")
        assert patched != case["object"]
