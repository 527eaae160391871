"""The file's shape: KubeSchedulerConfiguration v1 and what it holds, as pydantic models.

Always true: unknown fields are refused with those that are allowed; null means left out, as in Kubernetes.
Not here: defaults that depend on other fields (see `expansion`), rules across fields (see `rules`), plugin arguments
(see `args`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

API_VERSION = "kubescheduler.config.k8s.io/v1"
KIND = "KubeSchedulerConfiguration"

DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """A duration as Go writes it (``1m30s``), in seconds."""
    total = sum(float(number) * UNITS_S[unit] for number, unit in DURATION_PART.findall(duration))
    return -total if duration.startswith("-") else total


def _duration(text: str) -> str:
    if not DURATION.fullmatch(text):
        raise PydanticCustomError("duration", "must be a duration such as 500ms, 15s or 1m30s")
    return text


Int32 = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]
Int64 = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Duration = Annotated[str, AfterValidator(_duration)]


class Strict(BaseModel):
    """An object of the file; its fields' names are those of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for name in data:
            if name not in cls.model_fields:
                raise PydanticCustomError(
                    "unknown_field",
                    "unknown field; allowed here: {allowed}",
                    {"field": str(name), "allowed": ", ".join(cls.model_fields)},
                )
        return {name: value for name, value in data.items() if value is not None}


class Plugin(Strict):
    name: str = ""
    weight: Int32 = 0


class PluginSet(Strict):
    enabled: list[Plugin] = []
    disabled: list[Plugin] = []


class Plugins(Strict):
    preEnqueue: PluginSet = PluginSet()
    queueSort: PluginSet = PluginSet()
    preFilter: PluginSet = PluginSet()
    filter: PluginSet = PluginSet()
    postFilter: PluginSet = PluginSet()
    preScore: PluginSet = PluginSet()
    score: PluginSet = PluginSet()
    reserve: PluginSet = PluginSet()
    permit: PluginSet = PluginSet()
    preBind: PluginSet = PluginSet()
    bind: PluginSet = PluginSet()
    postBind: PluginSet = PluginSet()
    multiPoint: PluginSet = PluginSet()
    placementGenerate: PluginSet = PluginSet()
    placementScore: PluginSet = PluginSet()


class PluginConfig(Strict):
    name: str = ""
    args: dict[str, Any] = {}


class Profile(Strict):
    schedulerName: str | None = None
    percentageOfNodesToScore: Int32 | None = None
    plugins: Plugins = Plugins()
    pluginConfig: list[PluginConfig] = []


class LeaderElectionConfiguration(Strict):
    leaderElect: StrictBool = True
    leaseDuration: Duration = "15s"
    renewDeadline: Duration = "10s"
    retryPeriod: Duration = "2s"
    resourceLock: str = "leases"
    resourceName: str = "kube-scheduler"
    resourceNamespace: str = "kube-system"


class ClientConnection(Strict):
    kubeconfig: str = ""
    acceptContentTypes: str = ""
    contentType: str = "application/vnd.kubernetes.protobuf"
    qps: Annotated[float, Field(strict=True)] = 50.0
    burst: Int32 = 100


class ManagedResource(Strict):
    name: str = ""
    ignoredByScheduler: StrictBool = False


class ExtenderTls(Strict):
    insecure: StrictBool = False
    serverName: str = ""
    certFile: str = ""
    keyFile: str = ""
    caFile: str = ""
    certData: str = ""
    keyData: str = ""
    caData: str = ""


class Extender(Strict):
    urlPrefix: str = ""
    filterVerb: str = ""
    preemptVerb: str = ""
    prioritizeVerb: str = ""
    weight: Int64 = 0
    bindVerb: str = ""
    enableHTTPS: StrictBool = False
    tlsConfig: ExtenderTls | None = None
    httpTimeout: Duration = "5s"
    nodeCacheCapable: StrictBool = False
    managedResources: list[ManagedResource] = []
    ignorable: StrictBool = False


class KubeSchedulerConfiguration(Strict):
    apiVersion: Literal["kubescheduler.config.k8s.io/v1"]
    kind: Literal["KubeSchedulerConfiguration"]
    parallelism: Int32 = 16
    leaderElection: LeaderElectionConfiguration = LeaderElectionConfiguration()
    clientConnection: ClientConnection = ClientConnection()
    enableProfiling: StrictBool = True
    enableContentionProfiling: StrictBool = True
    percentageOfNodesToScore: Int32 | None = None
    podInitialBackoffSeconds: Int64 = 1
    podMaxBackoffSeconds: Int64 = 10
    profiles: list[Profile] = []
    extenders: list[Extender] = []
    delayCacheUntilActive: StrictBool = False
