"""The certificates of a cluster: one CA, the server's certificate, client certificates, the service-account key.

Always true: keys are P-256 (an RSA key costs 30 ms and more), readable by their owner alone; what exists is kept,
so a cluster started again is trusted by the same kubeconfig.
Not here: TLS itself, authentication.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pyk8s_server.cluster.state import write_private

CA_DAYS = 3650
LEAF_DAYS = 365
CLOCK_SKEW = timedelta(hours=1)
"""Certificates begin this much in the past: clients' clocks differ."""

SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate_path: Path
    key_path: Path

    @property
    def certificate(self) -> str:
        return self.certificate_path.read_text()

    @property
    def key(self) -> str:
        return self.key_path.read_text()

    @property
    def exists(self) -> bool:
        return self.certificate_path.exists() and self.key_path.exists()


class Authority:
    """The CA of one cluster, in ``folder``; made at ``now_s`` when it is not there."""

    def __init__(self, folder: Path, now_s: float) -> None:
        self.folder = folder
        self.now = datetime.fromtimestamp(now_s, UTC)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.pair = self._named("ca")
        if not self.pair.exists:
            self._make_ca()
        self._certificate = x509.load_pem_x509_certificate(self.pair.certificate.encode())
        self._key = serialization.load_pem_private_key(self.pair.key.encode(), None)

    def server(self, addresses: Sequence[str]) -> Pair:
        """The API server's certificate, for loopback, the in-cluster names and ``addresses``."""
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVER_NAMES]
        names += [x509.IPAddress(ipaddress.ip_address(a)) for a in dict.fromkeys(("127.0.0.1", "::1", *addresses))]
        subject = _name("kube-apiserver")
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        return self._issue("apiserver", subject, usage, x509.SubjectAlternativeName(names))

    def client(self, file: str, user: str, groups: Sequence[str] = ()) -> Pair:
        """A client certificate: CN is the user, O the groups."""
        return self._issue(file, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def service_account_key(self) -> Path:
        """The key that signs service-account tokens."""
        path = self.folder / "sa.key"
        if not path.exists():
            write_private(path, _pem_key(ec.generate_private_key(ec.SECP256R1())))
        return path

    def _named(self, file: str) -> Pair:
        return Pair(self.folder / f"{file}.crt", self.folder / f"{file}.key")

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("kubernetes")
        usage = x509.KeyUsage(True, False, True, False, False, True, False, False, False)
        builder = (
            self._builder(name, name, key, CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        _write(self.pair, builder.sign(key, hashes.SHA256()), key)

    def _issue(
        self, file: str, subject: x509.Name, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None
    ) -> Pair:
        pair = self._named(file)
        if pair.exists and self._is_fresh(pair):
            return pair
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(subject, self._certificate.subject, key, LEAF_DAYS)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        _write(pair, builder.sign(self._key, hashes.SHA256()), key)  # type: ignore[arg-type]
        return pair

    def _is_fresh(self, pair: Pair) -> bool:
        found = x509.load_pem_x509_certificate(pair.certificate.encode())
        return found.not_valid_after_utc - self.now > timedelta(days=LEAF_DAYS / 4)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
    ) -> x509.CertificateBuilder:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - CLOCK_SKEW)
            .not_valid_after(self.now + timedelta(days=days))
            .add_extension(identifier, critical=False)
        )


def _name(user: str, groups: Sequence[str] = ()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _pem_key(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_private(pair.key_path, _pem_key(key))
    write_private(pair.certificate_path, certificate.public_bytes(serialization.Encoding.PEM).decode())
