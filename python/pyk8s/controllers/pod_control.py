"""Making and deleting pods for an owner, with the events that tell of it.

Always true: every creation and deletion, done or refused, is an event on the owner.
Not here: how many and which (see the controllers' decisions).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pyk8s.api.status import StatusError
from pyk8s.client.events import EventRecorder
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import PODS
from pyk8s.controllers.controller_ref import new_controller_ref

Json = dict[str, Any]
DNS_SUBDOMAIN_LENGTH_MAX = 253


def is_namespace_terminating(error: BaseException) -> bool:
    """True when the API refused because the namespace is going."""
    if not isinstance(error, StatusError) or error.code != 403:
        return False
    return any(cause.get("reason") == "NamespaceTerminating" for cause in error.details.get("causes") or ())


def pod_prefix(owner_name: str) -> str:
    """generateName of an owner's pods; the plain name where adding a dash would make no valid name."""
    prefix = f"{owner_name}-"
    return prefix if len(prefix) <= DNS_SUBDOMAIN_LENGTH_MAX else owner_name


def pod_from_template(template: Json, owner: Json) -> Json:
    metadata = template.get("metadata") or {}
    made: Json = {"generateName": pod_prefix(owner["metadata"]["name"])}
    for name in ("labels", "annotations", "finalizers"):
        if metadata.get(name):
            made[name] = metadata[name]
    made["ownerReferences"] = [new_controller_ref(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": template["spec"]}


async def slow_start(count: int, action: Callable[[], Awaitable[None]]) -> tuple[int, Exception | None]:
    """Run ``action`` up to ``count`` times in batches of 1, 2, 4, …; stop after a batch with a failure.

    Returns:
        How many succeeded, and the first failure.
    """
    done, batch = 0, 1
    while done < count:
        size = min(batch, count - done)
        results = await asyncio.gather(*(action() for _ in range(size)), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        done += size - len(failures)
        for failure in failures:
            if isinstance(failure, Exception):
                return done, failure
            raise failure
        batch *= 2
    return done, None


class PodControl:
    """Pods on behalf of owners."""

    def __init__(self, client: Client, recorder: EventRecorder) -> None:
        self._client, self._recorder = client, recorder

    async def create(self, owner: Json, template: Json) -> None:
        """One more pod. Raises what the API raised, after the event."""
        try:
            pod = await self._client.create(PODS, pod_from_template(template, owner), owner["metadata"]["namespace"])
        except (StatusError, OSError) as error:
            if not is_namespace_terminating(error):
                self._recorder.event(owner, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")

    async def delete(self, owner: Json, pod: Json) -> None:
        """One pod less; one that is gone already is no failure. Raises what else the API raised, after the event."""
        metadata = pod["metadata"]
        try:
            await self._client.delete(
                PODS, metadata["name"], metadata["namespace"], options={"preconditions": {"uid": metadata["uid"]}}
            )
        except StatusError as error:
            if error.code == 404:
                raise
            self._recorder.event(owner, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {metadata['name']}")
