"""From Accept headers to forms of answers."""

import pytest
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.endpoints.negotiation import Form, is_pretty, negotiate

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Form()),
        ("*/*", Form()),
        ("application/json;charset=utf-8", Form()),
        ("text/html,application/json;q=0.5", Form()),
        ("application/yaml", Form("yaml")),
        ("application/json;q=0.1,application/yaml;q=0.9", Form("yaml")),
        (f"{TABLE},application/json", Form("json", "Table", "v1")),
        ("application/json;v=v1beta1;g=meta.k8s.io;as=Table", Form("json", "Table", "v1beta1")),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Form()),
        (f"{PROTOBUF},application/json", Form("protobuf")),
        (f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io,{TABLE}", Form("json", "Table", "v1")),
    ],
)
def test_the_best_form_that_can_be_written_is_chosen(accept, expected):
    assert negotiate(accept) == expected


def test_a_list_is_json_when_json_is_accepted_beside_protobuf():
    assert negotiate(f"{PROTOBUF}, */*", prefers_json=True) == Form("json")
    assert negotiate(PROTOBUF, prefers_json=True) == Form("protobuf")


@pytest.mark.parametrize("accept", ["text/csv", "application/*", "application/cbor"])
def test_a_type_that_is_never_served_is_refused_with_the_list_of_those_that_are(accept):
    with pytest.raises(StatusError) as refused:
        negotiate(accept)

    assert refused.value.code == 406
    assert refused.value.message.startswith("406: Not Acceptable\n\nAvailable representations: application/json")


@pytest.mark.parametrize(
    "accept", ["application/json;as=Nothing;v=v1;g=meta.k8s.io", f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io"]
)
def test_a_transformation_that_is_not_known_is_refused(accept):
    with pytest.raises(StatusError) as refused:
        negotiate(accept)

    assert refused.value.message.startswith("only the following media types are accepted")


def test_json_is_indented_for_people_and_when_asked_for():
    assert is_pretty(None, "curl/8.0")
    assert is_pretty("true", "client")
    assert not is_pretty("false", "curl/8.0")
    assert not is_pretty(None, "kubectl/v1.36.2")
