"""Creating objects."""

import pytest

from tests.apiserver.api import CONFIG_MAPS, PODS, config_map, pod


async def test_the_server_sets_uid_time_and_version(api):
    created = await api.create(CONFIG_MAPS, config_map("a", uid="mine", generation=9, resourceVersion=""))

    meta = created["metadata"]
    assert meta["uid"] != "mine"
    assert meta["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert int(meta["resourceVersion"]) > 1
    assert meta["namespace"] == "default"


async def test_a_name_is_taken_once(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("POST", CONFIG_MAPS, config_map("a"))

    assert answer.status == 409
    assert answer.body["reason"] == "AlreadyExists"
    assert answer.message == 'configmaps "a" already exists'


async def test_a_generated_name_is_the_prefix_and_five_characters(api):
    created = await api.create(CONFIG_MAPS, {"metadata": {"generateName": "gen-"}})

    assert created["metadata"]["name"].startswith("gen-")
    assert len(created["metadata"]["name"]) == 9


async def test_a_generated_name_that_is_taken_eight_times_is_given_up(api):
    class Stuck:
        def __getattr__(self, name):
            return getattr(identity, name)

        def generate_name(self, prefix):
            return prefix + "same1"

    identity = api.server.backend.identity
    api.server.backend.identity = Stuck()
    await api.create(CONFIG_MAPS, {"metadata": {"generateName": "gen-"}})

    answer = await api("POST", CONFIG_MAPS, {"metadata": {"generateName": "gen-"}})

    assert answer.status == 409
    assert "was not able to generate a unique name" in answer.message
    assert answer.body["details"]["retryAfterSeconds"] == 1


async def test_a_namespace_in_the_body_must_be_that_of_the_path(api):
    answer = await api("POST", CONFIG_MAPS, config_map("a", namespace="kube-system"))

    assert answer.status == 400
    assert "does not match the namespace sent on the request" in answer.message


async def test_a_resource_version_may_not_be_set(api):
    answer = await api("POST", CONFIG_MAPS, config_map("a", resourceVersion="5"))

    assert (answer.status, answer.message) == (500, "resourceVersion should not be set on objects to be created")


async def test_a_dry_run_changes_nothing(api):
    answer = await api("POST", CONFIG_MAPS + "?dryRun=All", config_map("a"))

    assert answer.status == 201
    assert "resourceVersion" not in answer.body["metadata"]
    assert (await api("GET", CONFIG_MAPS + "/a")).status == 404


async def test_another_value_of_dry_run_is_refused(api):
    answer = await api("POST", CONFIG_MAPS + "?dryRun=Some", config_map("a"))

    assert answer.status == 422
    assert answer.message.startswith('CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]')


@pytest.mark.parametrize(("mode", "status", "warnings"), [("Strict", 400, 0), ("Warn", 201, 1), ("Ignore", 201, 0)])
async def test_an_unknown_field_is_an_error_a_warning_or_nothing(api, mode, status, warnings):
    answer = await api("POST", f"{CONFIG_MAPS}?fieldValidation={mode}", {**config_map("a"), "foo": 1})

    assert answer.status == status
    assert len(answer.all("warning")) == warnings


async def test_the_manager_is_the_agent_up_to_the_slash(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))

    assert created["metadata"]["managedFields"][0]["manager"] == "tests"


async def test_equal_owner_references_are_kept_once_with_a_warning(api):
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "00000000-0000-4000-8000-000000000001"}

    answer = await api("POST", CONFIG_MAPS, config_map("a", ownerReferences=[owner, owner]))

    assert answer.body["metadata"]["ownerReferences"] == [owner]
    assert "duplicate entries" in answer.all("warning")[0]


async def test_creating_across_namespaces_is_not_allowed(api):
    answer = await api("POST", "/api/v1/configmaps", config_map("a"))

    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")


async def test_a_pod_gets_its_service_account(api):
    created = await api.create(PODS, pod("p"))

    assert created["spec"]["serviceAccountName"] == "default"
    assert created["metadata"]["generation"] == 1
