"""Deployments against the real API server: rollouts, scaling, rollback, pause, history, events."""

from __future__ import annotations

from typing import Any

from controller_world import World
from pyk8s.client.well_known import DEPLOYMENTS, PODS, REPLICA_SETS

Json = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"


def deployment(replicas: int = 3, **spec: Any) -> Json:
    return {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
            },
            **spec,
        },
    }


def reason(obj: Json, condition_type: str) -> str:
    conditions = obj["status"].get("conditions") or []
    return next((c["reason"] for c in conditions if c["type"] == condition_type), "")


async def is_rolled_out(world: World) -> Json | None:
    web = await world.client.get(DEPLOYMENTS, "web", "default")
    status, wanted = web["status"], web["spec"]["replicas"]
    counts = [status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
    is_observed = status.get("observedGeneration") == web["metadata"]["generation"]
    return (
        web
        if counts == [wanted] * 3 and is_observed and reason(web, "Progressing") == "NewReplicaSetAvailable"
        else None
    )


async def apply(world: World, **options: Any) -> Json:
    await world.client.create(DEPLOYMENTS, deployment(**options), "default")
    rolled_out: Json = await world.until(lambda: is_rolled_out(world))
    return rolled_out


async def set_image(world: World, image: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    await world.client.patch(DEPLOYMENTS, "web", patch, "default", patch_type="strategic")


async def images(world: World) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in await world.items(PODS)}


async def test_a_deployment_rolls_out_its_pods(world: World) -> None:
    await world.nodes.add("n1", "n2")

    web = await apply(world)

    (rs,) = await world.items(REPLICA_SETS)
    digest = rs["metadata"]["labels"]["pod-template-hash"]
    assert rs["metadata"]["name"] == f"web-{digest}"
    assert rs["metadata"]["annotations"] == {
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    assert web["metadata"]["annotations"][REVISION] == "1"
    assert (reason(web, "Available"), reason(web, "Progressing")) == (
        "MinimumReplicasAvailable",
        "NewReplicaSetAvailable",
    )
    assert web["status"]["terminatingReplicas"] == 0
    pods = await world.items(PODS)
    assert len(pods) == 3
    assert all(pod["metadata"]["name"].startswith(f"web-{digest}-") for pod in pods)


async def test_a_rollout_tells_its_steps_as_events(world: World) -> None:
    await world.nodes.add("n1")
    await apply(world, replicas=2)
    (rs,) = await world.items(REPLICA_SETS)
    name = rs["metadata"]["name"]

    created = await world.until(lambda: world.events("SuccessfulCreate"))

    assert await world.events("ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 2"]
    pods = [pod["metadata"]["name"] for pod in await world.items(PODS)]
    assert sorted(created) == sorted(f"Created pod: {pod}" for pod in pods)


async def test_a_rolling_update_never_leaves_its_bounds(world: World) -> None:
    await world.nodes.add("n1", "n2")
    await apply(world, replicas=4, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}})
    totals: list[int] = []
    available: list[int] = []

    async def is_done() -> Json | None:
        sets = await world.items(REPLICA_SETS)
        totals.append(sum(rs["spec"]["replicas"] for rs in sets))
        pods = await world.items(PODS)
        ready = [p for p in pods if any(c["type"] == "Ready" for c in p["status"].get("conditions", []))]
        available.append(len(ready))
        return await is_rolled_out(world)

    await set_image(world, "nginx:2")
    web = await world.until(is_done)

    assert await images(world) == {"nginx:2"}
    assert max(totals) <= 5
    assert min(available) >= 3
    assert web["metadata"]["annotations"][REVISION] == "2"
    assert [rs["spec"]["replicas"] for rs in await world.items(REPLICA_SETS)].count(0) == 1


