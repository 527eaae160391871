"""The engine under test: every contract test runs on each twin."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

TWINS = {"rust": "pyk8s._core", "reference": "pyk8s.reference"}


@pytest.fixture(params=list(TWINS))
def engine(request: pytest.FixtureRequest) -> Any:
    """One twin's module: `engine.Store`, `engine.Selection`, …"""
    return importlib.import_module(TWINS[request.param])
