"""Exit codes, and the error that carries one: what scripts may rely on.

Always true: every command ends with one of these codes.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    TIMEOUT = 5
    MISSING_PREREQUISITE = 6
    UNSUPPORTED = 7
    ASSERTION_FAILED = 10
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what was asked; the message is one line that says what to do next."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.code = code
