"""What paths and methods mean."""

import pytest
from pyk8s_server.apiserver.filters.request_info import parse, truth


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/pods", [], ("list", "", "pods", "", "")),
        ("GET", "/api/v1/pods", [("watch", "true")], ("watch", "", "pods", "", "")),
        ("GET", "/api/v1/pods", [("watch", "0")], ("list", "", "pods", "", "")),
        ("GET", "/api/v1/pods", [("watch", "")], ("watch", "", "pods", "", "")),
        ("GET", "/api/v1/watch/pods", [], ("watch", "", "pods", "", "")),
        ("GET", "/api/v1/watch/namespaces/a/pods/p", [], ("watch", "a", "pods", "p", "")),
        ("GET", "/api/v1/namespaces/a/pods/p", [("watch", "1")], ("get", "a", "pods", "p", "")),
        ("HEAD", "/apis/apps/v1/namespaces/a/deployments/d", [], ("get", "a", "deployments", "d", "")),
        ("PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale", [], ("update", "a", "deployments", "d", "scale")),
        ("DELETE", "/api/v1/namespaces/a/pods", [], ("deletecollection", "a", "pods", "", "")),
        ("DELETE", "/api/v1/namespaces/a", [], ("delete", "a", "namespaces", "a", "")),
        ("PUT", "/api/v1/namespaces/a/finalize", [], ("update", "a", "namespaces", "a", "finalize")),
        ("POST", "/api/v1/namespaces", [], ("create", "", "namespaces", "", "")),
    ],
)
def test_a_resource_path_names_verb_namespace_resource_and_name(method, path, query, expected):
    info = parse(method, path, query)

    assert info.is_resource
    assert (info.verb, info.namespace, info.resource, info.name, info.subresource) == expected


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz", "/api/v1/"])
def test_other_paths_are_no_resources(path):
    assert not parse("GET", path, []).is_resource


def test_what_follows_a_subresource_is_kept_for_proxies():
    assert parse("GET", "/api/v1/namespaces/a/pods/p/proxy/x/y", []).rest == "x/y"


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("", True), ("1", True), ("False", False), ("0", False)]
)
def test_a_boolean_parameter_is_false_only_when_it_says_so(text, expected):
    assert truth(text) is expected
