"""Authentication: who asks, by client certificate or bearer token; nobody is anonymous but on a few open paths.

Always true: a request that shows a credential is that user or is refused; it never falls back to anonymous.
Invariant: tokens are compared by hash lookup, of themselves or of their digest, so that timing says nothing about them.
Not here: TLS (the certificate was verified there), what service-account tokens say (see `tokens`), what a user may do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID
from pyk8s.api.http import Request, UserInfo
from pyk8s.api.status import unauthorized

from pyk8s_server.apiserver.tokens.service_accounts import API_AUDIENCES, UNKNOWN, ServiceAccountTokens, Verdict

AUTHENTICATED = "system:authenticated"
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
ANONYMOUS = UserInfo("system:anonymous", ("system:unauthenticated",))
OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")
CERTIFICATES_CACHED_MAX = 1024


class Authenticator:
    """Knows the static tokens; ``tokens`` maps a token to its user. ``service_accounts`` checks all others."""

    def __init__(self, tokens: Mapping[str, UserInfo], service_accounts: ServiceAccountTokens | None = None) -> None:
        self._service_accounts = service_accounts
        self._users = {_digest(token): _authenticated(user) for token, user in tokens.items()}
        self._by_header = {f"Bearer {token}": _authenticated(user) for token, user in tokens.items()}
        """What nearly every request says. Python compares texts only where their keyed hashes are equal."""

    def authenticate(self, request: Request) -> UserInfo:
        """The user of a request. Raises StatusError 401."""
        if request.user is not None:
            return request.user
        if request.peer_certificate is not None:
            user = certificate_user(request.peer_certificate)
            if user is not None:
                return user
        authorization = request.headers.get("authorization", "")
        if authorization:
            return self._bearer(authorization)
        if is_open(request.path):
            return ANONYMOUS
        raise unauthorized()

    def _bearer(self, authorization: str) -> UserInfo:
        known = self._by_header.get(authorization)
        if known is not None:
            return known
        scheme, _, token = authorization.partition(" ")
        user = self.review(token.strip()).user if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user

    def review(self, token: str, audiences: Sequence[str] = API_AUDIENCES) -> Verdict:
        """Whose a bearer token is, for one of ``audiences``. A static token is good for this server alone."""
        user = self._users.get(_digest(token))
        if user is not None:
            shared = tuple(audience for audience in API_AUDIENCES if audience in audiences)
            return Verdict(user, shared) if shared else UNKNOWN
        return UNKNOWN if self._service_accounts is None else self._service_accounts.authenticate(token, audiences)


def is_open(path: str) -> bool:
    """Whether anyone may read ``path``: health and version."""
    return path in OPEN_PATHS or path.startswith(("/healthz/", "/livez/", "/readyz/"))


@lru_cache(maxsize=CERTIFICATES_CACHED_MAX)
def certificate_user(der: bytes) -> UserInfo | None:
    """The user a client certificate names: common name, and one group per organization; None without a name."""
    subject = x509.load_der_x509_certificate(der).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names or not names[0].value:
        return None
    groups = tuple(str(part.value) for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    extra = {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
    return _authenticated(UserInfo(str(names[0].value), groups, extra=extra))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _authenticated(user: UserInfo) -> UserInfo:
    if AUTHENTICATED in user.groups:
        return user
    return UserInfo(user.username, (*user.groups, AUTHENTICATED), user.uid, user.extra)
