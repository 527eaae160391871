"""Before the Binding: what a decision must write first, and the wait until its volumes are bound.

Always true: the patches go out in their order, each only onto the object it was made for; a claim counts as bound when
the volumes' controller has said so.
Not here: what is to be written (the engine says), binding volumes to claims (a controller's work).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from pyk8s.api.clock import Clock
from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.core.scheduler_interface import Decision
from pyk8s.scheduler.object_feed import CLAIM, VOLUME, ObjectFeed, fed_resources

Json = dict[str, Any]

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_TIMEOUT_S = 600.0
"""bindTimeoutSeconds, where a configuration does not say."""
log = logging.getLogger(__name__)

PLUGINS = {VOLUME: "VolumeBinding", CLAIM: "VolumeBinding", "ResourceClaim": "DynamicResources"}
"""Whose PreBind writes the kind."""


class PreBindError(Exception):
    """A PreBind plugin failed: the pod goes back to the queue."""

    def __init__(self, plugin: str, cause: object) -> None:
        super().__init__(f'running PreBind plugin "{plugin}": {cause}')


def bind_timeouts_s(config: bytes) -> dict[str, float]:
    """How long each profile (by its scheduler's name) of a compiled configuration waits for volumes."""
    profiles = orjson.loads(config or b"{}").get("profiles") or ()
    found = {}
    for profile in profiles:
        args = (profile.get("pluginConfig") or {}).get("VolumeBinding") or {}
        found[profile["schedulerName"]] = float(args.get("bindTimeoutSeconds", BIND_TIMEOUT_S))
    return found


class PreBind:
    def __init__(self, client: Client, clock: Clock, *, feeds: Iterable[ObjectFeed]) -> None:
        self._client, self._clock = client, clock
        by_kind = {feed.kind: feed for feed in feeds}
        self._volumes, self._claims = by_kind[VOLUME], by_kind[CLAIM]
        self._resources: dict[str, Resource] = {resource.kind: resource for resource in fed_resources()}
        self._waiters: set[asyncio.Event] = set()
        self._giving_back: set[asyncio.Task[None]] = set()

    def notify(self) -> None:
        """A volume, a claim or a pod has changed."""
        for waiter in self._waiters:
            waiter.set()

    async def run(self, decision: Decision, *, timeout_s: float, is_wanted: Callable[[], bool]) -> None:
        """Write, then wait for the volumes. ``is_wanted``: whether the pod still waits for its node.

        Raises:
            PreBindError: a write was refused, the binding came to nothing or took longer than ``timeout_s``.
        """
        written = []
        for write in orjson.loads(decision.writes):
            try:
                written.append(await self._write(write))
            except (StatusError, OSError) as error:
                raise PreBindError(PLUGINS.get(write["kind"], write["kind"]), error) from error
        waited_for = [obj for obj in written if obj["kind"] in (VOLUME, CLAIM)]
        if waited_for:
            await self._wait(waited_for, decision, timeout_s, is_wanted)

    def give_back(self, decision: Decision) -> None:
        """Begin to write what may help a pod that fits nowhere; what is refused is asked again by the next attempt."""
        task = asyncio.ensure_future(self._give_back(decision))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def _give_back(self, decision: Decision) -> None:
        for write in orjson.loads(decision.writes):
            try:
                await self._write(write)
            except (StatusError, OSError) as error:
                log.info("%s/%s: %s %s: %s", decision.namespace, decision.name, write["kind"], write["name"], error)

    async def _write(self, write: Json) -> Json:
        """The object as it was after the write, with its kind."""
        patch = write["patch"]
        if write["uid"]:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "uid": write["uid"]}}
        found = await self._client.patch(
            self._resources[write["kind"]],
            write["name"],
            patch,
            write["namespace"],
            subresource=write.get("subresource", ""),
        )
        return {**found, "kind": write["kind"]}

    async def _wait(
        self, written: list[Json], decision: Decision, timeout_s: float, is_wanted: Callable[[], bool]
    ) -> None:
        changed = asyncio.Event()
        self._waiters.add(changed)
        timer = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            while not self._are_bound(written, decision.node_name):
                if not is_wanted():
                    raise _failed(f'pod does not exist any more: pod "{decision.name}" not found')
                news = asyncio.ensure_future(changed.wait())
                await asyncio.wait((news, timer), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                changed.clear()
                if timer.done():
                    raise _failed("context deadline exceeded")
        finally:
            timer.cancel()
            self._waiters.discard(changed)

    def _are_bound(self, written: list[Json], node_name: str) -> bool:
        """Raises PreBindError when that can no longer become true."""
        return all(
            self._is_volume_bound(obj) if obj["kind"] == VOLUME else self._is_claim_bound(obj, node_name)
            for obj in written
        )

    def _is_volume_bound(self, written: Json) -> bool:
        name = written["metadata"]["name"]
        volume = self._volumes.get(name)
        if volume is None:
            raise _failed(f'failed to check binding: could not find v1.PersistentVolume "{name}"')
        reference = written["spec"]["claimRef"]
        key = f"{reference['namespace']}/{reference['name']}"
        claim = self._claims.get(key)
        if claim is None:
            raise _failed(f'failed to check binding: could not find v1.PersistentVolumeClaim "{key}"')
        if _is_older(volume, written):
            return False
        if not (volume["spec"].get("claimRef") or {}).get("uid"):
            raise _failed(f'ClaimRef got reset for pv "{name}"')
        return _is_fully_bound(claim)

    def _is_claim_bound(self, written: Json, node_name: str) -> bool:
        meta = written["metadata"]
        key = f"{meta['namespace']}/{meta['name']}"
        claim = self._claims.get(key)
        if claim is None:
            raise _failed(f'failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "{key}"')
        if _is_older(claim, written):
            return False
        if (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE) != node_name:
            # A provisioner that cannot make the volume takes the annotation away, so that another node is tried.
            raise _failed(f'provisioning failed for PVC "{meta["name"]}"')
        return _is_fully_bound(claim)


def _failed(cause: str) -> PreBindError:
    return PreBindError("VolumeBinding", f"binding volumes: {cause}")


def _is_fully_bound(claim: Json) -> bool:
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in (claim["metadata"].get("annotations") or {})


def _is_older(seen: Json, written: Json) -> bool:
    return int(seen["metadata"]["resourceVersion"]) < int(written["metadata"]["resourceVersion"])