async def test_going_back_reuses_the_old_replica_set_under_a_new_revision(world: World) -> None:
    await world.nodes.add("n1")
    await apply(world, replicas=2)
    await set_image(world, "nginx:2")
    await world.until(lambda: is_rolled_out(world))

    await set_image(world, "nginx:1")
    web = await world.until(lambda: is_rolled_out(world))

    sets = await world.items(REPLICA_SETS)
    assert len(sets) == 2
    (current,) = [rs for rs in sets if rs["spec"]["replicas"]]
    assert web["metadata"]["annotations"][REVISION] == "3"
    assert current["metadata"]["annotations"][REVISION] == "3"
    assert current["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert await images(world) == {"nginx:1"}


async def test_scaling_keeps_the_replica_set_and_says_so(world: World) -> None:
    await world.nodes.add("n1")
    await apply(world, replicas=1)

    await world.client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, "default", subresource="scale")
    await world.until(lambda: is_rolled_out(world))
    await world.client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 0}}, "default", subresource="scale")
    web = await world.until(lambda: is_rolled_out(world))

    (rs,) = await world.items(REPLICA_SETS)
    name = rs["metadata"]["name"]
    assert await world.items(PODS) == []
    assert await world.events("ScalingReplicaSet") == [
        f"Scaled up replica set {name} from 0 to 1",
        f"Scaled up replica set {name} from 1 to 5",
        f"Scaled down replica set {name} from 5 to 0",
    ]
    assert set(web["status"]) == {"observedGeneration", "terminatingReplicas", "conditions"}


async def test_a_paused_deployment_makes_no_replica_set(world: World) -> None:
    await world.client.create(DEPLOYMENTS, deployment(paused=True), "default")

    async def is_paused() -> Json | None:
        web = await world.client.get(DEPLOYMENTS, "web", "default")
        return web if web["status"].get("observedGeneration") else None

    web = await world.until(is_paused)

    assert reason(web, "Progressing") == "DeploymentPaused"
    assert reason(web, "Available") == "MinimumReplicasUnavailable"
    assert await world.items(REPLICA_SETS) == []


async def test_recreate_starts_nothing_new_before_the_old_is_gone(world: World) -> None:
    await world.nodes.add("n1")
    await apply(world, replicas=2, strategy={"type": "Recreate"})
    seen: list[set[str]] = []

    async def is_done() -> Json | None:
        seen.append(await images(world))
        return await is_rolled_out(world)

    await set_image(world, "nginx:2")
    await world.until(is_done)

    assert {"nginx:1", "nginx:2"} not in seen
    assert seen[-1] == {"nginx:2"}


async def test_a_rollout_that_stands_still_exceeds_its_deadline(world: World) -> None:
    await world.nodes.add("n1")
    world.nodes.is_starting_pods = False
    await world.client.create(DEPLOYMENTS, deployment(progressDeadlineSeconds=30), "default")

    async def is_late() -> Json | None:
        web = await world.client.get(DEPLOYMENTS, "web", "default")
        return web if reason(web, "Progressing") == "ProgressDeadlineExceeded" else None

    web = await world.until(is_late, timeout_s=40)

    (rs,) = await world.items(REPLICA_SETS)
    message = next(c["message"] for c in web["status"]["conditions"] if c["type"] == "Progressing")
    assert message == f'ReplicaSet "{rs["metadata"]["name"]}" has timed out progressing.'


async def test_old_replica_sets_beyond_the_history_limit_go(world: World) -> None:
    await world.nodes.add("n1")
    await apply(world, replicas=1, revisionHistoryLimit=1)
    for number in (2, 3, 4):
        await set_image(world, f"nginx:{number}")
        await world.until(lambda: is_rolled_out(world))

    async def is_trimmed() -> bool:
        return len(await world.items(REPLICA_SETS)) == 2

    await world.until(is_trimmed)

    revisions = sorted(rs["metadata"]["annotations"][REVISION] for rs in await world.items(REPLICA_SETS))
    assert revisions == ["3", "4"]
