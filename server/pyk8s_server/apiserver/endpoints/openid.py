"""The issuer's discovery documents: /.well-known/openid-configuration and /openid/v1/jwks.

Always true: they tell of the key that signs, so whoever trusts them can verify a token without asking the server.
Source: OpenID Connect Discovery 1.0; kubernetes.io, "Service account issuer discovery".
Not here: tokens (see `tokens`).
"""

from __future__ import annotations

import orjson
from pyk8s.api.http import Request, Response

from pyk8s_server.apiserver.tokens.jwt import ALGORITHM
from pyk8s_server.apiserver.tokens.service_accounts import ISSUER, ServiceAccountTokens

CONFIGURATION_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/openid/v1/jwks"
KEYS_TYPE = "application/jwk-set+json"
CACHE_CONTROL = ("cache-control", "public, max-age=3600")


class OpenId:
    """Answers for the issuer of ``tokens``, reached at ``host`` (address and port)."""

    def __init__(self, tokens: ServiceAccountTokens | None, host: str) -> None:
        self._tokens, self._host = tokens, host

    def answer(self, request: Request) -> Response | None:
        """The document at the request's path, None for other paths and without a key."""
        if self._tokens is None or request.method not in ("GET", "HEAD"):
            return None
        if request.path == CONFIGURATION_PATH:
            return Response(200, [("content-type", "application/json"), CACHE_CONTROL], self._configuration())
        if request.path == KEYS_PATH:
            body = orjson.dumps({"keys": [self._tokens.key.public_jwk()]})
            return Response(200, [("content-type", KEYS_TYPE), CACHE_CONTROL], body)
        return None

    def _configuration(self) -> bytes:
        return orjson.dumps(
            {
                "issuer": ISSUER,
                "jwks_uri": f"https://{self._host}{KEYS_PATH}",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
            }
        )
