"""The volume binder: claims and volumes find each other, and say so in spec and status.

Always true: a binding goes through in a fixed order (volume's claimRef, its phase, claim's volumeName, its status), and
each step can be found half done and finished; a claim whose class waits for a pod gets only a volume that names it.
Not here: making volumes (an external driver does, once the claim names it), deleting or recycling released ones.
"""

from __future__ import annotations

from typing import ClassVar

from pyk8s.api.resources import Resource
from pyk8s.api.status import StatusError
from pyk8s.client.keys import key_of, split_key
from pyk8s.client.well_known import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from pyk8s.controllers import volume_choice as choice
from pyk8s.controllers.context import Context, Json
from pyk8s.controllers.controller import Controller

UNBOUND = "unbound"
CLASS = "class"
CLAIM = "claim"


def _claim_key(volume: Json) -> str:
    reference = volume["spec"].get("claimRef") or {}
    return f"{reference['namespace']}/{reference['name']}" if reference else ""


class PersistentVolumeBinder(Controller):
    """Keys are those of claims (with a namespace) and of volumes (without)."""

    name: ClassVar[str] = "persistentvolume-binder"
    worker_count: ClassVar[int] = 1
    """One at a time: two claims never choose the same volume."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._claims = context.informers.informer(PERSISTENT_VOLUME_CLAIMS)
        self._volumes = context.informers.informer(PERSISTENT_VOLUMES)
        self._classes = context.informers.informer(STORAGE_CLASSES)
        self._claims.add_index(UNBOUND, lambda claim: () if choice.is_bound(claim) else (choice.class_name(claim),))
        self._volumes.add_index(CLASS, lambda volume: (choice.class_name(volume),))
        self._volumes.add_index(CLAIM, lambda volume: (_claim_key(volume),))
        self._claims.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=self._claim_gone
        )
        self._volumes.add_handler(
            on_add=self._volume_seen, on_update=lambda old, new: self._volume_seen(new), on_delete=self._volume_gone
        )
        self._classes.add_handler(on_add=self._class_seen)

    def _claim_gone(self, claim: Json) -> None:
        if claim["spec"].get("volumeName"):
            self.queue.add(claim["spec"]["volumeName"])

    def _volume_seen(self, volume: Json) -> None:
        self.enqueue(volume)
        if volume["spec"].get("claimRef"):
            self.queue.add(_claim_key(volume))
        else:
            self._enqueue_unbound(choice.class_name(volume))

    def _volume_gone(self, volume: Json) -> None:
        if volume["spec"].get("claimRef"):
            self.queue.add(_claim_key(volume))

    def _class_seen(self, storage_class: Json) -> None:
        self._enqueue_unbound(storage_class["metadata"]["name"])

    def _enqueue_unbound(self, class_name: str) -> None:
        for claim in self._claims.cache.by_index(UNBOUND, class_name):
            self.enqueue(claim)

    async def sync(self, key: str) -> None:
        namespace, name = split_key(key)
        if namespace:
            claim = self._claims.cache.get(name, namespace)
            if claim is not None and not claim["metadata"].get("deletionTimestamp"):
                await self._sync_claim(claim)
        elif (volume := self._volumes.cache.get(name)) is not None:
            await self._sync_volume(volume)

    async def _sync_claim(self, claim: Json) -> None:
        storage_class = self._classes.cache.get(choice.class_name(claim))
        name = claim["spec"].get("volumeName")
        if name:
            volume = self._volumes.cache.get(name)
            if volume is None and choice.is_bound(claim):
                await self._set_status(PERSISTENT_VOLUME_CLAIMS, claim, {"phase": "Lost"})
        else:
            is_waiting = choice.is_waiting_for_pod(claim, storage_class)
            reserved = self._volumes.cache.by_index(CLAIM, key_of(claim))
            of_class = self._volumes.cache.by_index(CLASS, choice.class_name(claim))
            volume = choice.choose(claim, [*reserved, *of_class], is_waiting=is_waiting)
            if volume is None:
                await self._ask_for_volume(claim, choice.provisioner_of(claim, storage_class))
        if volume is not None and (choice.is_for(volume, claim) or not volume["spec"].get("claimRef")):
            await self._bind(volume, claim)

    async def _ask_for_volume(self, claim: Json, provisioner: str) -> None:
        """Tell the driver that a volume is wanted, by the annotations that it watches for."""
        if provisioner and choice.annotations_of(claim).get(choice.PROVISIONER) != provisioner:
            marks = dict.fromkeys((choice.PROVISIONER, choice.BETA_PROVISIONER), provisioner)
            await self._patch(PERSISTENT_VOLUME_CLAIMS, claim, {"metadata": {"annotations": marks}})

    async def _bind(self, volume: Json, claim: Json) -> None:
        volume = await self._patch(PERSISTENT_VOLUMES, volume, choice.volume_patch(volume, claim))
        await self._set_status(PERSISTENT_VOLUMES, volume, {"phase": "Bound"})
        claim = await self._patch(PERSISTENT_VOLUME_CLAIMS, claim, choice.claim_patch(volume, claim))
        await self._set_status(PERSISTENT_VOLUME_CLAIMS, claim, choice.claim_status(volume))

    async def _sync_volume(self, volume: Json) -> None:
        reference = volume["spec"].get("claimRef")
        if not reference or not reference.get("uid"):
            await self._set_status(PERSISTENT_VOLUMES, volume, {"phase": "Available"})
        elif await self._is_claim_gone(reference):
            await self._set_status(PERSISTENT_VOLUMES, volume, {"phase": "Released"})

    async def _is_claim_gone(self, reference: Json) -> bool:
        """Asks the server where the cache knows nothing: releasing a volume is for good."""
        claim = self._claims.cache.get(reference["name"], reference["namespace"])
        if claim is None:
            try:
                claim = await self.client.get(PERSISTENT_VOLUME_CLAIMS, reference["name"], reference["namespace"])
            except StatusError as error:
                if error.code != 404:
                    raise
        return claim is None or claim["metadata"]["uid"] != reference["uid"]

    async def _patch(self, resource: Resource, obj: Json, patch: Json, subresource: str = "") -> Json:
        """Only onto the object as it was read: a lost race is a conflict, and the key is tried again."""
        if not patch:
            return obj
        meta = obj["metadata"]
        version = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        patch = {**patch, "metadata": {**patch.get("metadata", {}), **version}}
        return await self.client.patch(
            resource, meta["name"], patch, meta.get("namespace", ""), subresource=subresource
        )

    async def _set_status(self, resource: Resource, obj: Json, status: Json) -> None:
        known = obj.get("status") or {}
        if any(known.get(field) != value for field, value in status.items()):
            await self._patch(resource, obj, {"status": status}, "status")
