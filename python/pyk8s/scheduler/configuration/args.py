"""Arguments of the plugins (`pluginConfig[].args`): their shape, their defaults, kube-scheduler's rules for them.

Always true: `arguments` gives every default its value, so the engine need know none.
Not here: the meaning of an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, model_validator

from pyk8s.api.field import FieldError, duplicate, forbidden, invalid, required
from pyk8s.scheduler.configuration.gates import is_on
from pyk8s.scheduler.configuration.models import API_VERSION, Duration, Int32, Int64, Strict, seconds

Json = dict[str, Any]
Errors = Iterator[FieldError]

STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")
NAME = re.compile("[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_MAX, PREFIX_MAX = 63, 253
INTEGER = re.compile(r"[-+]?\d+")


class Args(Strict):
    """Arguments of one plugin, the common part."""

    apiVersion: Literal["kubescheduler.config.k8s.io/v1"] | None = None
    kind: str | None = None

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        """What kube-scheduler would refuse."""
        return iter(())


class DefaultPreemptionArgs(Args):
    minCandidateNodesPercentage: Int32 = 10
    minCandidateNodesAbsolute: Int32 = 100

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        percentage, absolute = self.minCandidateNodesPercentage, self.minCandidateNodesAbsolute
        if not 0 <= percentage <= 100:
            yield invalid(f"{path}.minCandidateNodesPercentage", percentage, "not in valid range [0, 100]")
        if absolute < 0:
            yield invalid(f"{path}.minCandidateNodesAbsolute", absolute, "not in valid range [0, inf)")
        if percentage == absolute == 0:
            text = "cannot be zero at the same time as "
            yield invalid(f"{path}.minCandidateNodesPercentage", 0, text + "minCandidateNodesAbsolute")
            yield invalid(f"{path}.minCandidateNodesAbsolute", 0, text + "minCandidateNodesPercentage")


class InterPodAffinityArgs(Args):
    hardPodAffinityWeight: Int32 = 1
    ignorePreferredTermsOfExistingPods: StrictBool = False

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        if not 0 <= self.hardPodAffinityWeight <= 100:
            yield invalid(f"{path}.hardPodAffinityWeight", self.hardPodAffinityWeight, "not in valid range [0, 100]")


class ResourceSpec(Strict):
    name: str = ""
    weight: Int64 = 1

    @model_validator(mode="before")
    @classmethod
    def _zero_is_one(cls, data: Any) -> Any:
        return {**data, "weight": 1} if isinstance(data, dict) and data.get("weight") == 0 else data


CPU_AND_MEMORY = (ResourceSpec(name="cpu"), ResourceSpec(name="memory"))


def _or_default(resources: list[ResourceSpec]) -> list[ResourceSpec]:
    """An empty list is no list, as for kube-scheduler."""
    return resources or list(CPU_AND_MEMORY)


Resources = Annotated[list[ResourceSpec], AfterValidator(_or_default), Field(validate_default=True)]


class ShapePoint(Strict):
    utilization: Int32 = 0
    score: Int32 = 0


class RatioParameters(Strict):
    shape: list[ShapePoint] = Field(default=[])


class ScoringStrategy(Strict):
    type: str = ""
    resources: Resources = Field(default=[])
    requestedToCapacityRatio: RatioParameters | None = None

    def problems(self, path: str) -> Errors:
        if self.type not in STRATEGIES:
            yield unsupported(f"{path}.type", self.type, STRATEGIES)
        for i, resource in enumerate(self.resources):
            if not 0 < resource.weight <= 100:
                text = f"resource weight of {resource.name} not in valid range (0, 100]"
                yield invalid(f"{path}.resources[{i}].weight", resource.weight, text)
        ratio = self.requestedToCapacityRatio
        if self.type != "RequestedToCapacityRatio":
            if ratio is not None:
                text = "must be nil when type is not RequestedToCapacityRatio"
                yield forbidden(f"{path}.requestedToCapacityRatio", text)
        elif ratio is None:
            text = "must be specified when type is RequestedToCapacityRatio"
            yield required(f"{path}.requestedToCapacityRatio", text)
        else:
            yield from shape_problems(f"{path}.requestedToCapacityRatio.shape", ratio.shape)


def shape_problems(path: str, shape: list[ShapePoint]) -> Errors:
    if not shape:
        yield required(path, "at least one point must be specified")
    for i in range(1, len(shape)):
        if shape[i - 1].utilization >= shape[i].utilization:
            text = "values must be sorted in increasing order"
            yield invalid(f"{path}[{i}].utilization", shape[i].utilization, text)
            break
    for i, point in enumerate(shape):
        if not 0 <= point.utilization <= 100:
            yield invalid(f"{path}[{i}].utilization", point.utilization, "not in valid range [0, 100]")
        if not 0 <= point.score <= 10:
            yield invalid(f"{path}[{i}].score", point.score, "not in valid range [0, 10]")


class NodeResourcesFitArgs(Args):
    ignoredResources: list[str] = Field(default=[])
    ignoredResourceGroups: list[str] = Field(default=[])
    scoringStrategy: ScoringStrategy = ScoringStrategy(type="LeastAllocated")

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        for i, name in enumerate(self.ignoredResources):
            yield from label_key_problems(f"{path}.ignoredResources[{i}]", name)
        for i, group in enumerate(self.ignoredResourceGroups):
            where = f"{path}.ignoredResourceGroups[{i}]"
            if "/" in group:
                yield invalid(where, group, "resource group name can't contain '/'")
            yield from label_key_problems(where, group)
        yield from self.scoringStrategy.problems(f"{path}.scoringStrategy")


class NodeResourcesBalancedAllocationArgs(Args):
    resources: Resources = Field(default=[])

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        seen: set[str] = set()
        for i, resource in enumerate(self.resources):
            if resource.name in seen:
                yield duplicate(f"{path}.resources[{i}].name", resource.name)
            seen.add(resource.name)
            if resource.weight != 1:
                yield invalid(f"{path}.resources[{i}].weight", resource.weight, "must be 1")


class SpreadConstraint(Strict):
    maxSkew: Int32 = 0
    topologyKey: str = ""
    whenUnsatisfiable: str = ""
    labelSelector: dict[str, Any] | None = None
    minDomains: Int32 | None = None
    nodeAffinityPolicy: Literal["Honor", "Ignore"] | None = None
    nodeTaintsPolicy: Literal["Honor", "Ignore"] | None = None
    matchLabelKeys: list[str] | None = None


class PodTopologySpreadArgs(Args):
    defaultConstraints: list[SpreadConstraint] = Field(default=[])
    defaultingType: str = "System"

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        kind = self.defaultingType
        if kind not in ("System", "List"):
            yield unsupported(f"{path}.defaultingType", kind, ("System", "List"))
        if kind == "System" and self.defaultConstraints:
            yield invalid(f"{path}.defaultingType", kind, "when .defaultConstraints are not empty")
        seen = set()
        for i, constraint in enumerate(self.defaultConstraints):
            where = f"{path}.defaultConstraints[{i}]"
            yield from self._constraint_problems(where, constraint)
            key = f"{{{constraint.topologyKey}, {constraint.whenUnsatisfiable}}}"
            if key in seen:
                yield duplicate(where, key)
            seen.add(key)

    @staticmethod
    def _constraint_problems(path: str, constraint: SpreadConstraint) -> Errors:
        if constraint.maxSkew <= 0:
            yield invalid(f"{path}.maxSkew", constraint.maxSkew, "not in valid range (0, inf)")
        if constraint.topologyKey:
            yield from label_key_problems(f"{path}.topologyKey", constraint.topologyKey)
        else:
            yield required(f"{path}.topologyKey", "can not be empty")
        if not constraint.whenUnsatisfiable:
            yield required(f"{path}.whenUnsatisfiable", "can not be empty")
        elif constraint.whenUnsatisfiable not in ("DoNotSchedule", "ScheduleAnyway"):
            allowed = ("DoNotSchedule", "ScheduleAnyway")
            yield unsupported(f"{path}.whenUnsatisfiable", constraint.whenUnsatisfiable, allowed)
        if constraint.labelSelector is not None:
            text = "constraint must not define a selector, as they deduced for each pod"
            yield forbidden(f"{path}.labelSelector", text)


class SelectorRequirement(Strict):
    key: str = ""
    operator: str = ""
    values: list[str] = Field(default=[])

    def problems(self, path: str, *, is_field: bool) -> Errors:
        operators = ("In", "NotIn") if is_field else ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
        if self.operator not in operators:
            yield unsupported(f"{path}.operator", self.operator, operators)
        elif self.operator in ("In", "NotIn") and not self.values:
            yield invalid(f"{path}.values", self.values, "for 'in', 'notin' operators, values set can't be empty")
        elif self.operator in ("Exists", "DoesNotExist") and self.values:
            yield invalid(f"{path}.values", self.values, "values set must be empty for exists and does not exist")
        elif self.operator in ("Gt", "Lt") and (len(self.values) != 1 or not INTEGER.fullmatch(self.values[0])):
            text = "for 'Gt', 'Lt' operators, exactly one value is required, an integer"
            yield invalid(f"{path}.values", self.values, text)
        if is_field and self.key != "metadata.name":
            yield unsupported(f"{path}.key", self.key, ("metadata.name",))
        elif is_field and len(self.values) > 1:
            yield invalid(f"{path}.values", self.values, "must have one element")
        elif not is_field:
            yield from label_key_problems(f"{path}.key", self.key)


class SelectorTerm(Strict):
    matchExpressions: list[SelectorRequirement] = Field(default=[])
    matchFields: list[SelectorRequirement] = Field(default=[])

    def problems(self, path: str) -> Errors:
        for name, requirements in (("matchExpressions", self.matchExpressions), ("matchFields", self.matchFields)):
            for i, requirement in enumerate(requirements):
                yield from requirement.problems(f"{path}.{name}[{i}]", is_field=name == "matchFields")


class NodeSelector(Strict):
    nodeSelectorTerms: list[SelectorTerm] = Field(default=[])


class PreferredTerm(Strict):
    weight: Int32 = 0
    preference: SelectorTerm = SelectorTerm()


class AddedAffinity(Strict):
    requiredDuringSchedulingIgnoredDuringExecution: NodeSelector | None = None
    preferredDuringSchedulingIgnoredDuringExecution: list[PreferredTerm] = Field(default=[])


class NodeAffinityArgs(Args):
    addedAffinity: AddedAffinity | None = None

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        added = self.addedAffinity or AddedAffinity()
        base = f"{path}.addedAffinity"
        selector = added.requiredDuringSchedulingIgnoredDuringExecution or NodeSelector()
        for i, term in enumerate(selector.nodeSelectorTerms):
            yield from term.problems(f"{base}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{i}]")
        for i, preferred in enumerate(added.preferredDuringSchedulingIgnoredDuringExecution):
            where = f"{base}.preferredDuringSchedulingIgnoredDuringExecution[{i}].preference"
            yield from preferred.preference.problems(where)


class VolumeBindingArgs(Args):
    bindTimeoutSeconds: Int64 = 600
    shape: list[ShapePoint] | None = None

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        if self.bindTimeoutSeconds < 0:
            text = "invalid BindTimeoutSeconds, should not be a negative value"
            yield invalid(f"{path}.bindTimeoutSeconds", self.bindTimeoutSeconds, text)
        if self.shape is None:
            return
        if is_on(gates, "StorageCapacityScoring"):
            yield from shape_problems(f"{path}.shape", self.shape)
        else:
            text = "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"
            yield invalid(f"{path}.shape", [point.model_dump() for point in self.shape], text)


class DynamicResourcesArgs(Args):
    filterTimeout: Duration = "10s"
    bindingTimeout: Duration = "600s"

    def problems(self, path: str, gates: Mapping[str, bool]) -> Errors:
        if seconds(self.filterTimeout) < 0:
            yield invalid(f"{path}.filterTimeout", self.filterTimeout, "must be zero or positive")
        if seconds(self.bindingTimeout) < 1:
            yield invalid(f"{path}.bindingTimeout", self.bindingTimeout, "must be at least 1 second")


MODELS: dict[str, type[Args]] = {
    "DefaultPreemption": DefaultPreemptionArgs,
    "DynamicResources": DynamicResourcesArgs,
    "InterPodAffinity": InterPodAffinityArgs,
    "NodeAffinity": NodeAffinityArgs,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs,
    "NodeResourcesFit": NodeResourcesFitArgs,
    "PodTopologySpread": PodTopologySpreadArgs,
    "VolumeBinding": VolumeBindingArgs,
}


def arguments(name: str, args: Args) -> Json:
    """What the engine is given: every field with its value, those without one left out."""
    assert MODELS[name] is type(args), "arguments belong to the plugin they were read for"
    return args.model_dump(mode="json", exclude_none=True, exclude={"apiVersion", "kind"})


def kind_problems(path: str, name: str, args: Mapping[str, Any]) -> Errors:
    """``args`` may say their own kind; then it must be this plugin's."""
    kind = args.get("kind")
    if kind is not None and kind != f"{name}Args":
        yield unsupported(f"{path}.kind", kind, (f"{name}Args",))
    if args.get("apiVersion") is not None and args["apiVersion"] != API_VERSION:
        yield unsupported(f"{path}.apiVersion", args["apiVersion"], (API_VERSION,))


def label_key_problems(path: str, key: str) -> Errors:
    """A label key: an optional DNS prefix, a slash, a name."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (prefix and len(prefix) <= PREFIX_MAX and PREFIX.fullmatch(prefix)):
        yield invalid(path, key, "the part before '/' must be a lower-case DNS subdomain such as example.com")
    if not name:
        yield invalid(path, key, "name part must be non-empty")
    elif len(name) > NAME_MAX:
        yield invalid(path, key, f"name part must be no more than {NAME_MAX} bytes")
    elif not NAME.fullmatch(name):
        text = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with"
        yield invalid(path, key, f"{text} an alphanumeric character")


def unsupported(path: str, value: Any, allowed: tuple[str, ...]) -> FieldError:
    return FieldError(path, "Unsupported value", value, "supported values: " + ", ".join(f'"{a}"' for a in allowed))
