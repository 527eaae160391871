"""What is wrong with a benchmark's files, each problem with the path of its field.

Always true: a problem names the file, the field in it, and what is allowed there.
"""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_MAX = 20


class InvalidBenchmark(Exception):
    """The configuration or a template cannot be used; ``problems`` are ``path: what is wrong``."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        self.file, self.problems = file, tuple(problems)
        super().__init__(self.text())

    def text(self) -> str:
        """A line per problem."""
        lines = [f"{self.file}: {problem}" for problem in self.problems[:SHOWN_MAX]]
        if len(self.problems) > SHOWN_MAX:
            lines.append(f"and {len(self.problems) - SHOWN_MAX} more")
        return "\n".join(lines)


class UnsupportedBenchmark(InvalidBenchmark):
    """The configuration is right, but asks for something that this scheduler bench cannot do."""


def path_text(parts: Sequence[int | str]) -> str:
    """``[0].workloadTemplate[2].countParam``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")
