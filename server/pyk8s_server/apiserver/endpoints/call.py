"""One request on its way through the verbs, and what all requests share.

Always true: a `Call` belongs to one request and one task; a `Backend` is shared and holds no request's state.
Not here: how requests arrive (see `handler`), what verbs do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pyk8s.api.clock import Clock
from pyk8s.api.field import FieldError, forbidden
from pyk8s.api.http import Request, UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.status import invalid
from pyk8s.core.interfaces import Scheme

from pyk8s_server.apiserver.admission.chain import Chain
from pyk8s_server.apiserver.endpoints.metrics import Metrics
from pyk8s_server.apiserver.endpoints.negotiation import PLAIN, Form, is_pretty, negotiate
from pyk8s_server.apiserver.endpoints.scope import ResourceScope, Scopes
from pyk8s_server.apiserver.filters.authorization import Authorizer
from pyk8s_server.apiserver.interfaces import Context, Printer, Reader, RequestInfo
from pyk8s_server.apiserver.storage.interface import Storage
from pyk8s_server.apiserver.storage.wakeups import Wakeups
from pyk8s_server.apiserver.tokens.service_accounts import ServiceAccountTokens, Verdict

MANAGER_LENGTH_MAX = 128
AGENTS_CACHED_MAX = 256

Errors = Sequence[FieldError]


@dataclass(slots=True)
class Backend:
    """What every verb works with."""

    storage: Storage
    scheme: Scheme
    clock: Clock
    identity: Identity
    reader: Reader
    chain: Chain
    wakeups: Wakeups
    metrics: Metrics
    scopes: Scopes
    authorizer: Authorizer
    review_token: Callable[[str, Sequence[str]], Verdict]
    service_accounts: ServiceAccountTokens | None = None


@dataclass(slots=True)
class Call:
    """One request to one resource."""

    request: Request
    info: RequestInfo
    user: UserInfo
    scope: ResourceScope
    params: dict[str, str]
    """The query's first value of each name."""
    now_s: float = 0.0
    """When the request arrived."""
    warnings: list[str] = field(default_factory=list)
    form: Form = PLAIN
    printer: Printer | None = None
    """What prints the answer's rows when it is not of the scope's kind."""

    def all_values(self, name: str) -> list[str]:
        return [value for key, value in self.request.query if key == name]

    @property
    def is_pretty(self) -> bool:
        return is_pretty(self.params.get("pretty"), self.request.headers.get("user-agent", ""))

    def negotiate(self) -> None:
        """Choose the answer's form. Raises StatusError 406."""
        accept = self.request.headers.get("accept")
        if accept and accept != "application/json":
            self.form = negotiate(accept, prefers_json=self.info.verb in ("list", "watch"))

    def context(self, backend: Backend, *, dry_run: bool = False) -> Context:
        return Context(
            self.info,
            self.user,
            backend.clock,
            backend.identity,
            backend.reader,
            dry_run,
            self.params.get("fieldManager") or manager_of_agent(self.request.headers.get("user-agent", "")),
            self.warnings,
        )


@lru_cache(maxsize=AGENTS_CACHED_MAX)
def manager_of_agent(user_agent: str) -> str:
    """The field manager of a request that names none: its agent up to the first slash."""
    name = "".join(character for character in user_agent.partition("/")[0] if character.isprintable())
    return name[:MANAGER_LENGTH_MAX] or "unknown"


def write_options(call: Call, kind: str, *, body_dry_run: list[str] | None = None, errors: Errors = ()) -> bool:
    """Check the options a write has in its query; returns whether it is a dry run. Raises StatusError 422.

    Args:
        kind: "CreateOptions" and the like, as the error names it.
        body_dry_run: values from a body instead of the query's.
        errors: broken rules the caller has found already.
    """
    params = call.params
    if not params and body_dry_run is None and not errors:
        return False
    values = call.all_values("dryRun") if body_dry_run is None else body_dry_run
    found = list(errors)
    if any(value != "All" for value in values):
        shown = FieldError("dryRun", "Unsupported value", values, 'supported values: "All"')
        found.append(shown)
    if "fieldManager" in params:
        found += _manager_errors(params["fieldManager"])
    if params.get("fieldValidation", "") not in FIELD_VALIDATIONS:
        listed = 'supported values: "", "Ignore", "Strict", "Warn"'
        found.append(FieldError("fieldValidation", "Unsupported value", params["fieldValidation"], listed))
    if found:
        raise invalid("meta.k8s.io", kind, "", found)
    return bool(values)


FIELD_VALIDATIONS = ("", "Ignore", "Warn", "Strict")


def _manager_errors(manager: str) -> list[FieldError]:
    if len(manager) > MANAGER_LENGTH_MAX:
        return [FieldError("fieldManager", "Too long", "", f"may not be more than {MANAGER_LENGTH_MAX} bytes")]
    if not manager.isprintable():
        return [FieldError("fieldManager", "Invalid value", manager, "should only contain printable characters")]
    return []


def forbid_force(call: Call) -> list[FieldError]:
    """``force`` is for apply patches alone."""
    if "force" in call.params:
        return [forbidden("force", "may not be specified for non-apply patch")]
    return []
