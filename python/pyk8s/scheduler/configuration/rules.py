"""kube-scheduler's rules for a whole configuration: each yields the field errors of its part.

Always true: pure functions over the models; every error names the path of its field.
Not here: the arguments of plugins (see `args`), which plugins exist (see `expansion`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pyk8s.api.field import FieldError, duplicate, invalid, required
from pyk8s.scheduler.configuration.args import label_key_problems
from pyk8s.scheduler.configuration.models import (
    Extender,
    KubeSchedulerConfiguration,
    LeaderElectionConfiguration,
    Plugins,
    Profile,
    seconds,
)

Errors = Iterator[FieldError]

REMOVED = ("AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits")
REMOVED_IN = "kubescheduler.config.k8s.io/v1"


def problems(configuration: KubeSchedulerConfiguration) -> Errors:
    """Everything but plugins and their arguments."""
    if configuration.clientConnection.burst < 0:
        yield invalid("clientConnection.burst", configuration.clientConnection.burst, "must be non-negative")
    yield from _leader_election("leaderElection", configuration.leaderElection)
    if configuration.parallelism <= 0:
        text = "should be an integer value greater than zero"
        yield invalid("parallelism", configuration.parallelism, text)
    yield from _profiles("profiles", configuration.profiles)
    yield from _percentage("percentageOfNodesToScore", configuration.percentageOfNodesToScore)
    initial, longest = configuration.podInitialBackoffSeconds, configuration.podMaxBackoffSeconds
    if initial <= 0:
        yield invalid("podInitialBackoffSeconds", initial, "must be greater than 0")
    if longest < initial:
        text = "must be greater than or equal to PodInitialBackoffSeconds"
        yield invalid("podMaxBackoffSeconds", longest, text)
    yield from _extenders("extenders", configuration.extenders)


def _percentage(path: str, value: int | None) -> Errors:
    if value is not None and not 0 <= value <= 100:
        yield invalid(path, value, "not in valid range [0-100]")


def _leader_election(path: str, election: LeaderElectionConfiguration) -> Errors:
    if not election.leaderElect:
        return
    times = {name: seconds(getattr(election, name)) for name in ("leaseDuration", "renewDeadline", "retryPeriod")}
    for name, value in times.items():
        if value <= 0:
            yield invalid(f"{path}.{name}", getattr(election, name), "must be greater than zero")
    if times["leaseDuration"] <= times["renewDeadline"]:
        text = "LeaseDuration must be greater than RenewDeadline"
        yield invalid(f"{path}.leaseDuration", election.leaseDuration, text)
    if times["renewDeadline"] <= times["retryPeriod"]:
        text = "RenewDeadline must be greater than RetryPeriod"
        yield invalid(f"{path}.renewDeadline", election.renewDeadline, text)
    if election.resourceLock != "leases":
        yield invalid(f"{path}.resourceLock", election.resourceLock, 'resourceLock value must be "leases"')
    for name in ("resourceName", "resourceNamespace"):
        if not getattr(election, name):
            yield required(f"{path}.{name}", f"{name} is required")


def _profiles(path: str, profiles: list[Profile]) -> Errors:
    seen: dict[str, int] = {}
    for i, profile in enumerate(profiles):
        where = f"{path}[{i}]"
        name = scheduler_name(profiles, i)
        if not name:
            yield required(f"{where}.schedulerName", "")
        yield from _percentage(f"{where}.percentageOfNodesToScore", profile.percentageOfNodesToScore)
        yield from _removed(f"{where}.plugins", profile.plugins)
        if name in seen:
            yield duplicate(f"{where}.schedulerName", f"{path}[{seen[name]}].schedulerName")
        seen[name] = i
        if profile.plugins.queueSort != profiles[0].plugins.queueSort:
            value = profile.plugins.queueSort.model_dump()
            yield invalid(f"{where}.plugins.queueSort", value, "must be the same for all profiles")


def scheduler_name(profiles: list[Profile], index: int) -> str:
    """A profile's name; the only profile may go without one."""
    default = "default-scheduler" if len(profiles) == 1 else ""
    name = profiles[index].schedulerName
    return default if name is None else name


def _removed(path: str, plugins: Plugins) -> Errors:
    for point in type(plugins).model_fields:
        for i, plugin in enumerate(getattr(plugins, point).enabled):
            if plugin.name in REMOVED:
                text = f'was invalid in version "{REMOVED_IN}" (KubeSchedulerConfiguration is version "{REMOVED_IN}")'
                yield invalid(f"{path}.{point}.enabled[{i}]", plugin.name, text)


def _extenders(path: str, extenders: list[Extender]) -> Errors:
    managed: set[str] = set()
    for i, extender in enumerate(extenders):
        where = f"{path}[{i}]"
        if extender.prioritizeVerb and extender.weight <= 0:
            yield invalid(f"{where}.weight", extender.weight, "must have a positive weight applied to it")
        for j, resource in enumerate(extender.managedResources):
            at = f"{where}.managedResources[{j}].name"
            yield from _extended_resource(at, resource.name)
            if resource.name in managed:
                yield invalid(at, resource.name, "duplicate extender managed resource name")
            managed.add(resource.name)
    binders = sum(1 for extender in extenders if extender.bindVerb)
    if binders > 1:
        yield invalid(path, f"found {binders} extenders implementing bind", "only one extender can implement bind")


def _extended_resource(path: str, name: str) -> Errors:
    wrong = list(label_key_problems(path, name))
    yield from wrong
    is_extended = "/" in name and not name.startswith("requests.") and "kubernetes.io/" not in name
    if not wrong and not is_extended:
        yield invalid(path, name, "is an invalid extended resource name")
