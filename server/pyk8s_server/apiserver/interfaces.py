"""What the rooms of the API server promise each other: context, strategies, admission, printing.

Always true: endpoints see kinds only through a `Strategy`, plugins only through `Attributes` and a `Reader`.
Not here: any implementation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pyk8s.api.clock import Clock
from pyk8s.api.field import FieldError
from pyk8s.api.http import UserInfo
from pyk8s.api.identity import Identity
from pyk8s.api.resources import Resource

Json = dict[str, Any]
Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]


@dataclass(slots=True)
class RequestInfo:
    """What a request's path and method mean, as apiserver's request.RequestInfo."""

    is_resource: bool
    path: str
    verb: str
    """For a resource one of `Verb`; else the method in lower case."""
    group: str = ""
    version: str = ""
    resource: str = ""
    """Plural of the resource."""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    rest: str = ""
    """Path after the subresource (proxy)."""


@dataclass(slots=True)
class Context:
    """What one request carries through filters, admission, strategies and storage."""

    info: RequestInfo
    user: UserInfo
    clock: Clock
    identity: Identity
    reader: Reader
    dry_run: bool = False
    manager: str = ""
    """Field manager of the write."""
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Add a Warning header to the answer; repeats are dropped there."""
        self.warnings.append(text)


class Reader(Protocol):
    """Reads of stored objects as dicts, without admission or authorization: for plugins and strategies."""

    def get(self, resource: Resource, name: str, namespace: str = "") -> Json | None: ...

    def list(self, resource: Resource, namespace: str = "", labels: str = "", fields: str = "") -> Iterable[Json]: ...


class Strategy(Protocol):
    """What a kind (or one of its subresources) does on writes: registry/rest strategies, from names.json and code.

    Objects are decoded, pruned and defaulted dicts of the served version; methods change ``obj`` in place.
    ``old`` is never changed.
    """

    allow_create_on_update: bool
    allow_unconditional_update: bool
    reset_fields: tuple[str, ...]
    """Dotted paths whose ownership this endpoint never takes, for managedFields."""

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        """Drop what clients may not set (status) and gated fields; set generation. The caller does name and meta."""

    def validate(self, context: Context, obj: Json) -> list[FieldError]: ...

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]: ...

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        """Keep what this endpoint may not change, raise generation on spec changes."""

    def validate_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]: ...

    def warnings_on_update(self, context: Context, obj: Json, old: Json) -> list[str]: ...

    def grace_period_s(self, context: Context, obj: Json, asked: int | None) -> int | None:
        """Seconds a delete waits; None: this kind is deleted at once."""


class Lifecycle(Protocol):
    """Side effects of a kind beside its object: cluster IPs, node ports. Hooks around the commit."""

    def allocate(self, context: Context, obj: Json, old: Json | None) -> Release:
        """Before a create (``old`` None) or update commits; may change ``obj``, may raise StatusError."""

    def release(self, context: Context, obj: Json) -> None:
        """After a delete committed."""


class Release(Protocol):
    """Called after the write: ``committed`` False gives back what `allocate` took, True what the old object held."""

    def __call__(self, committed: bool) -> None: ...


@dataclass(slots=True)
class Attributes:
    """One write as admission sees it. ``obj`` is None on delete, ``old`` on create."""

    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    resource: Resource
    subresource: str
    namespace: str
    name: str
    obj: Json | None
    old: Json | None
    options: Json
    context: Context


class AdmissionPlugin(Protocol):
    """One admission plugin; either method may do nothing. A refusal is a StatusError."""

    name: str

    async def admit(self, attributes: Attributes) -> None:
        """Mutate ``attributes.obj`` in place."""

    async def validate(self, attributes: Attributes) -> None: ...


@dataclass(frozen=True, slots=True)
class Column:
    """A table column definition, as metav1.TableColumnDefinition."""

    name: str
    type: str
    format: str = ""
    description: str = ""
    priority: int = 0


class Printer(Protocol):
    """Turns objects of one kind into table rows."""

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def row(self, obj: Json, now_s: float) -> tuple[list[Any], list[Json]]:
        """(cells, conditions) of one object."""
