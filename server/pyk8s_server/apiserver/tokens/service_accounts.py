"""Tokens of service accounts: what they claim, whom they stand for, and until when.

Always true: a token dies with its account, with the object it is bound to, and when either comes back under another
uid. Signatures are remembered, all else is checked at every request.
Source: kubernetes.io, "Managing Service Accounts", "Bound service account tokens"; texts as observed.
Not here: signatures (see `jwt`), the TokenRequest endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pyk8s.api.clock import Clock, parse_rfc3339
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource, find

from pyk8s_server.apiserver.interfaces import Reader
from pyk8s_server.apiserver.tokens.jwt import SigningKey

Json = dict[str, Any]

ISSUER = "https://kubernetes.default.svc.cluster.local"
API_AUDIENCES = (ISSUER,)
"""Whom a token must be meant for to be taken here: kube-apiserver's --api-audiences, by default its issuer."""
PREFIX = "authentication.kubernetes.io/"
CREDENTIAL_ID = PREFIX + "credential-id"
WARN_ONLY_S = 3607
EXTENDED_S = 365 * 24 * 3600
"""A kubelet's tokens for pods are asked for 3607 s and live a year, for pods that never read their token again."""
CLOCK_LEEWAY_S = 60
DELETION_LEEWAY_S = 60
VERIFIED_MAX = 1024
"""Tokens whose signature is remembered; about 1 KiB each."""
BOUND_KINDS = ("pod", "secret", "node")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a bearer token: its user and audiences, or why it is not taken."""

    user: UserInfo | None = None
    audiences: tuple[str, ...] = ()
    error: str = ""


UNKNOWN = Verdict()


@dataclass(frozen=True, slots=True)
class Asked:
    """A token to be made. ``bound`` maps kinds of `BOUND_KINDS` to name and uid."""

    account: Json
    audiences: Sequence[str]
    lifetime_s: int
    bound: dict[str, Json] = field(default_factory=dict)


class ServiceAccountTokens:
    """Issues and checks the tokens of one cluster; ``load_key`` gives the PEM of its key at first use."""

    def __init__(self, load_key: Callable[[], bytes], *, reader: Reader, clock: Clock, identity: Identity) -> None:
        self.key = SigningKey(load_key)
        self._reader, self._clock, self._identity = reader, clock, identity
        self._verified = lru_cache(maxsize=VERIFIED_MAX)(self.key.verify)

    def issue(self, asked: Asked) -> str:
        """A signed token; the caller has checked account and bound object."""
        meta, now_s = asked.account["metadata"], int(self._clock.now_s())
        private: Json = {"namespace": meta["namespace"]}
        private |= asked.bound
        private["serviceaccount"] = {"name": meta["name"], "uid": meta["uid"]}
        lifetime_s = asked.lifetime_s
        if lifetime_s == WARN_ONLY_S and "pod" in asked.bound and set(asked.audiences) <= set(API_AUDIENCES):
            private["warnafter"] = now_s + lifetime_s
            lifetime_s = EXTENDED_S
        return self.key.sign(
            {
                "aud": list(asked.audiences),
                "exp": now_s + lifetime_s,
                "iat": now_s,
                "iss": ISSUER,
                "jti": self._identity.uid(),
                "kubernetes.io": private,
                "nbf": now_s,
                "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
            }
        )

    def authenticate(self, token: str, audiences: Sequence[str] = API_AUDIENCES) -> Verdict:
        """Whose a token is, for one of ``audiences``."""
        claims = self._verified(token)
        if claims is None or claims.get("iss") != ISSUER:
            return UNKNOWN
        meant_for = tuple(claims["aud"])
        shared = tuple(audience for audience in meant_for if audience in audiences)
        if not shared:
            why = f"token audiences {_listed(meant_for)} is invalid for the target audiences {_listed(audiences)}"
            return Verdict(error=why)
        error = self._time_error(claims) or self._life_error(claims["kubernetes.io"])
        return Verdict(error=error) if error else Verdict(_user(claims), shared)

    # -- checks --------------------------------------------------------------------------------------------

    def _time_error(self, claims: Json) -> str:
        now_s = self._clock.now_s()
        if now_s > claims["exp"] + CLOCK_LEEWAY_S:
            return "service account token has expired"
        if now_s < claims["nbf"] - CLOCK_LEEWAY_S:
            return "service account token is not valid yet"
        return ""

    def _life_error(self, private: Json) -> str:
        """Why account or bound object do not vouch for the token any more; empty when they do."""
        namespace, account = private["namespace"], private["serviceaccount"]
        found = self._reader.get(_resource("serviceaccounts"), account["name"], namespace)
        if found is None:
            return f'serviceaccounts "{account["name"]}" not found'
        if self._is_gone(found):
            return "service account token has been invalidated"
        if found["metadata"]["uid"] != account["uid"]:
            return f"service account UID ({found['metadata']['uid']}) does not match claim ({account['uid']})"
        return self._bound_error(private, namespace)

    def _bound_error(self, private: Json, namespace: str) -> str:
        # The node of a pod is told, not vouched for: the pod is what the token hangs on.
        kind = next((kind for kind in BOUND_KINDS if kind in private), "")
        if not kind:
            return ""
        ref = private[kind]
        found = self._reader.get(_resource(f"{kind}s"), ref["name"], "" if kind == "node" else namespace)
        if found is None or self._is_gone(found):
            return "service account token has been invalidated"
        uid = found["metadata"]["uid"]
        return (
            ""
            if uid == ref["uid"]
            else f"{kind} UID ({uid}) does not match service account {kind} ref claim ({ref['uid']})"
        )

    def _is_gone(self, obj: Json) -> bool:
        deleted = obj["metadata"].get("deletionTimestamp")
        return bool(deleted) and parse_rfc3339(deleted) + DELETION_LEEWAY_S < self._clock.now_s()


def _user(claims: Json) -> UserInfo:
    private = claims["kubernetes.io"]
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{private['namespace']}", "system:authenticated")
    extra = {CREDENTIAL_ID: (f"JTI={claims['jti']}",)}
    for kind in ("node", "pod"):
        for part, value in sorted((private.get(kind) or {}).items()):
            extra[f"{PREFIX}{kind}-{part}"] = (value,)
    return UserInfo(claims["sub"], groups, private["serviceaccount"]["uid"], extra)


def _listed(texts: Sequence[str]) -> str:
    """A list as Go prints it."""
    quoted = (f'"{text}"' for text in texts)
    return f"[{' '.join(quoted)}]"


def _resource(plural: str) -> Resource:
    found = find("", "v1", plural)
    assert found is not None, f"{plural} are in the table"
    return found
