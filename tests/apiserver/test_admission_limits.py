"""LimitRanger: defaults for containers, and what goes beyond a namespace's limits."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s.api.status import StatusError
from pyk8s_server.apiserver.admission.limit_ranger import LimitRanger
from registry_cases import StoredObjects, attributes, resource_of

Json = dict[str, Any]

PODS, CLAIMS = resource_of("pods"), resource_of("persistentvolumeclaims")


def limited(**limit: Any) -> StoredObjects:
    ranged = {"metadata": {"name": "l", "namespace": "ns"}, "spec": {"limits": [limit]}}
    return StoredObjects([(resource_of("limitranges"), ranged)])


def pod(*containers: Json, init: tuple[Json, ...] = ()) -> Json:
    spec: Json = {"containers": list(containers), "initContainers": list(init)}
    return {"metadata": {"name": "p", "namespace": "ns"}, "spec": spec}


async def judged(obj: Json, stored: StoredObjects, *, is_claim: bool = False) -> Json:
    request = attributes("CREATE", CLAIMS if is_claim else PODS, obj, reader=stored)
    plugin = LimitRanger()
    await plugin.admit(request)
    await plugin.validate(request)
    return obj


async def test_containers_get_what_they_leave_open_and_the_pod_tells_of_it() -> None:
    stored = limited(type="Container", default={"cpu": "200m", "memory": "1Gi"}, defaultRequest={"cpu": "100m"})
    own = {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}

    obj = await judged(pod({"name": "a", "resources": own}, init=({"name": "i"},)), stored)

    assert obj["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}
    assert obj["spec"]["initContainers"][0]["resources"]["requests"] == {"cpu": "100m"}
    assert obj["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: memory limit for container a; cpu request for init container i;"
        " cpu, memory limit for init container i"
    )


@pytest.mark.parametrize(
    ("limit", "resources", "words"),
    [
        ({"min": {"cpu": "1"}}, {}, "minimum cpu usage per Container is 1.  No request is specified"),
        (
            {"min": {"cpu": "1"}},
            {"requests": {"cpu": "500m"}},
            "minimum cpu usage per Container is 1, but request is 500m",
        ),
        ({"max": {"cpu": "1"}}, {}, "maximum cpu usage per Container is 1.  No limit is specified"),
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, "maximum cpu usage per Container is 1, but limit is 2"),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
    ],
)
async def test_containers_beyond_the_limits_are_refused(limit: Json, resources: Json, words: str) -> None:
    with pytest.raises(StatusError) as refusal:
        await judged(pod({"name": "c", "resources": resources}), limited(type="Container", **limit))

    assert refusal.value.message == f'pods "p" is forbidden: {words}'


async def test_a_pod_is_judged_by_its_sum() -> None:
    half = {"limits": {"cpu": "600m"}, "requests": {"cpu": "600m"}}

    with pytest.raises(StatusError, match=r"maximum cpu usage per Pod is 1, but request is 1200m"):
        await judged(
            pod({"name": "a", "resources": half}, {"name": "b", "resources": half}),
            limited(type="Pod", max={"cpu": "1"}),
        )


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("10Gi", "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"),
        ("1Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"),
    ],
)
async def test_claims_are_judged_by_their_size(size: str, words: str) -> None:
    stored = limited(type="PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "5Gi"})
    claim = {"metadata": {"name": "c", "namespace": "ns"}, "spec": {"resources": {"requests": {"storage": size}}}}

    with pytest.raises(StatusError, match=words):
        await judged(claim, stored, is_claim=True)
