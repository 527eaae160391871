"""Who asks: certificates, tokens, nobody; and who acts for whom."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyk8s.api.http import Request, UserInfo
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.filters.authentication import ANONYMOUS, Authenticator
from pyk8s_server.apiserver.filters.impersonation import impersonate

ROOT = UserInfo("root", ("system:masters",))
WHO = Authenticator({"secret": ROOT})


def certificate(name, *groups):
    import datetime

    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    subject = x509.Name(parts)
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ask(path="/api", **parts):
    return WHO.authenticate(Request("GET", path, **parts))


def test_a_certificate_names_the_user_and_its_groups():
    der = certificate("jane", "dev", "ops")

    user = ask(peer_certificate=der)

    assert (user.username, user.groups) == ("jane", ("dev", "ops", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"] == (
        f"X509SHA256={hashlib.sha256(der).hexdigest()}",
    )


def test_a_token_names_its_user():
    user = ask(headers={"authorization": "Bearer secret"})

    assert (user.username, user.groups) == ("root", ("system:masters", "system:authenticated"))


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic secret", "secret"])
def test_a_wrong_credential_is_refused_even_where_nobody_may_ask(header):
    with pytest.raises(StatusError) as refused:
        ask("/healthz", headers={"authorization": header})

    assert refused.value.code == 401


@pytest.mark.parametrize("path", ["/healthz", "/livez/ping", "/readyz", "/version"])
def test_nobody_may_ask_for_health_and_version(path):
    assert ask(path) == ANONYMOUS


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/pods", "/metrics", "/versions", "/openapi/v3"])
def test_nobody_may_ask_for_anything_else(path):
    with pytest.raises(StatusError) as refused:
        ask(path)

    assert refused.value.code == 401


def test_a_certificate_without_a_name_is_nobody():
    with pytest.raises(StatusError):
        ask(peer_certificate=certificate("", "dev"))


def test_a_master_may_act_as_another():
    headers = {"impersonate-user": "jane", "impersonate-group": "a\nb", "impersonate-extra-scope%2fx": "1"}

    user = impersonate(ROOT, headers)

    assert (user.username, user.groups) == ("jane", ("a", "b", "system:authenticated"))
    assert user.extra == {"scope/x": ("1",)}


def test_others_may_not():
    with pytest.raises(StatusError) as refused:
        impersonate(UserInfo("joe"), {"impersonate-user": "jane"})

    assert refused.value.code == 403


def test_groups_without_a_user_are_refused_in_the_words_of_go():
    with pytest.raises(StatusError) as refused:
        impersonate(ROOT, {"impersonate-group": "g"})

    assert refused.value.message == (
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)} '
        "without impersonating a user name"
    )
