"""KubeSchedulerConfiguration: what files say, expanded and checked as kube-scheduler does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyk8s.scheduler.configuration import (
    Compiled,
    ConfigurationError,
    compile_configuration,
    load_configuration,
    parse_feature_gates,
)
from pyk8s.scheduler.configuration.compile import PROFILES

Json = dict[str, Any]
HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}

BOTH = [
    *("NodeAffinity", "NodePorts", "NodeResourcesFit", "VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding"),
    *("VolumeZone", "PodTopologySpread", "InterPodAffinity", "DynamicResources", "NodeDeclaredFeatures"),
]
DEFAULT_POINTS = {
    "preEnqueue": ["SchedulingGates", "DynamicResources", "DefaultPreemption"],
    "queueSort": ["PrioritySort"],
    "preFilter": BOTH,
    "filter": ["NodeUnschedulable", "NodeName", "TaintToleration", *BOTH],
    "postFilter": ["DynamicResources", "DefaultPreemption"],
    "preScore": [
        *("TaintToleration", "NodeAffinity", "NodeResourcesFit", "VolumeBinding", "PodTopologySpread"),
        *("InterPodAffinity", "NodeResourcesBalancedAllocation"),
    ],
    "reserve": ["VolumeBinding", "DynamicResources"],
    "permit": [],
    "preBind": ["VolumeBinding", "DynamicResources"],
    "bind": ["DefaultBinder"],
    "postBind": [],
}
DEFAULT_SCORES = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "NodeResourcesFit": 1,
    "VolumeBinding": 1,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}


def compiled(*, gates: dict[str, bool] | None = None, **fields: Any) -> Compiled:
    return compile_configuration({**HEAD, **fields}, feature_gates=gates)


def profile(*, gates: dict[str, bool] | None = None, **fields: Any) -> Json:
    """The only profile, compiled."""
    found: Json = json.loads(compiled(gates=gates, profiles=[fields]).config)["profiles"][0]
    return found


def scores(found: Json) -> dict[str, int]:
    return {plugin["name"]: plugin["weight"] for plugin in found["plugins"]["score"]}


def problems(*, gates: dict[str, bool] | None = None, **fields: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        compiled(gates=gates, **fields)
    return [error.text() for error in caught.value.errors]


def named(*names: str) -> list[Json]:
    return [{"name": name} for name in names]


# -- expansion


def test_without_profiles_there_is_the_default_one() -> None:
    config = json.loads(compiled().config)

    (found,) = config["profiles"]
    assert found["schedulerName"] == "default-scheduler"
    assert {point: names for point, names in found["plugins"].items() if point != "score"} == DEFAULT_POINTS
    assert scores(found) == DEFAULT_SCORES
    assert list(scores(found)) == list(DEFAULT_SCORES)
    assert (config["podInitialBackoffSeconds"], config["podMaxBackoffSeconds"]) == (1, 10)


def test_a_reconfigured_default_keeps_its_place_and_gets_the_new_weight() -> None:
    found = profile(plugins={"multiPoint": {"enabled": [{"name": "NodeAffinity", "weight": 7}]}})

    assert scores(found) == {**DEFAULT_SCORES, "NodeAffinity": 7}
    assert found["plugins"]["filter"] == DEFAULT_POINTS["filter"]


def test_a_plugin_disabled_in_multi_point_is_gone_from_every_point() -> None:
    found = profile(plugins={"multiPoint": {"disabled": named("VolumeBinding", "ImageLocality")}})

    assert not any("VolumeBinding" in names for names in found["plugins"].values())
    assert found["plugins"]["reserve"] == ["DynamicResources"]
    assert "ImageLocality" not in scores(found)
    assert "VolumeBinding" not in found["pluginConfig"]


def test_all_disabled_at_a_point_leaves_what_the_point_enables_in_its_order() -> None:
    enabled = [{"name": "NodeResourcesFit", "weight": 5}, {"name": "TaintToleration"}]

    found = profile(plugins={"score": {"disabled": named("*"), "enabled": enabled}})

    assert list(scores(found).items()) == [("NodeResourcesFit", 5), ("TaintToleration", 1)]
    assert found["plugins"]["filter"] == DEFAULT_POINTS["filter"]


def test_all_disabled_in_multi_point_leaves_what_is_named() -> None:
    plugins = {"multiPoint": {"disabled": named("*"), "enabled": named("PrioritySort", "NodeName", "DefaultBinder")}}

    found = profile(plugins=plugins)

    names = {point: found["plugins"][point] for point in ("queueSort", "filter", "score", "bind")}
    assert names == {"queueSort": ["PrioritySort"], "filter": ["NodeName"], "score": [], "bind": ["DefaultBinder"]}


def test_plugins_that_a_point_names_itself_run_first() -> None:
    found = profile(plugins={"filter": {"enabled": named("NodeResourcesFit", "NodeName")}})

    others = [name for name in DEFAULT_POINTS["filter"] if name not in ("NodeResourcesFit", "NodeName")]
    assert found["plugins"]["filter"] == ["NodeResourcesFit", "NodeName", *others]


def test_a_weight_at_the_point_goes_before_that_of_multi_point() -> None:
    plugins = {
        "multiPoint": {"enabled": [{"name": "NodeAffinity", "weight": 7}]},
        "score": {"enabled": [{"name": "NodeAffinity", "weight": 9}]},
    }

    assert scores(profile(plugins=plugins))["NodeAffinity"] == 9


def test_foreign_plugins_come_after_the_defaults_at_their_points() -> None:
    plugins = {"multiPoint": {"enabled": [{"name": "Mine", "weight": 4}]}}

    made = compile_configuration(
        {**HEAD, "profiles": [{"plugins": plugins, "pluginConfig": [{"name": "Mine", "args": {"a": 1}}]}]},
        foreign={"Mine": ("filter", "score"), "Unused": ("filter",)},
    )

    found = json.loads(made.config)["profiles"][0]
    assert found["plugins"]["filter"] == [*DEFAULT_POINTS["filter"], "Mine"]
    assert scores(found)["Mine"] == 4
    assert found["pluginConfig"]["Mine"] == {"a": 1}
    assert made.foreign == ("Mine",)


def test_gates_bring_and_take_plugins() -> None:
    gang = profile(gates={"GangScheduling": True, "GenericWorkload": True})
    without = profile(gates={"DynamicResourceAllocation": False})

    assert gang["plugins"]["permit"] == ["GangScheduling"]
    assert without["plugins"]["postFilter"] == ["DefaultPreemption"]


def test_sampling_is_asked_for_by_profile_then_by_the_whole_file_else_every_node_is_scored() -> None:
    profiles = [{"schedulerName": "a"}, {"schedulerName": "b", "percentageOfNodesToScore": 30}]

    asked = json.loads(compiled(profiles=profiles, percentageOfNodesToScore=0).config)["profiles"]
    unasked = json.loads(compiled(profiles=profiles).config)["profiles"]

    assert [found["percentageOfNodesToScore"] for found in asked] == [0, 30]
    assert [found["percentageOfNodesToScore"] for found in unasked] == [100, 30]


# -- arguments


def test_arguments_have_their_defaults() -> None:
    assert profile()["pluginConfig"] == {
        "DefaultPreemption": {"minCandidateNodesPercentage": 10, "minCandidateNodesAbsolute": 100},
        "DynamicResources": {"filterTimeout": "10s", "bindingTimeout": "600s"},
        "InterPodAffinity": {"hardPodAffinityWeight": 1, "ignorePreferredTermsOfExistingPods": False},
        "NodeAffinity": {},
        "NodeResourcesBalancedAllocation": {
            "resources": [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}]
        },
        "NodeResourcesFit": {
            "ignoredResources": [],
            "ignoredResourceGroups": [],
            "scoringStrategy": {
                "type": "LeastAllocated",
                "resources": [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}],
            },
        },
        "PodTopologySpread": {"defaultConstraints": [], "defaultingType": "System"},
        "VolumeBinding": {"bindTimeoutSeconds": 600},
    }


def test_a_resource_without_weight_counts_once() -> None:
    strategy = {"type": "MostAllocated", "resources": [{"name": "cpu"}, {"name": "memory", "weight": 0}]}
    entry = {"name": "NodeResourcesFit", "args": {"scoringStrategy": strategy}}

    found = profile(pluginConfig=[entry])["pluginConfig"]["NodeResourcesFit"]["scoringStrategy"]

    assert found["resources"] == [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}]


def test_null_is_as_if_left_out() -> None:
    assert profile(schedulerName=None, plugins=None) == profile()


def fit(**args: Any) -> list[Json]:
    return [{"name": "NodeResourcesFit", "args": args}]


def ratio(*points: tuple[int, int]) -> list[Json]:
    shape = [{"utilization": x, "score": y} for x, y in points]
    return fit(scoringStrategy={"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": {"shape": shape}})


def spread(**args: Any) -> list[Json]:
    return [{"name": "PodTopologySpread", "args": args}]


ARGS = "profiles[0].pluginConfig[0].args"
POINT = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (fit(scoringStrategy={"type": "Best"}), '.scoringStrategy.type: Unsupported value: "Best": supported values'),
        (
            fit(scoringStrategy={"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 101}]}),
            ".scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range",
        ),
        (
            fit(scoringStrategy={"type": "RequestedToCapacityRatio"}),
            ".scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is",
        ),
        (ratio((50, 1), (50, 2)), ".shape[1].utilization: Invalid value: 50: values must be sorted"),
        (ratio((0, 11)), ".shape[0].score: Invalid value: 11: not in valid range [0, 10]"),
        (ratio(), ".shape: Required value: at least one point must be specified"),
        (fit(ignoredResourceGroups=["a/b"]), '.ignoredResourceGroups[0]: Invalid value: "a/b": resource group name'),
        (fit(ignoredResources=["a b"]), '.ignoredResources[0]: Invalid value: "a b": name part must consist'),
        (fit(best=1), ".best: Forbidden: unknown field; allowed here: apiVersion, kind, ignoredResources"),
        (fit(kind="FooArgs"), '.kind: Unsupported value: "FooArgs": supported values: "NodeResourcesFitArgs"'),
        (spread(defaultConstraints=[POINT]), '.defaultingType: Invalid value: "System": when .defaultConstraints'),
        (
            spread(defaultingType="List", defaultConstraints=[POINT, POINT]),
            '.defaultConstraints[1]: Duplicate value: "{zone, DoNotSchedule}"',
        ),
        (
            spread(defaultingType="List", defaultConstraints=[{**POINT, "labelSelector": {}}]),
            ".defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector",
        ),
        (
            [{"name": "InterPodAffinity", "args": {"hardPodAffinityWeight": 101}}],
            ".hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
        ),
        (
            [
                {
                    "name": "DefaultPreemption",
                    "args": {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": 0},
                }
            ],
            ".minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time",
        ),
        (
            [{"name": "NodeResourcesBalancedAllocation", "args": {"resources": [{"name": "cpu", "weight": 2}]}}],
            ".resources[0].weight: Invalid value: 2: must be 1",
        ),
        (
            [{"name": "VolumeBinding", "args": {"shape": [{"utilization": 0, "score": 1}]}}],
            '.shape: Invalid value: [{"utilization":0,"score":1}]: unexpected field `shape`',
        ),
        (
            [{"name": "DynamicResources", "args": {"bindingTimeout": "500ms"}}],
            '.bindingTimeout: Invalid value: "500ms": must be at least 1 second',
        ),
    ],
)
def test_wrong_arguments_are_refused_with_their_path(entries: list[Json], message: str) -> None:
    first = problems(profiles=[{"pluginConfig": entries}])[0]

    assert first.startswith(ARGS)
    assert message in first


# -- the rest of the file


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"foo": 1}, "foo: Forbidden: unknown field; allowed here: apiVersion, kind, parallelism"),
        ({"kind": "Pod"}, "kind: Invalid value: \"Pod\": input should be 'KubeSchedulerConfiguration'"),
        ({"parallelism": 0}, "parallelism: Invalid value: 0: should be an integer value greater than zero"),
        ({"parallelism": "3"}, 'parallelism: Invalid type: "3": input should be a valid integer'),
        ({"percentageOfNodesToScore": 101}, "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"),
        ({"podInitialBackoffSeconds": 0}, "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"),
        ({"podMaxBackoffSeconds": 0}, "podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to"),
        ({"profiles": [{}, {}]}, "profiles[0].schedulerName: Required value"),
        (
            {"profiles": [{"schedulerName": "a"}, {"schedulerName": "a"}]},
            'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"',
        ),
        (
            {"profiles": [{"plugins": {"filter": {"enabled": [{"name": "Foo"}]}}}]},
            'profiles[0].plugins.filter.enabled[0].name: Invalid value: "Foo": FilterPlugin "Foo" does not exist',
        ),
        (
            {"profiles": [{"plugins": {"filter": {"enabled": [{"name": "ImageLocality"}]}}}]},
            'filter.enabled[0]: Invalid value: "ImageLocality": plugin "ImageLocality" does not extend FilterPlugin',
        ),
        (
            {"profiles": [{"plugins": {"score": {"enabled": [{"name": "NodeAffinity"}, {"name": "NodeAffinity"}]}}}]},
            'score.enabled[1]: Invalid value: "NodeAffinity": plugin "NodeAffinity" already registered as',
        ),
        (
            {"profiles": [{"plugins": {"filter": {"enabled": [{"name": "EBSLimits"}]}}}]},
            'was invalid in version "kubescheduler.config.k8s.io/v1"',
        ),
        ({"profiles": [{"plugins": {"bind": {"disabled": [{"name": "*"}]}}}]}, "at least one bind plugin is needed"),
        ({"profiles": [{"plugins": {"queueSort": {"disabled": [{"name": "*"}]}}}]}, "but got 0"),
        (
            {"profiles": [{"pluginConfig": [{"name": "NodeAffinity"}, {"name": "NodeAffinity"}]}]},
            'profiles[0].pluginConfig[1]: Duplicate value: "NodeAffinity"',
        ),
        ({"leaderElection": {"leaseDuration": "1s"}}, 'leaderElection.leaseDuration: Invalid value: "1s"'),
        ({"leaderElection": {"retryPeriod": "soon"}}, "must be a duration such as 500ms, 15s or 1m30s"),
        (
            {"extenders": [{"prioritizeVerb": "sort", "weight": 0}]},
            "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it",
        ),
        (
            {"extenders": [{"managedResources": [{"name": "cpu"}]}]},
            'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name',
        ),
        ({"extenders": [{"bindVerb": "b"}, {"bindVerb": "b"}]}, "only one extender can implement bind"),
    ],
)
def test_a_wrong_file_is_refused_with_the_path(fields: Json, message: str) -> None:
    assert any(message in problem for problem in problems(**fields)), problems(**fields)


def test_every_wrong_field_is_named_at_once() -> None:
    assert len(problems(parallelism=0, podInitialBackoffSeconds=0, percentageOfNodesToScore=-1)) == 3


@pytest.mark.parametrize("text", ["", "a: [", "- a", "kind: A\n---\nkind: B", "kind: A\nkind: B"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        compile_configuration(text)


def test_a_file_that_is_not_there_names_the_ready_made_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="spread, binpack, binpack-ratio"):
        load_configuration(str(tmp_path / "missing.yaml"))


def test_what_is_not_honoured_is_named_and_only_that() -> None:
    made = compiled(
        gates={"SchedulerQueueingHints": False, "Unheard": True, "NodeDeclaredFeatures": True},
        parallelism=16,
        clientConnection={"qps": 5.0},
        leaderElection={"leaderElect": False},
        profiles=[{"pluginConfig": [{"name": "DynamicResources", "args": {"filterTimeout": "1s"}}]}],
    )

    assert [warning.split(" is not ")[0] for warning in made.warnings] == [
        "parallelism",
        "clientConnection.qps",
        "profiles[0].pluginConfig[0].args.filterTimeout",
        "feature gate SchedulerQueueingHints=false",
        "feature gate Unheard",
    ]
    assert not made.leader_election.is_on


def test_an_election_that_the_file_asks_for_is_told_from_the_default() -> None:
    elections = [compiled(), compiled(leaderElection={}), compiled(leaderElection={"leaseDuration": "20s"})]

    assert [each.leader_election.is_on for each in elections] == [True, True, True]
    assert [each.leader_election.is_asked for each in elections] == [False, False, True]


def test_extenders_filter_and_score_after_the_plugins_and_look_after_their_resources() -> None:
    managed = [{"name": "example.com/a", "ignoredByScheduler": True}, {"name": "example.com/b"}]

    extender = {"urlPrefix": "http://x", "filterVerb": "f", "prioritizeVerb": "p", "weight": 3}
    file = {**HEAD, "extenders": [{**extender, "preemptVerb": "e", "managedResources": managed}]}

    made = compile_configuration(file, calls_extenders=True)

    found = json.loads(made.config)["profiles"][0]
    assert found["pluginConfig"]["NodeResourcesFit"]["ignoredResources"] == ["example.com/a"]
    assert found["plugins"]["filter"] == [*DEFAULT_POINTS["filter"], "Extender/0"]
    assert scores(found)["Extender/0"] == 3
    assert made.extenders[0]["httpTimeout"] == "5s"
    assert [warning.split(" is ")[0] for warning in made.warnings] == ["extenders[0].preemptVerb"]


def test_where_extenders_cannot_be_called_they_are_left_out_and_named() -> None:
    made = compiled(extenders=[{"urlPrefix": "http://x", "filterVerb": "filter"}])

    assert made.warnings == ("extenders is not honoured: nothing is called from here",)
    assert made.extenders == ()
    assert json.loads(made.config)["profiles"][0]["plugins"]["filter"] == DEFAULT_POINTS["filter"]


@pytest.mark.parametrize("name", PROFILES)
def test_ready_made_configurations_compile_without_a_warning(name: str) -> None:
    made = compile_configuration(load_configuration(name))

    assert made.scheduler_names == ("default-scheduler",)
    assert made.warnings == ()


def test_the_profile_spread_is_the_default() -> None:
    spread_config = compile_configuration(load_configuration("spread")).config

    assert json.loads(spread_config) == json.loads(compiled().config)


def test_feature_gates_are_read_as_on_the_command_line() -> None:
    assert parse_feature_gates("A=true, B=False") == {"A": True, "B": False}
    with pytest.raises(ValueError, match="'C=1' must be NAME=true or NAME=false"):
        parse_feature_gates("A=true,C=1")


def test_pydantic_is_imported_by_the_first_compilation_alone() -> None:
    program = "import sys, pyk8s.scheduler.configuration; sys.exit('pydantic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
