"""Between the engine and plugins in Python: makes them for a configuration, calls them, words what goes wrong.

Always true: whatever a plugin raises leaves here as `PluginError`, whose text begins with the plugin's name and the
exception and ends with the traceback.
Not here: what people write (see `plugins`), when the engine calls (see `pyk8s.core.scheduler_interface`).
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pyk8s.api.field import invalid
from pyk8s.core.scheduler_interface import ForeignPlugin, NodeTable
from pyk8s.scheduler.configuration.compile import Compiled, ConfigurationError
from pyk8s.scheduler.plugins import Nodes, name_of, points_of, registry

if TYPE_CHECKING:
    from pyk8s.scheduler.extenders import Extender

Json = dict[str, Any]
log = logging.getLogger(__name__)

SCORE_MAX = 100


class PluginError(Exception):
    """A plugin raised, or answered what no plugin may."""


def known_points() -> dict[str, tuple[str, ...]]:
    """The registered plugins with their points: what `compile_configuration` calls ``foreign``."""
    return {name: points_of(kind) for name, kind in registry.items()}


class ForeignPlugins:
    """The plugins in Python that one configuration names."""

    def __init__(self, compiled: Compiled) -> None:
        """Raises ConfigurationError: a plugin cannot be made, or would be made in two ways."""
        self.adapters = {name: Adapter(registry[name], args) for name, args in _arguments(compiled).items()}
        self._extenders = _extenders(compiled)
        self._profiles: dict[str, Json] = {
            profile["schedulerName"]: profile["plugins"]
            for profile in json.loads(compiled.config or b"{}").get("profiles", ())
        }

    @property
    def of_engine(self) -> dict[str, ForeignPlugin]:
        """What the engine is made with."""
        return {**self.adapters, **{extender.name: extender for extender in self._extenders}}

    @property
    def has_binding_cycle(self) -> bool:
        """True when some binding must pass through here: it may not be committed in the engine's own process alone."""
        points = ("permit", "preBind", "postBind")
        named = {name for plugins in self._profiles.values() for point in points for name in plugins.get(point, ())}
        return not named.isdisjoint(self.adapters) or any(extender.is_binder for extender in self._extenders)

    async def bind(self, pod: Json, node_name: str) -> bool:
        """Have an extender bind the pod; False when none is there for it. Raises ExtenderError."""
        for extender in self._extenders:
            if extender.is_binder and extender.is_interested(pod):
                await asyncio.to_thread(extender.bind, pod, node_name)
                return True
        return False

    def has_any(self, points: Sequence[str], pod: Json) -> bool:
        """True when the pod's profile has a plugin at one of the points."""
        return bool(self.adapters) and any(self._at(point, pod) for point in points)

    async def permit(self, pod: Json, node_name: str) -> str | None:
        """Why the pod may not be bound; None when it may. Raises PluginError."""
        for adapter in self._at("permit", pod):
            answer = await adapter.call("permit", pod, node_name)
            if answer is not None and answer is not True:
                reason = answer if isinstance(answer, str) else adapter.reason
                return f'pod was refused by plugin "{adapter.name}" at permit: {reason}'
        return None

    async def pre_bind(self, pod: Json, node_name: str) -> None:
        """Raises PluginError."""
        for adapter in self._at("preBind", pod):
            await adapter.call("pre_bind", pod, node_name)

    async def post_bind(self, pod: Json, node_name: str) -> None:
        """The pod is bound, so what a plugin raises is only logged."""
        for adapter in self._at("postBind", pod):
            try:
                await adapter.call("post_bind", pod, node_name)
            except PluginError as error:
                log.error("%s", error)

    def _at(self, point: str, pod: Json) -> list[Adapter]:
        plugins = self._profiles.get(pod["spec"].get("schedulerName") or "default-scheduler", {})
        return [self.adapters[name] for name in plugins.get(point, ()) if name in self.adapters]


def _extenders(compiled: Compiled) -> list[Extender]:
    if not compiled.extenders:
        return []
    from pyk8s.scheduler.extenders import Extender

    made = []
    for i, settings in enumerate(compiled.extenders):
        try:
            made.append(Extender(i, settings))
        except (ValueError, OSError) as error:
            raise ConfigurationError([invalid(f"extenders[{i}]", settings["urlPrefix"], str(error))]) from error
    return made


def _arguments(compiled: Compiled) -> dict[str, Json]:
    """The arguments of each foreign plugin: one instance serves all profiles."""
    found: dict[str, Json] = {}
    for i, profile in enumerate(json.loads(compiled.config or b"{}").get("profiles", ())):
        given = profile.get("pluginConfig", {})
        for name in compiled.foreign:
            if not _is_named(name, profile["plugins"]):
                continue
            args = given.get(name, {})
            if found.setdefault(name, args) != args:
                text = "a plugin in Python must have the same arguments in all profiles"
                raise ConfigurationError([invalid(f"profiles[{i}].pluginConfig", name, text)])
    return found


def _is_named(name: str, plugins: Mapping[str, Sequence[Any]]) -> bool:
    names = (plugin["name"] if isinstance(plugin, dict) else plugin for point in plugins.values() for plugin in point)
    return name in names


