"""Continue tokens: what comes out goes in again, and nothing else does."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.storage.continue_token import LATEST, TOKEN_BYTES_MAX, decode, encode

PREFIX = "/registry/pods/ns/"


def token(**fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def test_a_token_leads_back_to_its_key_and_revision():
    assert decode(encode("/registry/pods/ns/p", PREFIX, 7), PREFIX) == ("/registry/pods/ns/p", 7)


def test_a_token_may_ask_to_go_on_at_the_latest_revision():
    assert decode(encode("/registry/pods/ns/p", PREFIX, LATEST), PREFIX)[1] == LATEST


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "!!!",
        "e30",
        base64.urlsafe_b64encode(b"[1]").decode(),
        token(v="other", rv=1, start="a\0"),
        token(v="meta.k8s.io/v1", rv=0, start="a\0"),
        token(v="meta.k8s.io/v1", rv=True, start="a\0"),
        token(v="meta.k8s.io/v1", rv="1", start="a\0"),
        token(v="meta.k8s.io/v1", rv=1, start=""),
        token(v="meta.k8s.io/v1", rv=1, start="/etc"),
        token(v="meta.k8s.io/v1", rv=1, start="../secrets/a\0"),
        "A" * (TOKEN_BYTES_MAX + 1),
    ],
)
def test_a_token_of_another_make_is_refused(text):
    with pytest.raises(StatusError) as refused:
        decode(text, PREFIX)

    assert refused.value.code == 400
    assert refused.value.message.startswith("invalid continue token: continue key is not valid: ")


@given(st.text())
def test_any_text_is_read_or_refused_and_never_leaves_the_range(text):
    try:
        key, _ = decode(text, PREFIX)
    except StatusError as refused:
        assert refused.code == 400
    else:
        assert key.startswith(PREFIX)
