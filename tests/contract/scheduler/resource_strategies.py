"""Random images, features and arguments of the plugins that look at resources.

Not here: nodes and pods as a whole (see `test_scheduler_mirror`).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

NAMES = ["", "app", "app:latest", "big:1", "registry.example:5000/app", "registry.example:5000/app:latest"]
NOTABLE = ["cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi", "example.com/none"]
MIB = 2**20

image_names = st.sampled_from(NAMES)
restart_rules = st.sampled_from([[], [], [], [{"action": "Restart"}], [{"action": "RestartAllContainers"}]])
_images = st.fixed_dictionaries(
    {
        "names": st.lists(st.sampled_from(NAMES[1:]), max_size=2),
        "sizeBytes": st.sampled_from([0, 1, 30 * MIB, 700 * MIB, 3000 * MIB, 2**63 - 1]),
    }
)
node_status = st.fixed_dictionaries(
    {
        "images": st.lists(_images, max_size=2),
        "declaredFeatures": st.sampled_from([[], ["RestartAllContainersOnContainerExits"]]),
    }
)
_resources = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(NOTABLE), "weight": st.integers(0, 100)}),
    max_size=4,
    unique_by=lambda entry: entry["name"],
)


@st.composite
def configs(draw: st.DrawFn) -> Json:
    """A compiled configuration with one profile."""
    xs = sorted(draw(st.sets(st.integers(0, 100), min_size=1, max_size=4)))
    shape = [{"utilization": x, "score": draw(st.integers(0, 10))} for x in xs]
    strategy = {
        "type": draw(st.sampled_from(["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"])),
        "resources": draw(_resources),
        "requestedToCapacityRatio": {"shape": shape},
    }
    ignored = draw(st.sampled_from([{}, {"ignoredResources": ["example.com/gpu"]}]))
    groups = draw(st.sampled_from([{}, {"ignoredResourceGroups": ["example.com"]}]))
    requirement = {"key": "disk", "operator": draw(st.sampled_from(["Exists", "DoesNotExist"]))}
    terms = [{"matchExpressions": [requirement]}]
    added = draw(
        st.sampled_from(
            [
                {},
                {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}},
                {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 3, "preference": terms[0]}]},
            ]
        )
    )
    args = {
        "NodeResourcesFit": {"scoringStrategy": strategy, **ignored, **groups},
        "NodeResourcesBalancedAllocation": {"resources": draw(_resources)},
        "NodeAffinity": {"addedAffinity": added},
    }
    gates = {"TaintTolerationComparisonOperators": draw(st.booleans())}
    return {"profiles": [{"pluginConfig": args}], "featureGates": gates}
