"""What every test has in common: generated cases are judged by what they show, not by how fast this machine is.

Always true: pytest's timeout bounds each test; Hypothesis adds no clock of its own.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")
