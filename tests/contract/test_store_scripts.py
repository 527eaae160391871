"""The scripts of the store on the extension and on the pure-Python twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from store_script import ROOT, Script


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.txt")), ids=lambda path: path.stem)
def test_script_goes_as_written(engine: Any, path: Path) -> None:
    Script(engine).run(path)


def test_there_are_scripts_to_run() -> None:
    assert len(list(ROOT.glob("*.txt"))) >= 45
