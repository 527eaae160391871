"""Compiling a configuration: from the text of a file to the JSON that the engine reads.

Always true: either everything is right and a `Compiled` comes out, or `ConfigurationError` names every wrong field.
Not here: the models (see `models`, `args`), the checks (see `rules`), the order of plugins (see `expansion`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pyk8s.api.field import FieldError, duplicate, invalid
from pyk8s.scheduler.configuration import gates as feature_gate

if TYPE_CHECKING:
    from pyk8s.scheduler.configuration.models import Extender, KubeSchedulerConfiguration, Profile

Json = dict[str, Any]

PROFILES = ("spread", "binpack", "binpack-ratio")
"""The ready-made configurations."""
PROFILES_PATH = Path(__file__).parent / "profiles"
FILE_SIZE_MAX = 1 << 20
"""A configuration has a few kilobytes; a megabyte is a mistake."""
EVERY_NODE = 100
EXTENDER_NAME = "Extender/{}"
"""As what the engine knows an extender."""
EMPTY = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
"""A file that asks for nothing but the defaults."""


class ConfigurationError(Exception):
    """A configuration that cannot be used; ``errors`` names each wrong field."""

    def __init__(self, errors: Sequence[FieldError], source: str = "") -> None:
        self.errors = list(errors)
        self.source = source
        lines = [error.text() for error in errors]
        super().__init__("\n".join(f"{source}: {line}" if source else line for line in lines))


@dataclass(frozen=True, slots=True)
class LeaderElection:
    """Whether and by which lease several schedulers choose one."""

    is_on: bool = False
    is_asked: bool = False
    """True: the file itself asks for it, not kube-scheduler's default."""
    name: str = "kube-scheduler"
    namespace: str = "kube-system"
    lease_duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A configuration that has passed every check."""

    config: bytes
    """JSON for the engine."""
    scheduler_names: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """What the file asks for and nothing here heeds, one sentence each."""
    extenders: tuple[Json, ...] = ()
    leader_election: LeaderElection = field(default_factory=LeaderElection)
    foreign: tuple[str, ...] = ()
    """The plugins that are not the engine's own: to be registered before it is made."""


def load_configuration(name_or_path: str) -> bytes:
    """The text of a ready-made configuration (`PROFILES`) or of a file.

    Raises:
        ConfigurationError: there is neither.
    """
    if name_or_path in PROFILES:
        return (PROFILES_PATH / f"{name_or_path}.yaml").read_bytes()
    try:
        with open(name_or_path, "rb") as file:
            text = file.read(FILE_SIZE_MAX + 1)
    except OSError as trouble:
        ready = ", ".join(PROFILES)
        text_ = f"cannot be read ({trouble.strerror}); ready-made configurations: {ready}"
        raise ConfigurationError([invalid("file", name_or_path, text_)]) from trouble
    if len(text) > FILE_SIZE_MAX:
        raise ConfigurationError([invalid("file", name_or_path, f"is longer than {FILE_SIZE_MAX} bytes")])
    return text


def compile_configuration(
    text_or_model: bytes | str | Mapping[str, Any] | KubeSchedulerConfiguration,
    *,
    feature_gates: Mapping[str, bool] | None = None,
    foreign: Mapping[str, Sequence[str]] | None = None,
    calls_extenders: bool = False,
    source: str = "",
) -> Compiled:
    """Check a KubeSchedulerConfiguration as kube-scheduler does, and expand it for the engine.

    Args:
        text_or_model: YAML or JSON, or what was read from it.
        foreign: the points of plugins that are not the engine's own, by name (see `pyk8s.scheduler.plugins`).
        calls_extenders: whoever asks can call extenders; else the file's are named in a warning and left out.
        source: the file's name, for messages.

    Raises:
        ConfigurationError: names the path of every wrong field and what is allowed there.
    """
    gates = dict(feature_gates or {})
    model = _model(text_or_model, source)
    compiler = _Compiler(model, gates, foreign or {}, calls_extenders=calls_extenders)
    compiled = compiler.compile()
    if compiler.errors:
        raise ConfigurationError(compiler.errors, source)
    return compiled


def _model(given: Any, source: str) -> KubeSchedulerConfiguration:
    from pydantic import ValidationError

    from pyk8s.scheduler.configuration.models import KubeSchedulerConfiguration

    if isinstance(given, KubeSchedulerConfiguration):
        return given
    document = _document(given, source) if isinstance(given, bytes | str) else given
    try:
        return KubeSchedulerConfiguration.model_validate(document)
    except ValidationError as trouble:
        raise ConfigurationError(field_errors(trouble, ""), source) from trouble


def _document(text: bytes | str, source: str) -> Any:
    from pyk8s.api.yaml import YamlError, documents

    body = text.encode() if isinstance(text, str) else text
    try:
        found = list(documents(body))
    except YamlError as trouble:
        raise ConfigurationError([invalid("document", _first_line(body), str(trouble))], source) from trouble
    if len(found) != 1:
        raise ConfigurationError([invalid("document", len(found), "must be one KubeSchedulerConfiguration")], source)
    if found[0].problems:
        raise ConfigurationError([invalid("document", "", problem) for problem in found[0].problems], source)
    return orjson.loads(found[0].value)


def _first_line(body: bytes) -> str:
    """The first line of a text, for messages."""
    return body[:80].decode(errors="replace").partition("\n")[0]


def field_errors(trouble: Any, base: str) -> list[FieldError]:
    """pydantic's errors as field errors; ``base`` is the path of the object that was read."""
    return [_field_error(detail, base) for detail in trouble.errors(include_url=False)]


