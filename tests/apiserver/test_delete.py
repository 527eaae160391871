"""Deleting objects: at once, gracefully, behind finalizers."""

from tests.apiserver.api import CONFIG_MAPS, DEPLOYMENTS, MERGE, PODS, config_map, deployment, pod


async def test_a_plain_delete_answers_with_a_status_that_names_the_uid(api):
    created = await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("DELETE", CONFIG_MAPS + "/a")

    assert answer.body["status"] == "Success"
    assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert (await api("GET", CONFIG_MAPS + "/a")).status == 404


async def test_finalizers_hold_an_object_until_they_are_gone(api):
    await api.create(CONFIG_MAPS, config_map("a", finalizers=["example.com/x"]))

    marked = await api("DELETE", CONFIG_MAPS + "/a")
    again = await api("DELETE", CONFIG_MAPS + "/a")
    taken = await api("POST", CONFIG_MAPS, config_map("a"))
    freed = await api("PATCH", CONFIG_MAPS + "/a", {"metadata": {"finalizers": []}}, content_type=MERGE)

    assert marked.body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert again.body == marked.body
    assert taken.message == 'object is being deleted: configmaps "a" already exists'
    assert freed.body["metadata"]["resourceVersion"] == marked.body["metadata"]["resourceVersion"]
    assert (await api("GET", CONFIG_MAPS + "/a")).status == 404


async def test_no_finalizer_is_added_to_an_object_that_is_deleted(api):
    await api.create(CONFIG_MAPS, config_map("a", finalizers=["example.com/x"]))
    await api("DELETE", CONFIG_MAPS + "/a")

    more = {"metadata": {"finalizers": ["example.com/x", "example.com/y"]}}
    answer = await api("PATCH", CONFIG_MAPS + "/a", more, content_type=MERGE)

    assert answer.status == 422


async def test_a_pod_on_a_node_waits_for_its_grace_period(api):
    await api.create(PODS, pod("p", nodeName="n"))

    first = await api("DELETE", PODS + "/p")
    longer = await api("DELETE", PODS + "/p?gracePeriodSeconds=60")
    shorter = await api("DELETE", PODS + "/p?gracePeriodSeconds=5")
    gone = await api("DELETE", PODS + "/p?gracePeriodSeconds=0")

    assert first.body["metadata"]["deletionGracePeriodSeconds"] == 30
    assert first.body["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    assert longer.body == first.body
    assert shorter.body["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:05Z"
    assert gone.body["metadata"]["generation"] == 2
    assert (await api("GET", PODS + "/p")).status == 404


async def test_a_pod_without_node_goes_at_once(api):
    await api.create(PODS, pod("p"))

    await api("DELETE", PODS + "/p")

    assert (await api("GET", PODS + "/p")).status == 404


async def test_a_propagation_policy_becomes_a_finalizer(api):
    for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
        await api.create(DEPLOYMENTS, deployment(policy.lower()))

        answer = await api("DELETE", f"{DEPLOYMENTS}/{policy.lower()}", {"propagationPolicy": policy})

        assert answer.body["metadata"]["finalizers"] == [finalizer]
        assert answer.body["metadata"]["generation"] == 2


async def test_an_unknown_policy_is_refused(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("DELETE", CONFIG_MAPS + "/a", {"propagationPolicy": "Other"})

    assert answer.status == 422
    assert (await api("GET", CONFIG_MAPS + "/a")).status == 200


async def test_a_precondition_that_does_not_hold_is_a_conflict(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    by_uid = await api("DELETE", CONFIG_MAPS + "/a", {"preconditions": {"uid": "x"}})
    by_version = await api("DELETE", CONFIG_MAPS + "/a", {"preconditions": {"resourceVersion": "1"}})

    assert (by_uid.status, by_version.status) == (409, 409)
    assert "the UID in the precondition (x) does not match" in by_uid.message


async def test_a_dry_run_deletes_nothing(api):
    await api.create(CONFIG_MAPS, config_map("a"))

    answer = await api("DELETE", CONFIG_MAPS + "/a?dryRun=All")

    assert answer.status == 200
    assert (await api("GET", CONFIG_MAPS + "/a")).status == 200


async def test_a_collection_is_deleted_as_selected(api):
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        await api.create(CONFIG_MAPS, config_map(name, labels={"colour": colour}))

    answer = await api("DELETE", CONFIG_MAPS + "?labelSelector=colour%3Dred")
    left = await api("GET", CONFIG_MAPS)

    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "c"]
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["b"]


async def test_a_namespace_is_terminating_until_it_is_finalized(api):
    await api.create("/api/v1/namespaces", {"metadata": {"name": "n"}})

    marked = await api("DELETE", "/api/v1/namespaces/n")
    refused = await api("POST", "/api/v1/namespaces/n/configmaps", config_map("a"))
    marked.body["spec"]["finalizers"] = []
    final = {**marked.body, "spec": {"finalizers": []}}
    await api("PUT", "/api/v1/namespaces/n/finalize", final)

    assert marked.body["status"]["phase"] == "Terminating"
    assert refused.status == 403
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert (await api("GET", "/api/v1/namespaces/n")).status == 404


async def test_the_system_namespaces_stay(api):
    answer = await api("DELETE", "/api/v1/namespaces/kube-system")

    assert (answer.status, answer.message) == (
        403,
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    )


async def test_a_job_keeps_its_pods_unless_a_policy_says_otherwise(api):
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    for name in ("a", "b"):
        await api.create(jobs, {"metadata": {"name": name}, "spec": {"template": template}})

    silent = await api("DELETE", jobs + "/a")
    spoken = await api("DELETE", jobs + "/b?propagationPolicy=Background")

    assert silent.body["metadata"]["finalizers"] == ["orphan"]
    assert silent.all("warning")[0].startswith('299 - "child pods are preserved by default')
    assert spoken.body["status"] == "Success"
    assert not spoken.all("warning")
