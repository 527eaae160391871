"""The admission chain: every mutating plugin in order, later every validating one.

Always true: plugins run in the order given; the first refusal ends the request; a plugin sees what those before it did.
Not here: any plugin (see `plugins`), the write itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyk8s_server.apiserver.admission.base import Plugin
from pyk8s_server.apiserver.interfaces import AdmissionPlugin, Attributes


class Chain:
    """Runs plugins over the attributes of a write."""

    def __init__(self, plugins: Sequence[AdmissionPlugin] = ()) -> None:
        self.plugins = tuple(plugins)
        # Most plugins do one of the two, and a call of the other would cost every write.
        self._mutating = [plugin for plugin in plugins if getattr(type(plugin), "admit", None) is not Plugin.admit]
        self._validating = [
            plugin for plugin in plugins if getattr(type(plugin), "validate", None) is not Plugin.validate
        ]

    async def admit(self, attributes: Attributes) -> None:
        """Let plugins change ``attributes.obj``. Raises StatusError."""
        for plugin in self._mutating:
            await plugin.admit(attributes)

    async def validate(self, attributes: Attributes) -> None:
        """Let plugins refuse the final object. Raises StatusError."""
        for plugin in self._validating:
            await plugin.validate(attributes)
