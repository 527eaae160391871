"""Quotas: what they count, whom they refuse, and that they are never exceeded."""

import asyncio

import pytest
from pyk8s import core
from pyk8s.api.identity import Identity
from pyk8s_server.apiserver.app import ApiServer

from tests.apiserver.api import CONFIG_MAPS, PODS, Api, config_map, pod

QUOTAS = "/api/v1/namespaces/default/resourcequotas"
SERVICES = "/api/v1/namespaces/default/services"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
MERGE = "application/merge-patch+json"


async def limit(api, hard, name="q", used=None, **spec):
    """A quota whose status is known, as the controller would make it."""
    await api.create(QUOTAS, {"metadata": {"name": name}, "spec": {"hard": hard, **spec}})
    status = {"hard": hard, "used": dict.fromkeys(hard, "0") if used is None else used}
    answer = await api("PATCH", f"{QUOTAS}/{name}/status", {"status": status}, content_type=MERGE)
    assert answer.status == 200, answer.raw


async def used(api, name="q"):
    return (await api("GET", f"{QUOTAS}/{name}")).body["status"]["used"]


def asking(name, requests=None, limits=None, **spec):
    resources = {side: value for side, value in (("requests", requests), ("limits", limits)) if value}
    return pod(name, **{"containers": [{"name": "c", "image": "x", "resources": resources}], **spec})


async def refusal(api, path, body):
    answer = await api("POST", path, body)
    assert answer.status == 403, answer.raw
    return answer.message


async def test_a_full_quota_refuses_and_says_what_is_full(api):
    await limit(api, {"configmaps": "1"})
    await api.create(CONFIG_MAPS, config_map("a"))

    message = await refusal(api, CONFIG_MAPS, config_map("b"))

    assert message == (
        'configmaps "b" is forbidden: exceeded quota: q, '
        "requested: configmaps=1, used: configmaps=1, limited: configmaps=1"
    )


async def test_creates_at_the_same_time_never_exceed_a_quota(api):
    await limit(api, {"count/configmaps": "5"})

    answers = await asyncio.gather(*(api("POST", CONFIG_MAPS, config_map(f"m{i}")) for i in range(20)))

    assert sorted(answer.status for answer in answers) == [201] * 5 + [403] * 15
    assert await used(api) == {"count/configmaps": "5"}


async def test_creates_that_wait_for_the_disk_never_exceed_a_quota(tmp_path, clock):
    store = core.Store.open(tmp_path, objects=True, durability="fsync")
    server = ApiServer(store, clock=clock, identity=Identity(7), fsync=True)
    await server.bootstrap()
    api = Api(server)
    await limit(api, {"count/configmaps": "5"})

    answers = await asyncio.gather(*(api("POST", CONFIG_MAPS, config_map(f"m{i}")) for i in range(20)))
    total = await used(api)
    await server.close()
    store.close()

    assert sorted(answer.status for answer in answers) == [201] * 5 + [403] * 15
    assert total == {"count/configmaps": "5"}


