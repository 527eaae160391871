"""Waiting for an object: its states one after the other, and what a test may want of one.

Always true: a state is yielded for every change the server tells, the present one first; None is "not there".
Not here: deadlines and messages (see `handle`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from pyk8s.client.watch import Event, is_initial_events_end

if TYPE_CHECKING:
    from pyk8s.api.resources import Resource
    from pyk8s.client.rest import RestClient

Json = dict[str, Any]
Condition = str | Callable[[Json], Any]
DELETED = "deleted"


async def states(
    client: RestClient, resource: Resource, name: str, namespace: str
) -> AsyncGenerator[Json | None, None]:
    """The object as it is, then as it changes; it never ends by itself. Raises StatusError, OSError."""
    while True:
        opened = client.watch(resource, namespace, field_selector=f"metadata.name={name}", send_initial_events=True)
        stream = cast(AsyncGenerator[Event, None], opened)
        is_there = False
        async with aclosing(stream):
            async for event in stream:
                if event.type == "BOOKMARK":
                    if is_initial_events_end(event) and not is_there:
                        yield None
                    continue
                is_there = event.type != "DELETED"
                yield event.object if is_there else None


def is_met(obj: Json | None, condition: Condition) -> bool:
    """Whether an object fulfils a condition of `ClusterHandle.wait_for`; None is "not there"."""
    if obj is None or condition == DELETED:
        return obj is None and condition == DELETED
    if callable(condition):
        return bool(condition(obj))
    kind, _, wanted = condition.partition("=")
    return has_condition(obj, kind, wanted or "True")


def has_condition(obj: Json, kind: str, status: str = "True") -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == kind and c.get("status") == status for c in conditions)
