"""KubeSchedulerConfiguration: files of kubescheduler.config.k8s.io/v1, read unmodified and compiled for the engine.

Always true: what compiles has passed kube-scheduler's own checks; a field that is read but not honoured is in
`Compiled.warnings`. pydantic is imported when the first file is compiled, not before.
Not here: what a plugin does with its arguments (the engine), plugins in Python (see `pyk8s.scheduler.plugins`).
"""

from pyk8s.scheduler.configuration.compile import (
    Compiled,
    ConfigurationError,
    LeaderElection,
    compile_configuration,
    load_configuration,
)
from pyk8s.scheduler.configuration.gates import parse_feature_gates

__all__ = [
    "Compiled",
    "ConfigurationError",
    "LeaderElection",
    "compile_configuration",
    "load_configuration",
    "parse_feature_gates",
]
