"""JSON Web Tokens signed with ES256: one P-256 key that signs, verifies and shows its public half.

Always true: the algorithm is the key's, never the one a token names; the key is loaded at its first use.
Source: RFC 7515 (compact form), RFC 7517 and 7518 (keys, ES256: r and s as 32 bytes each).
Not here: what claims mean (see `service_accounts`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

Json = dict[str, Any]

ALGORITHM = "ES256"
COORDINATE_BYTES = 32
TOKEN_CHARACTERS_MAX = 16_384
"""Ours are below 2,000; what is longer is not decoded."""


class SigningKey:
    """A P-256 key; ``load`` gives its PEM and is called once, when the key is first needed."""

    def __init__(self, load: Callable[[], bytes]) -> None:
        self._load = load

    def sign(self, claims: Json) -> str:
        """The token that says ``claims``. Cost: one signature, some 30 µs."""
        head = {"alg": ALGORITHM, "kid": self.key_id}
        signed = f"{_encoded(orjson.dumps(head))}.{_encoded(orjson.dumps(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(_fixed(r) + _fixed(s))}"

    def verify(self, token: str) -> Json | None:
        """What a token that this key signed says; None for any other text. Cost: one verification, some 70 µs."""
        parts = token.split(".")
        if len(parts) != 3 or len(token) > TOKEN_CHARACTERS_MAX:
            return None
        try:
            head, claims = (orjson.loads(_decoded(part)) for part in parts[:2])
            signature = _decoded(parts[2])
        except (ValueError, binascii.Error):
            return None
        if not isinstance(head, dict) or head.get("alg") != ALGORITHM or not isinstance(claims, dict):
            return None
        return claims if self._is_mine(f"{parts[0]}.{parts[1]}".encode(), signature) else None

    @cached_property
    def key_id(self) -> str:
        """The ``kid`` of its tokens: a digest of the public key."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        der = self._key.public_key().public_bytes(serialization.Encoding.DER, form)
        return _encoded(hashlib.sha256(der).digest())

    def public_jwk(self) -> Json:
        """The public key as a JSON Web Key."""
        numbers = self._key.public_key().public_numbers()
        return {
            "use": "sig",
            "kty": "EC",
            "kid": self.key_id,
            "crv": "P-256",
            "alg": ALGORITHM,
            "x": _encoded(_fixed(numbers.x)),
            "y": _encoded(_fixed(numbers.y)),
        }

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self._load(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the service-account key must be a P-256 key")
        return key

    def _is_mine(self, signed: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * COORDINATE_BYTES:
            return False
        r, s = (int.from_bytes(half) for half in (signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]))
        try:
            self._key.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def _fixed(number: int) -> bytes:
    return number.to_bytes(COORDINATE_BYTES)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Raises binascii.Error, ValueError for what is not base64url."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
