"""Random devices, device classes, claims, and pods that use them.

Not here: the machine that feeds them to both twins (see `test_scheduler_mirror`).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

NODES: list[Json] = [
    {
        "metadata": {"name": name, "labels": {"rack": name}},
        "status": {"allocatable": {"cpu": "8", "memory": "8Gi", "pods": "20"}},
    }
    for name in ("a", "b", "c")
]
DRIVER = "gpu.example.com"
CLAIMS = ["one", "two", "three"]
POD_NAMES = st.sampled_from([f"p-{number}" for number in range(5)])
EXPRESSIONS = st.sampled_from(
    [
        'device.attributes["gpu.example.com"].model == "large"',
        '"model" in device.attributes["gpu.example.com"]',
        'has(device.attributes["gpu.example.com"].count) && device.attributes["gpu.example.com"].count > 1',
        'device.attributes["gpu.example.com"].count > 1 || device.attributes["gpu.example.com"].model == "small"',
        'device.capacity["gpu.example.com"].memory.compareTo(quantity("20Gi")) >= 0',
        'device.attributes["gpu.example.com"].version.isLessThan(semver("2.0.0"))',
        'device.attributes["gpu.example.com"].all(name, name in ["model", "count"])',
        "device.driver.size() == 15 ? true : 1 / 0 == 1",
        "device.driver ==",
        "device.nothing",
    ]
)
selectors = st.lists(EXPRESSIONS.map(lambda text: {"cel": {"expression": text}}), max_size=2)
_attributes = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from([{"string": "large"}, {"string": "small"}]),
        "count": st.integers(0, 3).map(lambda number: {"int": number}),
        "version": st.sampled_from([{"version": "1.2.3"}, {"version": "2.0.0-rc.1"}]),
        "numa.example.com/node": st.booleans().map(lambda value: {"bool": value}),
    },
)


@st.composite
def slices(draw: st.DrawFn) -> Json:
    pool = draw(st.sampled_from(["a", "b", "c", "shared"]))
    racks = {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["a", "c"]}]}
    places: list[Json] = [{"allNodes": True}, {"nodeSelector": {"nodeSelectorTerms": [racks]}}]
    place = draw(st.sampled_from(places)) if pool == "shared" else {"nodeName": pool}
    count = draw(st.integers(0, 3))
    devices: list[Json] = [
        {
            "name": f"dev-{number}",
            "attributes": draw(_attributes),
            "capacity": {"memory": {"value": draw(st.sampled_from(["10Gi", "40Gi"]))}},
        }
        for number in range(count)
    ]
    told = {"name": pool, "generation": draw(st.integers(1, 2)), "resourceSliceCount": draw(st.integers(1, 2))}
    name = draw(st.sampled_from([f"slice-{pool}", f"more-{pool}"]))
    return {"metadata": {"name": name}, "spec": {"driver": DRIVER, "pool": told, "devices": devices, **place}}


@st.composite
def requests(draw: st.DrawFn, name: str) -> Json:
    def wanted() -> Json:
        mode = draw(st.sampled_from([{"count": 1}, {"count": 2}, {"allocationMode": "All"}, {"adminAccess": True}]))
        kind = draw(st.sampled_from(["gpu", "gpu", "any"]))
        return {"deviceClassName": kind, "selectors": draw(selectors), **mode}

    if draw(st.booleans()):
        return {"name": name, "exactly": wanted()}
    listed = [{"name": f"way-{number}", **wanted()} for number in range(draw(st.integers(1, 2)))]
    return {"name": name, "firstAvailable": listed}


@st.composite
def claims(draw: st.DrawFn) -> Json:
    names = ("r", "s")[: draw(st.integers(1, 2))]
    attribute = draw(st.sampled_from(["matchAttribute", "distinctAttribute"]))
    constraint = {attribute: "gpu.example.com/model", "requests": draw(st.sampled_from([[], ["r"]]))}
    devices = {
        "requests": [draw(requests(name)) for name in names],
        "constraints": draw(st.sampled_from([[], [], [constraint]])),
        "config": draw(st.sampled_from([[], [{"requests": ["r"], "opaque": {"driver": DRIVER}}]])),
    }
    name = draw(st.sampled_from(CLAIMS))
    claim: Json = {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": {"devices": devices}}
    if draw(st.integers(0, 3)) == 0:
        node = draw(st.sampled_from(["a", "b"]))
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        result = {"request": "r", "driver": DRIVER, "pool": node, "device": "dev-0"}
        claim["status"] = {
            "allocation": {
                "devices": {"results": [result]},
                "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [field]}]},
            },
            "reservedFor": [{"resource": "pods", "name": "p-0", "uid": "p-0"}],
        }
    return claim


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, Json]:
    match draw(st.integers(0, 4)):
        case 0:
            name = draw(st.sampled_from(["gpu", "any"]))
            spec = {"selectors": draw(selectors), "config": draw(st.sampled_from([[], [{"opaque": {"driver": "d"}}]]))}
            return "DeviceClass", {"metadata": {"name": name}, "spec": spec}
        case 1 | 2:
            return "ResourceSlice", draw(slices())
    return "ResourceClaim", draw(claims())


@st.composite
def pods(draw: st.DrawFn) -> Json:
    name = draw(POD_NAMES)
    names = draw(st.lists(st.sampled_from(CLAIMS), max_size=2, unique=True))
    spec = {
        "containers": [{"name": "c"}],
        "resourceClaims": [{"name": claim, "resourceClaimName": claim} for claim in names],
    }
    return {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec}
