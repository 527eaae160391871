"""How a run tells how far it is: a bar on a terminal, plain lines elsewhere.

Always true: it is told often and cheaply; it shows at most a few times a second.
Not here: results (see `results`).
"""

from __future__ import annotations

from typing import Any, Protocol, TextIO

from pyk8s.api.clock import Clock

SHOW_EVERY_S = 0.2
LINE_EVERY_S = 5.0


class Progress(Protocol):
    def start(self, title: str, total: int) -> None:
        """A new stage of ``total`` steps."""

    def update(self, done: int) -> None: ...
    def close(self) -> None: ...


class Silent:
    """Shows nothing."""

    def start(self, title: str, total: int) -> None: ...
    def update(self, done: int) -> None: ...
    def close(self) -> None: ...


class Lines:
    """A line per stage, and one every few seconds of a long one."""

    def __init__(self, file: TextIO, clock: Clock) -> None:
        self._file, self._clock = file, clock
        self._title, self._total, self._shown_s = "", 0, 0.0

    def start(self, title: str, total: int) -> None:
        self._title, self._total, self._shown_s = title, total, self._clock.monotonic_s()
        self._write(title)

    def update(self, done: int) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._shown_s >= LINE_EVERY_S:
            self._shown_s = now_s
            self._write(f"{self._title}: {done:,} of {self._total:,}")

    def close(self) -> None: ...

    def _write(self, text: str) -> None:
        self._file.write(text + "\n")
        self._file.flush()


class Bar:
    """A bar, drawn by rich."""

    def __init__(self, clock: Clock) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # It is refreshed from the run's own thread: a thread of its own would take turns with what is measured.
        self._bar = RichProgress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
        self._clock, self._shown_s = clock, 0.0
        self._task: Any = None
        self._bar.start()

    def start(self, title: str, total: int) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(title, total=max(total, 1))
        self._bar.refresh()

    def update(self, done: int) -> None:
        now_s = self._clock.monotonic_s()
        if self._task is not None and now_s - self._shown_s >= SHOW_EVERY_S:
            self._shown_s = now_s
            self._bar.update(self._task, completed=done)
            self._bar.refresh()

    def close(self) -> None:
        self._bar.stop()


def progress_for(file: TextIO, clock: Clock) -> Progress:
    """What suits the file: a terminal gets the bar."""
    return Bar(clock) if file.isatty() else Lines(file, clock)
