"""How a cluster's scheduler was asked for: `--scheduler-config`, `--feature-gates`, `--scheduler-plugin`.

Always true: a wrong configuration ends the command with exit code 2 before anything is made. The cluster keeps the
text, so that it starts again as it was when the file is gone.
Not here: what a configuration means (see `pyk8s.scheduler.configuration`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    plugins: Sequence[str] = ()
    """Modules and files that register plugins in Python."""

    @classmethod
    def read(cls, name_or_path: str, feature_gates: str, plugins: Sequence[str] = ()) -> SchedulerOptions:
        """The options with the file's text, checked. Raises CommandError."""
        from pyk8s.scheduler.configuration import ConfigurationError, load_configuration

        try:
            text = load_configuration(name_or_path).decode(errors="replace") if name_or_path else ""
        except ConfigurationError as trouble:
            raise CommandError(str(trouble), ExitCode.USAGE) from trouble
        places = [os.path.abspath(place) if place.endswith(".py") else place for place in plugins]
        options = cls(text, name_or_path, feature_gates, places)
        options.compiled()
        return options

    def compiled(self) -> Compiled | None:
        """For the scheduler; None for the defaults. Raises CommandError."""
        if not self.text and not self.feature_gates and not self.plugins:
            return None
        _load(self.plugins)
        from pyk8s.scheduler.configuration import ConfigurationError, compile_configuration, parse_feature_gates
        from pyk8s.scheduler.configuration.compile import EMPTY
        from pyk8s.scheduler.foreign import ForeignPlugins, known_points

        try:
            gates = parse_feature_gates(self.feature_gates)
            compiled = compile_configuration(
                self.text or EMPTY,
                feature_gates=gates,
                foreign=known_points(),
                calls_extenders=True,
                source=self.source,
            )
            # Made once to see whether they can be; the scheduler makes its own.
            ForeignPlugins(compiled)
            return compiled
        except ConfigurationError as trouble:
            raise CommandError(str(trouble), ExitCode.USAGE) from trouble
        except ValueError as trouble:
            raise CommandError(f"--feature-gates: {trouble}", ExitCode.USAGE) from trouble

    def warn(self, *, is_alone: bool) -> None:
        """Tell what the configuration asks for and nothing heeds. ``is_alone``: there is no one else to elect."""
        from pyk8s.cli.output import say

        compiled = self.compiled()
        if compiled is None:
            return
        warnings = list(compiled.warnings)
        if is_alone and compiled.leader_election.is_asked:
            warnings.append("leaderElection is not honoured: the scheduler of this cluster is the only one")
        for warning in warnings:
            say(f"warning: {self.source or '--feature-gates'}: {warning}")


def _load(places: Sequence[str]) -> None:
    """Import what registers plugins. Raises CommandError."""
    from pyk8s.scheduler.plugins import load

    for place in places:
        try:
            load(place)
        except Exception as trouble:
            text = f"--scheduler-plugin {place}: {type(trouble).__name__}: {trouble}"
            raise CommandError(text, ExitCode.USAGE) from trouble
