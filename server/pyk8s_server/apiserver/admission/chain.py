"""The admission chain: every mutating plugin in order, later every validating one.

Always true: plugins run in the order given; the first refusal ends the request; a plugin sees what those before it did.
Not here: any plugin (see `plugins`), the write itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyk8s_server.apiserver.admission.base import Plugin
from pyk8s_server.apiserver.interfaces import AdmissionPlugin, Attributes

_Selected = tuple[AdmissionPlugin, ...]


class Chain:
    """Runs plugins over the attributes of a write."""

    def __init__(self, plugins: Sequence[AdmissionPlugin] = ()) -> None:
        self.plugins = tuple(plugins)
        self._selected: dict[str, tuple[_Selected, _Selected]] = {}
        """Of each resource: the plugins that change its objects, and those that refuse some."""

    async def admit(self, attributes: Attributes) -> None:
        """Let plugins change ``attributes.obj``. Raises StatusError."""
        for plugin in self._of(attributes.resource.qualified)[0]:
            await plugin.admit(attributes)

    async def validate(self, attributes: Attributes) -> None:
        """Let plugins refuse the final object. Raises StatusError."""
        for plugin in self._of(attributes.resource.qualified)[1]:
            await plugin.validate(attributes)

    def _of(self, resource: str) -> tuple[_Selected, _Selected]:
        found = self._selected.get(resource)
        if found is None:
            # A plugin is for a few resources and does one of the two: asking the others would cost every write.
            plugins = [plugin for plugin in self.plugins if resource in (_resources(plugin) or (resource,))]
            found = (_overriding(plugins, "admit"), _overriding(plugins, "validate"))
            self._selected[resource] = found
        return found


def _resources(plugin: AdmissionPlugin) -> frozenset[str]:
    return getattr(plugin, "resources", frozenset())


def _overriding(plugins: list[AdmissionPlugin], method: str) -> _Selected:
    return tuple(one for one in plugins if getattr(type(one), method, None) is not getattr(Plugin, method))
