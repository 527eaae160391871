"""The operations of a workload template, as scheduler_perf's configuration writes them: one model per opcode.

Always true: an unknown field is refused; a count stands in the file or names a parameter (``$name``), never neither.
Source: kubernetes/kubernetes, test/integration/scheduler_perf, the configuration format.
Not here: doing them (see `runner`), filling in parameters (see `parameters`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from pyk8s.simulate.bench.durations import parse_duration_s


def _parameter(text: str) -> str:
    if text and (len(text) < 2 or not text.startswith("$")):
        raise ValueError(f"{text!r} names no parameter; write '$' and the parameter's name")
    return text


Parameter = Annotated[str, AfterValidator(_parameter)]
DurationS = Annotated[float, BeforeValidator(parse_duration_s)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """Anything in the file: camelCase names, nothing unknown."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class LabelNodePrepareStrategy(Part):
    """Give each node one of the values, in turn."""

    label_key: str
    label_values: list[str] = Field(default_factory=list)
    label_value: str | None = None

    @property
    def values(self) -> list[str]:
        return self.label_values or [self.label_value or ""]


class UniqueNodeLabelStrategy(Part):
    """Give each node a value of its own."""

    label_key: str


class CsiNodeAllocatable(Part):
    count: Count


class NodeAllocatableStrategy(Part):
    """Set allocatable resources, and the volume limits of CSI drivers."""

    node_allocatable: dict[str, str] = Field(default_factory=dict)
    csi_node_allocatable: dict[str, CsiNodeAllocatable] = Field(default_factory=dict)
    migrated_plugins: list[str] = Field(default_factory=list)


class Counted(Part):
    """An operation with a count, in the file or by a parameter."""

    count: Count = 0
    count_param: Parameter = ""


class CreateNodes(Counted):
    opcode: Literal["createNodes"]
    node_template_path: str | None = None
    node_allocatable_strategy: NodeAllocatableStrategy | None = None
    label_node_prepare_strategy: LabelNodePrepareStrategy | None = None
    unique_node_label_strategy: UniqueNodeLabelStrategy | None = None
    template_params: dict[str, Any] = Field(default_factory=dict)


class CreateNamespaces(Counted):
    opcode: Literal["createNamespaces"]
    prefix: str
    namespace_template_path: str | None = None


class CreatePods(Counted):
    opcode: Literal["createPods"]
    count_multiplier_param: Parameter = ""
    steady_state: bool = False
    steady_state_param: Parameter = ""
    duration: DurationS = 0.0
    duration_param: Parameter = ""
    collect_metrics: bool = False
    namespace: str | None = None
    pod_template_path: str | None = None
    skip_wait_to_completion: bool = False
    persistent_volume_template_path: str | None = None
    persistent_volume_claim_template_path: str | None = None
    template_params: dict[str, Any] = Field(default_factory=dict)
    signature_batch_size: Count = 0
    signature_batch_size_param: Parameter = ""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.collect_metrics and self.skip_wait_to_completion:
            raise ValueError("collectMetrics and skipWaitToCompletion cannot both be true")
        if self.steady_state and self.skip_wait_to_completion:
            raise ValueError("steadyState and skipWaitToCompletion cannot both be true")
        if self.steady_state and not self.duration_param and self.duration <= 0:
            raise ValueError("steadyState needs a duration above zero")
        if bool(self.persistent_volume_template_path) != bool(self.persistent_volume_claim_template_path):
            raise ValueError("persistentVolumeTemplatePath and persistentVolumeClaimTemplatePath go together")
        return self


class CreatePodSets(Counted):
    opcode: Literal["createPodSets"]
    namespace_prefix: str
    create_pods_op: CreatePods


class CreateAny(Part):
    opcode: Literal["createAny"]
    template_path: str
    namespace: str = ""
    count: Count | None = None
    count_param: Parameter = ""
    template_params: dict[str, Any] = Field(default_factory=dict)


class CreatePodGroups(Counted):
    opcode: Literal["createPodGroups"]
    template_path: str
    namespace: str = ""
    template_params: dict[str, Any] = Field(default_factory=dict)


class WaitForPodGroups(Counted):
    opcode: Literal["waitForPodGroups"]
    namespace: str = ""


class UpdateAny(Part):
    opcode: Literal["updateAny", "update"]
    template_path: str
    namespace: str = ""
    count: Count | None = None
    count_param: Parameter = ""
    update_per_second: Count = 0
    subresources: list[str] = Field(default_factory=list)
    template_params: dict[str, Any] = Field(default_factory=dict)


class DeletePods(Part):
    opcode: Literal["deletePods"]
    namespace: str
    label_selector: dict[str, str] = Field(default_factory=dict)
    skip_wait_to_completion: bool = False
    delete_pods_per_second: Count = 0


class Churn(Part):
    opcode: Literal["churn"]
    mode: Literal["recreate", "create"]
    number: Count = 0
    interval_milliseconds: Annotated[int, Field(ge=0)] = 0
    namespace: str | None = None
    template_paths: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_number(self) -> Self:
        if self.mode == "recreate" and self.number == 0:
            raise ValueError("mode recreate needs a number above zero")
        return self


class Barrier(Part):
    opcode: Literal["barrier"]
    namespaces: list[str] = Field(default_factory=list)
    label_selector: dict[str, str] = Field(default_factory=dict)
    stage_requirement: Literal["", "Scheduled", "Attempted"] = ""


class Sleep(Part):
    opcode: Literal["sleep"]
    duration: DurationS = 0.0
    duration_param: Parameter = ""


class StartCollectingMetrics(Part):
    opcode: Literal["startCollectingMetrics"]
    name: str = ""
    namespaces: Annotated[list[str], Field(min_length=1)]
    label_selector: dict[str, str] = Field(default_factory=dict)


class StopCollectingMetrics(Part):
    opcode: Literal["stopCollectingMetrics"]


class Unsupported(BaseModel):
    """An operation of the format that needs a driver or a controller which the bench does not run."""

    model_config = ConfigDict(extra="allow", frozen=True)
    opcode: Literal["createResourceDriver", "createResourceClaims", "allocResourceClaims", "createResourceSlices"]


Operation = Annotated[
    CreateNodes
    | CreateNamespaces
    | CreatePods
    | CreatePodSets
    | CreateAny
    | CreatePodGroups
    | WaitForPodGroups
    | UpdateAny
    | DeletePods
    | Churn
    | Barrier
    | Sleep
    | StartCollectingMetrics
    | StopCollectingMetrics
    | Unsupported,
    Field(discriminator="opcode"),
]
