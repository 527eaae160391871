"""The cluster's certificates: one CA, kept from start to start."""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pyk8s_server.cluster.certificates import Authority

NOW_S = 1_767_225_600.0


def test_what_exists_is_kept(tmp_path: Path) -> None:
    first = Authority(tmp_path, NOW_S)
    ca, server = first.pair.certificate, first.server(()).certificate

    second = Authority(tmp_path, NOW_S + 86_400)

    assert second.pair.certificate == ca
    assert second.server(()).certificate == server


def test_a_leaf_near_its_end_is_made_anew(tmp_path: Path) -> None:
    old = Authority(tmp_path, NOW_S).server(()).certificate

    new = Authority(tmp_path, NOW_S + 300 * 86_400).server(()).certificate

    assert new != old


def test_client_certificates_name_user_and_groups(tmp_path: Path) -> None:
    pair = Authority(tmp_path, NOW_S).client("admin", "kubernetes-admin", ("system:masters",))

    subject = x509.load_pem_x509_certificate(pair.certificate.encode()).subject

    assert subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"


def test_keys_are_small_and_private(tmp_path: Path) -> None:
    authority = Authority(tmp_path, NOW_S)
    pair = authority.server(("10.0.0.1",))

    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())

    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert pair.key_path.stat().st_mode & 0o777 == 0o600
    assert authority.service_account_key().stat().st_mode & 0o777 == 0o600


def test_openssl_accepts_the_chain(tmp_path: Path) -> None:
    authority = Authority(tmp_path, NOW_S)
    pair = authority.server(())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    context.load_cert_chain(pair.certificate_path, pair.key_path)
    context.load_verify_locations(authority.pair.certificate_path)

    assert len(context.get_ca_certs()) == 1
