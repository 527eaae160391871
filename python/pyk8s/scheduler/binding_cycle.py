"""The binding cycle of plugins in Python: permit and pre-bind before a binding is posted, post-bind after it.

Always true: a pod that waits for permission is assumed on its node and holds none of the binder's workers; at most
`WAITING_MAX` pods wait. Without such plugins nothing here runs.
Not here: posting (see `binder`), calling a plugin (see `foreign`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pyk8s.core.scheduler_interface import Decision
from pyk8s.scheduler.binder import Binder
from pyk8s.scheduler.foreign import ForeignPlugins, PluginError

Json = dict[str, Any]

WAITING_MAX = 10_000
"""A pod that waits costs a task, about 4 KB."""


class NotPermitted(Exception):
    """A plugin decided that the pod may not be bound now."""


class BindingCycle:
    """Leads decisions to the binder, past the plugins that have a say."""

    def __init__(
        self, plugins: ForeignPlugins, binder: Binder, *, on_failed: Callable[[Decision, Exception], None]
    ) -> None:
        self._plugins, self._binder, self._on_failed = plugins, binder, on_failed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, pod: Json, decision: Decision) -> None:
        """Bind the pod once its plugins agree; at once when it has none."""
        if not self._plugins.has_any(("permit", "preBind"), pod):
            self._binder.add(decision)
        elif len(self._tasks) >= WAITING_MAX:
            self._on_failed(decision, NotPermitted(f"{WAITING_MAX} pods wait for permission already"))
        else:
            self._start(self._prepare(pod, decision))

    def end(self, pod: Json, decision: Decision) -> None:
        """The pod is bound."""
        if self._plugins.has_any(("postBind",), pod):
            self._start(self._plugins.post_bind(pod, decision.node_name))

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, pod: Json, decision: Decision) -> None:
        try:
            reason = await self._plugins.permit(pod, decision.node_name)
            if reason is not None:
                raise NotPermitted(reason)
            await self._plugins.pre_bind(pod, decision.node_name)
        except (NotPermitted, PluginError) as error:
            self._on_failed(decision, error)
            return
        await self._binder.wait_for_room()
        self._binder.add(decision)

    async def run(self) -> None:
        """Live until cancelled, and end what is under way then."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
