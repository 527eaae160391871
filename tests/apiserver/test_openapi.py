"""OpenAPI v3: the index, its hashes, one document a group version, texts for kubectl explain."""

from __future__ import annotations

import json

import pytest
from pyk8s.api.http import Request
from pyk8s.api.resources import resources
from pyk8s_server.apiserver.endpoints import openapi


def get(path: str, **headers: str) -> openapi.Response:
    path, _, query = path.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
    found = openapi.answer(Request("GET", path, query=pairs, headers=headers))  # type: ignore[arg-type]
    assert found is not None
    return found


def paths() -> dict:
    return json.loads(get("/openapi/v3").body)["paths"]


def test_the_index_names_every_group_version() -> None:
    wanted = {f"apis/{r.api_version}" if r.group else f"api/{r.version}" for r in resources()}

    assert set(paths()) == wanted


@pytest.mark.parametrize("name", ["api/v1", "apis/apps/v1", "apis/policy/v1"])
def test_references_are_resolved_in_the_document(name: str) -> None:
    document = json.loads(get(f"/openapi/v3/{name}").body)
    schemas = document["components"]["schemas"]

    references = [part.split('"')[0] for part in json.dumps(document).split('"#/components/schemas/')[1:]]

    assert set(references) <= set(schemas)


def test_a_patch_takes_field_validation_or_kubectl_would_validate_itself() -> None:
    document = json.loads(get("/openapi/v3/apis/apps/v1").body)

    operation = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]

    assert "fieldValidation" in {parameter["name"] for parameter in operation["parameters"]}
    assert operation["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}


def test_the_right_hash_may_be_kept_and_a_wrong_one_is_redirected() -> None:
    url = paths()["apis/policy/v1"]["serverRelativeURL"]

    right, wrong = get(url), get("/openapi/v3/apis/policy/v1?hash=0")

    assert ("cache-control", "public, immutable") in right.headers
    assert (wrong.status, ("location", url) in wrong.headers) == (301, True)


def test_what_is_known_already_is_not_sent_again() -> None:
    etag = dict(get("/openapi/v3/api/v1").headers)["etag"]

    assert get("/openapi/v3/api/v1", **{"if-none-match": etag}).status == 304


def test_fields_carry_their_texts_when_the_package_of_texts_is_there() -> None:
    document = json.loads(get("/openapi/v3/api/v1").body)

    schema = document["components"]["schemas"]["io.k8s.api.core.v1.ConfigMap"]

    assert schema["description"] == "ConfigMap holds configuration data for pods to consume."
    assert schema["properties"]["data"]["description"].startswith("Data contains the configuration data.")
