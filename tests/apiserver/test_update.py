"""Changing objects by PUT and PATCH."""

import pytest

from tests.apiserver.api import CONFIG_MAPS, DEPLOYMENTS, MERGE, config_map, deployment

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


async def test_a_put_of_the_newest_version_writes_the_next(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))
    created["data"]["k"] = "2"

    answer = await api("PUT", CONFIG_MAPS + "/a", created)

    assert answer.status == 200
    assert int(answer.body["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


async def test_a_put_of_an_older_version_is_a_conflict(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))
    await api("PATCH", CONFIG_MAPS + "/a", {"data": {"x": "1"}}, content_type=MERGE)

    answer = await api("PUT", CONFIG_MAPS + "/a", created)

    assert answer.status == 409
    assert "the object has been modified" in answer.message


async def test_a_put_without_version_overwrites(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("PUT", CONFIG_MAPS + "/a", config_map("a", {"k": "3"}))

    assert answer.body["data"] == {"k": "3"}


async def test_a_kind_may_demand_the_version(api):
    await api("PUT", LEASES + "/l", {"metadata": {"name": "l"}, "spec": {}})

    answer = await api("PUT", LEASES + "/l", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "x"}})

    assert answer.status == 422
    assert answer.message.endswith("metadata.resourceVersion: Invalid value: 0: must be specified for an update")


async def test_a_put_creates_only_the_kinds_that_allow_it(api):
    lease = await api("PUT", LEASES + "/l", {"metadata": {"name": "l"}, "spec": {}})
    other = await api("PUT", CONFIG_MAPS + "/a", config_map("a"))

    assert (lease.status, other.status) == (201, 404)


async def test_a_put_that_changes_nothing_keeps_the_version(api, clock):
    created = await api.create(CONFIG_MAPS, config_map("a"))
    await clock.advance(60)

    answer = await api("PUT", CONFIG_MAPS + "/a", created)

    assert answer.body == created


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"name": "b"}, "the name of the object (b) does not match the name on the URL (a)"),
        ({}, "the name of the object (a based on URL) was undeterminable: name must be provided"),
        (
            {"name": "a", "namespace": "other"},
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
)
async def test_the_body_of_a_put_names_the_object_of_the_path(api, meta, message):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("PUT", CONFIG_MAPS + "/a", {"metadata": meta})

    assert (answer.status, answer.message) == (400, message)


async def test_another_uid_is_a_conflict(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))
    created["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"

    answer = await api("PUT", CONFIG_MAPS + "/a", created)

    assert answer.status == 409
    assert "Precondition failed: UID in precondition" in answer.message


async def test_a_change_of_the_spec_raises_the_generation_and_one_of_the_status_does_not(api):
    await api.create(DEPLOYMENTS, deployment("d"))

    spec = await api("PATCH", DEPLOYMENTS + "/d", {"spec": {"replicas": 3}}, content_type=MERGE)
    status = await api("PATCH", DEPLOYMENTS + "/d/status", {"status": {"replicas": 3}}, content_type=MERGE)

    assert spec.body["metadata"]["generation"] == 2
    assert status.body["metadata"]["generation"] == 2
    assert status.body["status"]["replicas"] == 3


async def test_a_lost_race_is_tried_again_when_the_client_named_no_version(api):
    await api.create(CONFIG_MAPS, config_map("a"))
    raced = _RacingStorage(api.server.backend.storage, losses=3)
    api.server.backend.storage = raced

    answer = await api("PATCH", CONFIG_MAPS + "/a", {"data": {"x": "1"}}, content_type=MERGE)

    assert answer.status == 200
    assert raced.losses == 0


async def test_a_lost_race_is_a_conflict_when_the_client_named_a_version(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))
    api.server.backend.storage = _RacingStorage(api.server.backend.storage, losses=1)
    created["data"]["k"] = "2"

    answer = await api("PUT", CONFIG_MAPS + "/a", created)

    assert answer.status == 409


class _RacingStorage:
    """Loses the first ``losses`` updates against another writer."""

    def __init__(self, inner, losses):
        self.inner, self.losses = inner, losses

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def update(self, key, value, *, expected, ttl_s=0.0):
        if self.losses:
            self.losses -= 1
            kv = self.inner.engine.get(key)
            await self.inner.update(key, kv.value, expected=kv.mod_revision)
        return await self.inner.update(key, value, expected=expected, ttl_s=ttl_s)


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("application/json-patch+json", [{"op": "add", "path": "/data/n", "value": "1"}], 200),
        ("application/json-patch+json", [{"op": "test", "path": "/data/k", "value": "x"}], 422),
        ("application/json-patch+json", b"{", 400),
        (MERGE, {"data": {"k": None}}, 200),
        (MERGE, b"{", 400),
        ("application/strategic-merge-patch+json", {"data": {"k": "2"}}, 200),
        ("application/strategic-merge-patch+json", b"[]", 400),
        ("application/apply-patch+yaml", {"data": {}}, 415),
        ("application/json", {"data": {}}, 415),
        ("text/plain", b"x", 415),
        ("application/json-patch+json", [{"op": "remove", "path": "/data/k"}] * 10001, 413),
    ],
)
async def test_each_patch_type_is_applied_or_refused(api, media, body, status):
    await api.create(CONFIG_MAPS, config_map("a"))

    assert (await api("PATCH", CONFIG_MAPS + "/a", body, content_type=media)).status == status


async def test_a_patch_whose_result_is_no_object_of_the_kind_is_unprocessable(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("PATCH", CONFIG_MAPS + "/a", {"data": "x"}, content_type=MERGE)

    assert answer.status == 422
    assert answer.message.startswith(' "" is invalid: patch: Invalid value: ')


async def test_a_patch_of_nothing_keeps_the_version(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("PATCH", CONFIG_MAPS + "/a", {"data": {"k": "v"}}, content_type=MERGE)

    assert answer.body["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


async def test_a_patch_of_a_missing_object_finds_nothing(api):
    assert (await api("PATCH", CONFIG_MAPS + "/none", {}, content_type=MERGE)).status == 404
