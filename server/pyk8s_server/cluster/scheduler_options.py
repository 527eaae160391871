"""How a cluster's scheduler was asked for: `--scheduler-config`, `--feature-gates`.

Always true: a wrong configuration ends the command with exit code 2 before anything is made. The cluster keeps the
text, so that it starts again as it was when the file is gone.
Not here: what a configuration means (see `pyk8s.scheduler.configuration`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyk8s.cli.exits import CommandError, ExitCode

if TYPE_CHECKING:
    from pyk8s.scheduler.configuration import Compiled


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """All empty: kube-scheduler's defaults."""

    text: str = ""
    """A KubeSchedulerConfiguration."""
    source: str = ""
    """The file it came from, for messages."""
    feature_gates: str = ""

    @classmethod
    def read(cls, name_or_path: str, feature_gates: str) -> SchedulerOptions:
        """The options with the file's text, checked. Raises CommandError."""
        from pyk8s.scheduler.configuration import ConfigurationError, load_configuration

        try:
            text = load_configuration(name_or_path).decode(errors="replace") if name_or_path else ""
        except ConfigurationError as trouble:
            raise CommandError(str(trouble), ExitCode.USAGE) from trouble
        options = cls(text, name_or_path, feature_gates)
        options.compiled()
        return options

    def compiled(self) -> Compiled | None:
        """For the scheduler; None for the defaults. Raises CommandError."""
        if not self.text and not self.feature_gates:
            return None
        from pyk8s.scheduler.configuration import ConfigurationError, compile_configuration, parse_feature_gates
        from pyk8s.scheduler.configuration.compile import EMPTY

        try:
            gates = parse_feature_gates(self.feature_gates)
            return compile_configuration(self.text or EMPTY, feature_gates=gates, source=self.source)
        except ConfigurationError as trouble:
            raise CommandError(str(trouble), ExitCode.USAGE) from trouble
        except ValueError as trouble:
            raise CommandError(f"--feature-gates: {trouble}", ExitCode.USAGE) from trouble

    def warn(self) -> None:
        """Tell what the configuration asks for and nothing heeds."""
        from pyk8s.cli.output import say

        compiled = self.compiled()
        for warning in compiled.warnings if compiled else ():
            say(f"warning: {self.source or '--feature-gates'}: {warning}")
