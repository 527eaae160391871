"""One sync of one Deployment: its ReplicaSets made, scaled and cleaned up, its status written.

Always true: at most one scaling step per sync; everything written comes back as an event and leads to the next step.
Not here: which deployment, and when (see `deployment`); the numbers (see `deployment_decisions`, `deployment_status`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pyk8s.api.clock import Clock
from pyk8s.api.status import StatusError
from pyk8s.client.events import EventLevel, EventRecorder
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import DEPLOYMENTS, REPLICA_SETS
from pyk8s.controllers import deployment_decisions as decide
from pyk8s.controllers import deployment_status as status_of
from pyk8s.controllers.context import Json
from pyk8s.controllers.controller_ref import new_controller_ref
from pyk8s.controllers.pod_control import is_namespace_terminating
from pyk8s.controllers.pod_state import condition_of
from pyk8s.controllers.template_hash import template_hash


class Collision(Exception):
    """The name of the new ReplicaSet is taken by another: the collision count was raised, the sync starts again."""


class Rollout:
    """The deployment as read at the start of the sync, and as every write of it came back; with its ReplicaSets."""

    def __init__(
        self, client: Client, recorder: EventRecorder, clock: Clock, *, deployment: Json, sets: Sequence[Json]
    ) -> None:
        self._client, self._recorder, self._clock = client, recorder, clock
        self.deployment = deployment
        self._sets = list(sets)
        self.new: Json | None = None
        self.old: list[Json] = []

    @property
    def all_sets(self) -> list[Json]:
        return [*self.old, *([self.new] if self.new else [])]

    # -- the new ReplicaSet and its revision ---------------------------------------------------------------------

    async def sort_out(self, *, is_created: bool) -> None:
        """Tell new from old, give the new one its revision; ``is_created``: make it when it is not there.

        Raises:
            Collision, StatusError.
        """
        new = decide.find_new(self.deployment, self._sets)
        new_uid = new["metadata"]["uid"] if new else ""
        self.old = decide.by_age(rs for rs in self._sets if rs["metadata"]["uid"] != new_uid)
        revision = decide.max_revision(self.old) + 1
        if new is not None:
            self.new = await self._refreshed(new, revision)
        elif is_created:
            self.new = await self._created(revision)
            if all(rs["metadata"]["uid"] != self.new["metadata"]["uid"] for rs in self._sets):
                self._sets.append(self.new)

    async def _refreshed(self, rs: Json, revision: int) -> Json:
        """The existing new ReplicaSet with up-to-date annotations; the deployment follows its revision."""
        annotations = decide.annotations_for_new(self.deployment, rs, revision, is_existing=True)
        min_ready_s = self.deployment["spec"].get("minReadySeconds") or 0
        if annotations != decide.annotations_of(rs) or min_ready_s != (rs["spec"].get("minReadySeconds") or 0):
            metadata, spec = (
                {**rs["metadata"], "annotations": annotations},
                {**rs["spec"], "minReadySeconds": min_ready_s},
            )
            rs = await self._client.update(REPLICA_SETS, {**rs, "metadata": metadata, "spec": spec})
        changed = self._with_revision(annotations[decide.REVISION])
        if status_of.has_progress_deadline(self.deployment) and condition_of(self.deployment, "Progressing") is None:
            message = f'Found new replica set "{rs["metadata"]["name"]}"'
            changed = self._with_condition(changed, "True", "FoundNewReplicaSet", message)
        await self._write(changed)
        return rs

    async def _created(self, revision: int) -> Json:
        rs = self._make(revision)
        name, replicas = rs["metadata"]["name"], decide.replicas_of(rs)
        try:
            created = await self._client.create(REPLICA_SETS, rs, rs["metadata"]["namespace"])
        except StatusError as error:
            if error.reason == "AlreadyExists":
                return await self._taken(name, error)
            if not is_namespace_terminating(error):
                await self._tell_create_failed(name, error)
            raise
        if replicas > 0:
            self._event("Normal", "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {replicas}")
        changed = self._with_revision(str(revision))
        if status_of.has_progress_deadline(self.deployment):
            changed = self._with_condition(changed, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        await self._write(changed)
        return created

    def _make(self, revision: int) -> Json:
        """The new ReplicaSet as it is sent."""
        deployment, spec = self.deployment, self.deployment["spec"]
        template = spec["template"]
        digest = template_hash(decide.without_hash(template), (deployment.get("status") or {}).get("collisionCount"))
        metadata = template.get("metadata") or {}
        labels = {**(metadata.get("labels") or {}), decide.HASH_LABEL: digest}
        match_labels = {**(spec["selector"].get("matchLabels") or {}), decide.HASH_LABEL: digest}
        rs: Json = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{deployment['metadata']['name']}-{digest}",
                "namespace": deployment["metadata"]["namespace"],
                "ownerReferences": [new_controller_ref(deployment)],
                "labels": labels,
            },
            "spec": {
                "replicas": decide.new_set_replicas(deployment, self.old, 0),
                "selector": {**spec["selector"], "matchLabels": match_labels},
                "template": {**template, "metadata": {**metadata, "labels": labels}},
            },
        }
        if spec.get("minReadySeconds"):
            rs["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        rs["metadata"]["annotations"] = decide.annotations_for_new(deployment, rs, revision, is_existing=False)
        return rs

    async def _taken(self, name: str, error: StatusError) -> Json:
        """The name exists: it is ours (the cache is behind), or the hash collides."""
        rs = await self._client.get(REPLICA_SETS, name, self.deployment["metadata"]["namespace"])
        owners = rs["metadata"].get("ownerReferences") or ()
        is_ours = any(o.get("controller") and o["uid"] == self.deployment["metadata"]["uid"] for o in owners)
        wanted = decide.without_hash(self.deployment["spec"]["template"])
        if is_ours and decide.without_hash(rs["spec"]["template"]) == wanted:
            return rs
        status = self.deployment.get("status") or {}
        await self._write(
            {**self.deployment, "status": {**status, "collisionCount": (status.get("collisionCount") or 0) + 1}}
        )
        raise Collision(name) from error

    async def _tell_create_failed(self, name: str, error: StatusError) -> None:
        message = f'Failed to create new replica set "{name}": {error}'
        if status_of.has_progress_deadline(self.deployment):
            await self._write(self._with_condition(self.deployment, "False", "ReplicaSetCreateError", message))
        self._event("Warning", "ReplicaSetCreateError", message)

    # -- scaling -------------------------------------------------------------------------------------------------

    async def scale(self) -> None:
        """Follow a changed size outside a rollout step: one ReplicaSet whole, several in proportion."""
        wanted = decide.replicas_of(self.deployment)
        only = decide.active_or_latest(self.new, self.old)
        if only is not None:
            if decide.replicas_of(only) != wanted:
                await self.scale_set(only, wanted)
        elif decide.is_saturated(self.deployment, self.new):
            for rs in decide.active(self.old):
                await self.scale_set(rs, 0)
        elif decide.is_rolling_update(self.deployment):
            sizes = decide.proportional_sizes(self.deployment, self.all_sets)
            for rs in decide.active(self.all_sets):
                await self.scale_set(rs, sizes[rs["metadata"]["name"]])

    async def scale_set(self, rs: Json, replicas: int) -> bool:
        """Give a ReplicaSet its size (and what it remembers of the deployment's); True when the size changed."""
        before = decide.replicas_of(rs)
        annotations = {**decide.annotations_of(rs), **decide.scale_annotations(self.deployment)}
        if before == replicas and annotations == decide.annotations_of(rs):
            return False
        self._replace(await self._update_set(rs, annotations, replicas=replicas))
        if before == replicas:
            return False
        direction, name = "up" if before < replicas else "down", rs["metadata"]["name"]
        message = f"Scaled {direction} replica set {name} from {before} to {replicas}"
        self._event("Normal", "ScalingReplicaSet", message)
        return True

    async def _update_set(self, rs: Json, annotations: dict[str, str], **spec: int) -> Json:
        metadata = {**rs["metadata"], "annotations": annotations}
        return await self._client.update(REPLICA_SETS, {**rs, "metadata": metadata, "spec": {**rs["spec"], **spec}})

    def _replace(self, rs: Json) -> None:
        uid = rs["metadata"]["uid"]
        self.old = [rs if other["metadata"]["uid"] == uid else other for other in self.old]
        if self.new is not None and self.new["metadata"]["uid"] == uid:
            self.new = rs

    async def scale_new_up(self) -> bool:
        """The next step of the new ReplicaSet; True when there was one."""
        assert self.new is not None, "the new ReplicaSet is made before it is scaled"
        size, wanted = decide.replicas_of(self.new), decide.replicas_of(self.deployment)
        if size == wanted:
            return False
        if size > wanted:
            return await self.scale_set(self.new, wanted)
        target = decide.new_set_replicas(self.deployment, self.all_sets, size)
        return await self.scale_set(self.new, target) if target != size else False

    async def scale_old_down(self) -> bool:
        """The next rolling step of the old ReplicaSets; True when there was one."""
        assert self.new is not None, "the new ReplicaSet is made before old ones are scaled"
        sizes = decide.old_set_sizes(self.deployment, self.old, self.new)
        changed = [
            await self.scale_set(rs, sizes[rs["metadata"]["name"]])
            for rs in self.old
            if rs["metadata"]["name"] in sizes
        ]
        return any(changed)

    async def scale_old_to_zero(self) -> bool:
        """What Recreate begins with; True when there was something to do."""
        changed = [await self.scale_set(rs, 0) for rs in decide.active(self.old)]
        return any(changed)

    async def clean_up(self) -> None:
        """Delete old ReplicaSets beyond the history limit."""
        for rs in decide.to_clean_up(self.deployment, self.old):
            metadata = rs["metadata"]
            try:
                await self._client.delete(
                    REPLICA_SETS,
                    metadata["name"],
                    metadata["namespace"],
                    options={"preconditions": {"uid": metadata["uid"]}},
                )
            except StatusError as error:
                if error.code != 404:
                    raise

    @property
    def is_complete(self) -> bool:
        return status_of.is_complete(self.deployment, self.deployment.get("status") or {})

    # -- rollback (the annotation of extensions/v1beta1) -----------------------------------------------------------

    async def roll_back(self) -> None:
        """Carry out deprecated.deployment.rollback.to and take it away."""
        await self.sort_out(is_created=True)
        asked = decide.int_annotation(self.deployment, decide.ROLLBACK_TO) or 0
        revision = asked or decide.last_revision(self.all_sets)
        target = next((rs for rs in self.all_sets if revision and decide.revision_of(rs) == revision), None)
        name = self.deployment["metadata"]["name"]
        annotations = {k: v for k, v in decide.annotations_of(self.deployment).items() if k != decide.ROLLBACK_TO}
        spec = self.deployment["spec"]
        if target is None:
            what = "revision to rollback to" if asked else "last revision"
            self._event(
                "Warning", "DeploymentRollbackRevisionNotFound", f"Unable to find {'the ' if asked else ''}{what}."
            )
        elif decide.without_hash(target["spec"]["template"]) == decide.without_hash(spec["template"]):
            message = f'The rollback revision contains the same template as current deployment "{name}"'
            self._event("Warning", "DeploymentRollbackTemplateUnchanged", message)
        else:
            spec = {**spec, "template": decide.without_hash(target["spec"]["template"])}
            copied = {k: v for k, v in decide.annotations_of(target).items() if k not in decide.NOT_COPIED}
            annotations = {**{k: v for k, v in annotations.items() if k in decide.NOT_COPIED}, **copied}
            message = f'Rolled back deployment "{name}" to revision {revision}'
            self._event("Normal", "DeploymentRollback", message)
        metadata = {**self.deployment["metadata"], "annotations": annotations}
        self.deployment = await self._client.update(
            DEPLOYMENTS, {**self.deployment, "metadata": metadata, "spec": spec}
        )

    # -- status --------------------------------------------------------------------------------------------------

    async def note_pause(self) -> None:
        """Keep the Progressing condition in step with spec.paused."""
        if not status_of.has_progress_deadline(self.deployment):
            return
        reason = (condition_of(self.deployment, "Progressing") or {}).get("reason")
        is_paused = bool(self.deployment["spec"].get("paused"))
        if reason == status_of.TIMED_OUT or is_paused == (reason == status_of.PAUSED):
            return
        if is_paused:
            changed = self._with_condition(self.deployment, "Unknown", status_of.PAUSED, "Deployment is paused")
        else:
            changed = self._with_condition(self.deployment, "Unknown", status_of.RESUMED, "Deployment is resumed")
        await self._write(changed)

    async def write_counts(self) -> None:
        """The status without a look at progress: while paused, scaled or deleted."""
        status = status_of.calculate_status(self.deployment, self.all_sets, self.new, self._clock.now_s())
        await self._write({**self.deployment, "status": status})

    async def write_progress(self) -> float | None:
        """The status of a rollout; seconds after which to look again, None when events will tell."""
        now_s = self._clock.now_s()
        status = status_of.rollout_status(self.deployment, self.all_sets, self.new, now_s)
        await self._write({**self.deployment, "status": status})
        return status_of.deadline_in_s(self.deployment, status, now_s)

    def _with_revision(self, revision: str) -> Json:
        annotations = {**decide.annotations_of(self.deployment), decide.REVISION: revision}
        return {**self.deployment, "metadata": {**self.deployment["metadata"], "annotations": annotations}}

    def _with_condition(self, deployment: Json, status: str, reason: str, message: str) -> Json:
        condition = status_of.new_condition("Progressing", status, reason, message, self._clock.now_s())
        old = deployment.get("status") or {}
        conditions = status_of.with_condition(old.get("conditions") or [], condition)
        return {**deployment, "status": {**old, "conditions": conditions}}

    async def _write(self, deployment: Json) -> None:
        """Write the status (and annotations: the status endpoint takes them) when it differs from what is there."""
        if deployment != self.deployment:
            self.deployment = await self._client.update(DEPLOYMENTS, deployment, subresource="status")

    def _event(self, level: EventLevel, reason: str, message: str) -> None:
        self._recorder.event(self.deployment, level, reason, message)
