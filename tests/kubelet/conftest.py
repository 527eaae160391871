"""What tests of nodes share: the cluster in process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster_in_process import InProcess


@pytest.fixture
async def cluster() -> AsyncIterator[InProcess]:
    async with InProcess() as made:
        yield made
