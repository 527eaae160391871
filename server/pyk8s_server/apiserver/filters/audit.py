"""Audit id: one id per request, the client's own or a new one, on every answer.

Always true: an answer carries exactly one Audit-Id.
Not here: an audit log.
"""

from __future__ import annotations

from pyk8s.api.identity import Identity

HEADER = "audit-id"
LENGTH_MAX = 64


def audit_id(headers: dict[str, str], identity: Identity) -> str:
    """The id of a request; a client's id that is too long or not printable is replaced."""
    given = headers.get(HEADER, "")
    if given and len(given) <= LENGTH_MAX and given.isprintable() and given.isascii():
        return given
    return identity.uid()
