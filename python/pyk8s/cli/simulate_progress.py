"""How a simulation tells how far it is: a bar on a terminal, a line per scheduler elsewhere.

Always true: everything goes to stderr.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pyk8s.api.clock import SystemClock
from pyk8s.cli.output import say
from pyk8s.simulate.duration import duration_text


class Progress:
    """One bar per scheduler."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._clock = SystemClock()
        self._begun: tuple[str, float] | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[at]}"),
                TimeElapsedColumn(),
            )
            self._bars = Bars(*columns, console=Console(stderr=True))
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(is_through=error is None)
        if self._bars is not None:
            self._bars.stop()

    def of(self, scheduler: str) -> Callable[[float, float], None]:
        """What a run calls with the present and the end, in seconds of its own time."""
        self._end(is_through=True)
        self._begun = (scheduler, self._clock.monotonic_s())
        if self._bars is None:
            return lambda now_s, end_s: None
        task = self._bars.add_task(scheduler, total=None, at="")

        def tell(now_s: float, end_s: float) -> None:
            is_open = math.isinf(end_s)
            total = None if is_open else end_s
            self._bars.update(task, completed=now_s, total=total, at=duration_text(now_s))

        return tell

    def _end(self, *, is_through: bool) -> None:
        if self._begun is not None and is_through:
            name, since_s = self._begun
            if self._bars is None:
                say(f"{name}: simulated in {self._clock.monotonic_s() - since_s:.1f} s")
            else:
                task = self._bars.tasks[-1]
                self._bars.update(task.id, completed=task.total or 1, total=task.total or 1)
        self._begun = None
