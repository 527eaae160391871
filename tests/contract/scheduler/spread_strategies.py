"""Hypothesis strategies for what groups pods: labels, selectors, spread constraints, affinity, namespaces, owners.

Always true: keys and values are few, so that most of what is drawn meets.
Not here: everything else about nodes and pods (see `test_scheduler_mirror`).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

ZONE = "topology.kubernetes.io/zone"
HOSTNAME = "kubernetes.io/hostname"
NAMESPACES = st.sampled_from(["default", "default", "other"])
LABEL_KEYS = st.sampled_from(["app", "tier"])
LABEL_VALUES = st.sampled_from(["a", "b", ""])
TOPOLOGY_KEYS = st.sampled_from([ZONE, HOSTNAME, "disk"])
POLICIES = st.sampled_from(["Honor", "Ignore"])

labels = st.dictionaries(LABEL_KEYS, LABEL_VALUES, max_size=2)
topology_labels = st.dictionaries(TOPOLOGY_KEYS, st.sampled_from(["a", "b", "c"]), max_size=3)


def sometimes(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def selectors(draw: st.DrawFn) -> Json:
    requirement = st.fixed_dictionaries(
        {
            "key": LABEL_KEYS,
            "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt"]),
            "values": st.lists(LABEL_VALUES, max_size=2),
        }
    )
    expressions = draw(st.lists(requirement, max_size=1))
    return {
        "matchLabels": draw(st.dictionaries(LABEL_KEYS, LABEL_VALUES, max_size=1)),
        "matchExpressions": expressions,
    }


constraints = st.fixed_dictionaries(
    {
        "topologyKey": TOPOLOGY_KEYS,
        "maxSkew": st.integers(1, 3),
        "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
        "labelSelector": sometimes(selectors()),
        "matchLabelKeys": sometimes(st.lists(LABEL_KEYS, max_size=2, unique=True)),
        "minDomains": sometimes(st.integers(1, 3)),
        "nodeAffinityPolicy": sometimes(POLICIES),
        "nodeTaintsPolicy": sometimes(POLICIES),
    }
)

affinity_terms = st.fixed_dictionaries(
    {
        "topologyKey": TOPOLOGY_KEYS,
        "labelSelector": sometimes(selectors()),
        "namespaces": sometimes(st.lists(NAMESPACES, max_size=2, unique=True)),
        "namespaceSelector": sometimes(selectors()),
    }
)

affinities = st.fixed_dictionaries(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": st.lists(affinity_terms, max_size=1),
        "preferredDuringSchedulingIgnoredDuringExecution": st.lists(
            st.fixed_dictionaries({"weight": st.integers(1, 100), "podAffinityTerm": affinity_terms}), max_size=2
        ),
    }
)

owner_references = st.lists(
    st.sampled_from(
        [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "set", "controller": True},
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "set", "controller": True},
            {"apiVersion": "v1", "kind": "ReplicationController", "name": "set", "controller": True},
            {"apiVersion": "batch/v1", "kind": "Job", "name": "set", "controller": True},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "set"},
        ]
    ),
    max_size=1,
)


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, Json]:
    """(kind, object)."""
    kind = draw(st.sampled_from(["Namespace", "Service", "ReplicaSet", "StatefulSet", "ReplicationController"]))
    if kind == "Namespace":
        return kind, {"metadata": {"name": draw(NAMESPACES), "labels": draw(labels)}}
    selector = draw(labels if kind in ("Service", "ReplicationController") else selectors())
    return kind, {"metadata": {"namespace": draw(NAMESPACES), "name": "set"}, "spec": {"selector": selector}}


HARD_DEFAULTS = {
    "profiles": [
        {
            "pluginConfig": {
                "PodTopologySpread": {
                    "defaultingType": "List",
                    "defaultConstraints": [
                        {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"},
                        {"topologyKey": HOSTNAME, "maxSkew": 2, "whenUnsatisfiable": "ScheduleAnyway"},
                    ],
                },
                "InterPodAffinity": {"hardPodAffinityWeight": 7, "ignorePreferredTermsOfExistingPods": True},
            }
        }
    ]
}
"""A compiled configuration in which both plugins have arguments."""
