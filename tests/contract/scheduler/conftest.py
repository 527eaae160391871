"""Both twins of the scheduler's engine under one name."""

from __future__ import annotations

from typing import cast

import pytest
from pyk8s import _core, reference
from pyk8s.core.scheduler_interface import SchedulerEngine

TWINS = {"rust": lambda: _core.SchedulerEngine, "reference": lambda: reference.SchedulerEngine}


@pytest.fixture(params=list(TWINS))
def scheduler_engine(request: pytest.FixtureRequest) -> type[SchedulerEngine]:
    """The class under test."""
    return cast("type[SchedulerEngine]", TWINS[request.param]())