def _field_error(detail: Json, base: str) -> FieldError:
    path = base
    for part in detail["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    if detail["type"] == "unknown_field":
        path += "." + detail["ctx"]["field"]
        return FieldError(path.lstrip("."), "Forbidden", "", detail["msg"])
    if detail["type"] == "missing":
        return FieldError(path.lstrip("."), "Required value", "", "")
    kind = "Invalid type" if detail["type"].endswith("_type") else "Invalid value"
    message = (detail["msg"][0].lower() + detail["msg"][1:]).replace("dictionary", "object")
    return FieldError(path.lstrip(".") or "document", kind, _plain(detail["input"]), message)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


class _Compiler:
    """One configuration on its way."""

    def __init__(
        self,
        model: KubeSchedulerConfiguration,
        gates: Mapping[str, bool],
        foreign: Mapping[str, Sequence[str]],
        *,
        calls_extenders: bool,
    ) -> None:
        from pyk8s.scheduler.configuration.models import Profile

        self._model, self._gates, self._foreign = model, gates, foreign
        self._profiles = model.profiles or [Profile()]
        self._extenders = model.extenders if calls_extenders else []
        self._used: set[str] = set()
        self.errors: list[FieldError] = []

    def compile(self) -> Compiled:
        from pyk8s.scheduler.configuration import rules, unheeded

        model = self._model
        self.errors += rules.problems(model)
        profiles = [self._profile(i, profile) for i, profile in enumerate(self._profiles)]
        config = {
            "profiles": profiles,
            "podInitialBackoffSeconds": model.podInitialBackoffSeconds,
            "podMaxBackoffSeconds": model.podMaxBackoffSeconds,
            "featureGates": dict(self._gates),
        }
        return Compiled(
            config=orjson.dumps(config),
            scheduler_names=tuple(profile["schedulerName"] for profile in profiles),
            warnings=(
                *unheeded.warnings(model, calls_extenders=bool(self._extenders)),
                *feature_gate.warnings(self._gates),
            ),
            extenders=tuple(extender.model_dump(mode="json") for extender in self._extenders),
            leader_election=_leader_election(model),
            foreign=tuple(name for name in self._foreign if name in self._used),
        )

    def _profile(self, index: int, profile: Profile) -> Json:
        from pyk8s.scheduler.configuration import rules
        from pyk8s.scheduler.configuration.expansion import Expansion

        path = f"profiles[{index}]"
        name = rules.scheduler_name(self._profiles, index)
        expansion = Expansion(f"{path}.plugins", gates=self._gates, foreign=self._foreign)
        expanded = expansion.expand(profile.plugins, name)
        self.errors += expansion.errors
        self._used |= expanded.names
        plugins: Json = dict(expanded.points)
        plugins["score"] = [{"name": name, "weight": expanded.weights[name]} for name in expanded.points["score"]]
        self._add_extenders(plugins)
        percentages = (profile.percentageOfNodesToScore, self._model.percentageOfNodesToScore, EVERY_NODE)
        return {
            "schedulerName": name,
            "percentageOfNodesToScore": next(value for value in percentages if value is not None),
            "plugins": plugins,
            "pluginConfig": self._arguments(f"{path}.pluginConfig", profile, expanded.names),
        }

    def _add_extenders(self, plugins: Json) -> None:
        """Extenders filter after all plugins, and add their scores to those of the plugins."""
        for i, extender in enumerate(self._extenders):
            if extender.filterVerb:
                plugins["filter"].append(EXTENDER_NAME.format(i))
            if extender.prioritizeVerb:
                plugins["score"].append({"name": EXTENDER_NAME.format(i), "weight": extender.weight})

    def _arguments(self, path: str, profile: Profile, names: set[str]) -> Json:
        """The arguments of the profile's plugins, with their defaults."""
        from pyk8s.scheduler.configuration.args import MODELS, arguments

        given: Json = {}
        for i, entry in enumerate(profile.pluginConfig):
            if entry.name in given:
                self.errors.append(duplicate(f"{path}[{i}]", entry.name))
            given[entry.name] = (
                self._checked(f"{path}[{i}].args", entry.name, entry.args) if entry.name in MODELS else entry.args
            )
        ignored = _ignored_resources(self._extenders)
        for name, model in MODELS.items():
            given[name] = arguments(name, given.get(name) or model())
        given["NodeResourcesFit"]["ignoredResources"] += ignored
        return {name: args for name, args in given.items() if name in names}

    def _checked(self, path: str, name: str, args: Json) -> Any:
        """The arguments as a model; None after an error."""
        from pydantic import ValidationError

        from pyk8s.scheduler.configuration.args import MODELS, kind_problems

        wrong = list(kind_problems(path, name, args))
        if not wrong:
            try:
                model = MODELS[name].model_validate(args)
            except ValidationError as trouble:
                wrong = field_errors(trouble, path)
            else:
                wrong = list(model.problems(path, self._gates))
                if not wrong:
                    return model
        self.errors += wrong
        return None


def _ignored_resources(extenders: Sequence[Extender]) -> list[str]:
    """What extenders look after, so that NodeResourcesFit shall not."""
    managed = (resource for extender in extenders for resource in extender.managedResources)
    return sorted({resource.name for resource in managed if resource.ignoredByScheduler})


def _leader_election(model: KubeSchedulerConfiguration) -> LeaderElection:
    from pyk8s.scheduler.configuration.models import seconds

    election = model.leaderElection
    return LeaderElection(
        election.leaderElect,
        election.leaderElect and bool(election.model_fields_set),
        election.resourceName,
        election.resourceNamespace,
        seconds(election.leaseDuration),
        seconds(election.renewDeadline),
        seconds(election.retryPeriod),
    )