async def test_a_dry_run_is_judged_but_reserves_nothing(api):
    await limit(api, {"configmaps": "1"})

    assert (await api("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("a"))).status == 201
    assert await used(api) == {"configmaps": "0"}
    await api.create(CONFIG_MAPS, config_map("a"))
    assert (await api("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("b"))).status == 403


async def test_the_servers_reservation_is_its_own_field(api):
    await limit(api, {"configmaps": "1"})
    await api.create(CONFIG_MAPS, config_map("a"))

    managers = (await api("GET", f"{QUOTAS}/q")).body["metadata"]["managedFields"]

    own = next(entry for entry in managers if entry["manager"] == "kube-apiserver")
    assert own["fieldsV1"] == {"f:status": {"f:used": {"f:configmaps": {}}}}
    assert own["subresource"] == "status"


async def test_a_refused_object_reserves_nothing_in_any_quota(api):
    await limit(api, {"configmaps": "5"}, name="a")
    await limit(api, {"configmaps": "0"}, name="b")

    message = await refusal(api, CONFIG_MAPS, config_map("x"))

    assert "exceeded quota: b" in message
    assert await used(api, "a") == {"configmaps": "0"}


async def test_a_quota_without_status_limits_nothing_yet(api):
    await api.create(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "0"}}})

    await api.create(CONFIG_MAPS, config_map("a"))


async def test_a_quota_whose_use_is_unknown_refuses(api):
    await limit(api, {"configmaps": "1", "count/configmaps": "1"}, used={"configmaps": "0"})

    message = await refusal(api, CONFIG_MAPS, config_map("a"))

    assert message.endswith("status unknown for quota: q, resources: configmaps,count/configmaps")


async def test_requests_and_limits_of_pods_add_up(api):
    await limit(api, {"requests.cpu": "1", "limits.memory": "1Gi", "pods": "9"})
    await api.create(PODS, asking("a", {"cpu": "600m"}, {"cpu": "1", "memory": "512Mi"}))

    message = await refusal(api, PODS, asking("b", {"cpu": "500m"}, {"memory": "600Mi"}))

    assert message.endswith(
        "exceeded quota: q, requested: limits.memory=600Mi,requests.cpu=500m, "
        "used: limits.memory=512Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1"
    )
    assert await used(api) == {"requests.cpu": "600m", "limits.memory": "512Mi", "pods": "1"}


async def test_a_limit_of_cpu_makes_every_container_say_its_request(api):
    await limit(api, {"cpu": "1", "limits.memory": "1Gi"})
    containers = [
        {"name": "b", "image": "x"},
        {"name": "a", "image": "x", "resources": {"requests": {"cpu": "1m"}}},
    ]

    message = await refusal(api, PODS, pod("p", containers=containers))

    assert message == ('pods "p" is forbidden: failed quota: q: must specify cpu for: b; limits.memory for: a,b')


@pytest.mark.parametrize(
    ("scopes", "body"),
    [
        (["BestEffort"], pod("p")),
        (["NotBestEffort"], asking("p", {"cpu": "1m"})),
        (["Terminating"], pod("p", activeDeadlineSeconds=5)),
        (["NotTerminating"], pod("p")),
        (["NotTerminating", "BestEffort"], pod("p")),
    ],
)
async def test_a_scoped_quota_counts_the_pods_in_its_scopes(api, scopes, body):
    await limit(api, {"pods": "0"}, scopes=scopes)

    assert "exceeded quota" in await refusal(api, PODS, body)


@pytest.mark.parametrize(
    ("scopes", "body"),
    [
        (["BestEffort"], asking("p", limits={"memory": "1Mi"})),
        (["NotBestEffort"], pod("p")),
        (["Terminating"], pod("p")),
        (["NotTerminating"], pod("p", activeDeadlineSeconds=5)),
        (["CrossNamespacePodAffinity"], pod("p")),
        (["PriorityClass"], pod("p")),
    ],
)
async def test_a_scoped_quota_lets_other_pods_be(api, scopes, body):
    await limit(api, {"pods": "0"}, scopes=scopes)

    await api.create(PODS, body)


@pytest.mark.parametrize(
    ("operator", "values", "is_refused"),
    [
        ("In", ["system-node-critical"], True),
        ("In", ["x"], False),
        ("NotIn", ["x"], True),
        ("NotIn", ["system-node-critical"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
async def test_a_quota_selects_pods_by_priority_class(api, operator, values, is_refused):
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    await limit(api, {"pods": "0"}, scopeSelector={"matchExpressions": [expression]})

    answer = await api("POST", PODS, pod("p", priorityClassName="system-node-critical"))

    assert answer.status == (403 if is_refused else 201)


async def test_a_claim_that_grows_is_charged_for_what_it_grows_by(api):
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    await api.create(classes, {"metadata": {"name": "c"}, "provisioner": "p", "allowVolumeExpansion": True})
    await limit(api, {"requests.storage": "3Gi", "c.storageclass.storage.k8s.io/requests.storage": "5Gi"})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "c"}
    await api.create(CLAIMS, {"metadata": {"name": "a"}, "spec": {**spec, "volumeName": "v"}})
    await api("PATCH", f"{CLAIMS}/a/status", {"status": {"phase": "Bound"}}, content_type=MERGE)

    async def grow(size):
        patch = {"spec": {"resources": {"requests": {"storage": size}}}}
        return await api("PATCH", f"{CLAIMS}/a", patch, content_type=MERGE)

    assert (await grow("3Gi")).status == 200
    assert await used(api) == {
        "requests.storage": "3Gi",
        "c.storageclass.storage.k8s.io/requests.storage": "3Gi",
    }
    assert "requested: requests.storage=1Gi, used: requests.storage=3Gi" in (await grow("4Gi")).message


async def test_a_service_that_takes_node_ports_is_charged_for_them(api):
    await limit(api, {"services": "5", "services.nodeports": "1"})
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    await api.create(SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": ports}})

    answer = await api("PATCH", f"{SERVICES}/s", {"spec": {"type": "NodePort"}}, content_type=MERGE)

    assert answer.message.endswith(
        "requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1"
    )
    assert await used(api) == {"services": "1", "services.nodeports": "0"}


async def test_an_update_that_uses_no_more_passes_a_full_quota(api):
    await api.create(SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    await limit(api, {"services": "0"})

    answer = await api("PATCH", f"{SERVICES}/s", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)

    assert answer.status == 200


async def test_events_are_never_counted(api):
    await limit(api, {"pods": "0"})
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "reason": "r", "type": "Normal"}

    assert (await api("POST", "/api/v1/namespaces/default/events", event)).status == 201


async def test_another_namespace_is_not_limited(api):
    await limit(api, {"configmaps": "0"})

    await api.create("/api/v1/namespaces/kube-public/configmaps", config_map("a"))
