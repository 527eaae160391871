"""Kubernetes' Status answers as exceptions: code, reason, message and details as kube-apiserver gives them.

Always true: `StatusError.to_dict` is the body a client sees; nothing is added on the way out.
Not here: which situation leads to which error (the callers know), HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyk8s.api.field import FieldError


class StatusError(Exception):
    """A failed request. ``details`` None leaves the Status' details out, {} shows them empty."""

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None, *, list_continue: str = ""
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = details or {}
        self.has_details = details is not None
        self.list_continue = list_continue

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> StatusError:
        """The error a Status body stands for."""
        return cls(
            int(body.get("code") or 500),
            str(body.get("reason") or ""),
            str(body.get("message") or ""),
            body.get("details"),
        )

    def to_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.list_continue} if self.list_continue else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details or self.has_details:
            body["details"] = self.details
        body["code"] = self.code
        return body

    @property
    def retry_after_s(self) -> int:
        return int(self.details.get("retryAfterSeconds") or 0)


def qualified(plural: str, group: str) -> str:
    """``deployments.apps``, or ``pods`` for the core group."""
    return f"{plural}.{group}" if group else plural


def _details(name: str, group: str, kind: str, **more: Any) -> dict[str, Any]:
    pairs = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in pairs.items() if value not in ("", None, [])}


def not_found(group: str, plural: str, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', _details(name, group, plural))


def already_exists(group: str, plural: str, name: str) -> StatusError:
    return StatusError(
        409, "AlreadyExists", f'{qualified(plural, group)} "{name}" already exists', _details(name, group, plural)
    )


def conflict(group: str, plural: str, name: str, why: str) -> StatusError:
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(name, group, plural))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def forbidden(group: str, plural: str, name: str, why: str) -> StatusError:
    subject = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", _details(name, group, plural))


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def internal_error(message: str) -> StatusError:
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    """422 of one or more field errors; ``kind`` is the Kind, not the plural."""
    texts = list(dict.fromkeys(error.text() for error in errors))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    message = f'{qualified(kind, group)} "{name}" is invalid: {joined}'
    causes = [error.cause() for error in errors]
    return StatusError(422, "Invalid", message, _details(name, group, kind, causes=causes))


def success(details: dict[str, Any] | None = None) -> dict[str, Any]:
    """The Status of a request that worked and has no object to show."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        body["details"] = details
    return body


def with_causes(error: StatusError, causes: Iterable[dict[str, Any]]) -> StatusError:
    error.details = {**error.details, "causes": list(causes)}
    return error