class Adapter:
    """One plugin, as the engine calls it: `pyk8s.core.scheduler_interface.ForeignPlugin`."""

    is_extender = False

    def __init__(self, kind: type, args: Json) -> None:
        self.name = name_of(kind)
        try:
            self._plugin = kind(args)
        except Exception as error:
            text = f"plugin cannot be made: {type(error).__name__}: {error}"
            raise ConfigurationError([invalid("pluginConfig", self.name, text)]) from error
        self.reason = getattr(kind, "reason", "") or f"node(s) didn't pass plugin {self.name}"
        self.is_vectorised = hasattr(kind, "filter_nodes")
        self.reads_pods = bool(getattr(kind, "reads_pods", False))
        self._parsed: tuple[bytes, Json] = (b"", {})

    def pre_filter(self, pod: bytes) -> str | list[str] | Literal[False] | None:
        found = self._ask(f'running PreFilter plugin "{self.name}"', "pre_filter", self._pod(pod))
        if found is None or found is False or isinstance(found, str):
            return found
        return None if found is True else [str(name) for name in found]

    def filter(self, pod: bytes, nodes: NodeTable) -> list[str | None]:
        what, view = f'running "{self.name}" filter plugin', Nodes(nodes)
        if not self.is_vectorised:
            return [self._reason(self._ask(what, "filter", self._pod(pod), node)) for node in view]
        mask = self._values(what, self._ask(what, "filter_nodes", self._pod(pod), view), len(view))
        return [None if is_fine else self.reason for is_fine in mask]

    def _reason(self, answer: Any) -> str | None:
        if answer is None or answer is True:
            return None
        return answer if isinstance(answer, str) and answer else self.reason

    def score(self, pod: bytes, nodes: NodeTable) -> tuple[list[int], list[int]]:
        what, view, parsed = f'running Score plugins: plugin "{self.name}" failed', Nodes(nodes), self._pod(pod)
        if hasattr(self._plugin, "score_nodes"):
            found = self._ask(what, "score_nodes", parsed, view)
        else:
            found = [self._ask(what, "score", parsed, node) for node in view]
        raw = self._whole(what, found, len(view))
        normalised = raw
        if hasattr(self._plugin, "normalize"):
            normalised = self._whole(what, self._ask(what, "normalize", parsed, list(raw)), len(view))
        self._check_range(normalised)
        return raw, normalised

    def _check_range(self, scores: list[int]) -> None:
        for score in (min(scores, default=0), max(scores, default=0)):
            if not 0 <= score <= SCORE_MAX:
                head = f'applying score defaultWeights on Score plugins: plugin "{self.name}" returns'
                tail = f"it should in the range of [0, {SCORE_MAX}] after normalizing"
                raise PluginError(f"{head} an invalid score {score}, {tail}")

    def reserve(self, pod: bytes, node_name: str) -> str | None:
        found = self._ask(f'running Reserve plugin "{self.name}"', "reserve", self._pod(pod), node_name)
        return None if found is None or found is True else str(found or self.reason)

    def unreserve(self, pod: bytes) -> None:
        if not hasattr(self._plugin, "unreserve"):
            return
        try:
            self._ask(f'running Unreserve plugin "{self.name}"', "unreserve", self._pod(pod))
        except PluginError as error:
            log.error("%s", error)

    async def call(self, method: str, pod: Json, node_name: str) -> Any:
        """A method that may be a coroutine. Raises PluginError."""
        what = f'running {method.title().replace("_", "")} plugin "{self.name}"'
        try:
            answer = getattr(self._plugin, method)(pod, node_name)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            raise PluginError(_told(what, error)) from error

    def _ask(self, what: str, method: str, *arguments: Any) -> Any:
        call: Callable[..., Any] = getattr(self._plugin, method)
        try:
            return call(*arguments)
        except Exception as error:
            raise PluginError(_told(what, error)) from error

    def _values(self, what: str, answer: Any, count: int) -> list[Any]:
        """One value for each node, out of a list, an array or a buffer."""
        try:
            values = answer.tolist() if hasattr(answer, "tolist") else list(answer)
        except Exception as error:
            raise PluginError(_told(what, error)) from error
        if len(values) != count:
            raise PluginError(f"{what}: {len(values)} values were returned for {count} nodes")
        return values

    def _whole(self, what: str, answer: Any, count: int) -> list[int]:
        try:
            return [int(value) for value in self._values(what, answer, count)]
        except (TypeError, ValueError, OverflowError) as error:
            raise PluginError(_told(what, error)) from error

    def _pod(self, text: bytes) -> Json:
        """The pod, parsed once for an attempt."""
        if text != self._parsed[0]:
            self._parsed = text, json.loads(text)
        return self._parsed[1]


def _told(what: str, error: Exception) -> str:
    """The exception first, since an event cuts long notes; then where it came from, our own frame left out."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    where = "".join(traceback.format_tb(frames)).rstrip()
    head = f"{what}: {type(error).__name__}: {error}"
    return f"{head}\nTraceback (most recent call last):\n{where}" if where else head
