"""Commands of other distributions are found by their entry points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyk8s.cli import extensions


def install(folder: Path, name: str, text: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.path", [str(tmp_path), str(tmp_path / "missing")])
    return tmp_path


def test_a_registered_function_is_called_with_the_app(site: Path) -> None:
    (site / "a_plugin.py").write_text("def register(app):\n    app.append('registered')\n")
    install(
        site,
        "a_plugin",
        "[console_scripts]\nx = y:z\n\n[pyk8s.commands]\nmine = a_plugin:register\n\n[other]\na = b:c\n",
    )
    app: list[Any] = []

    for register in extensions.registrations():
        register(app)

    assert app == ["registered"]


def test_distributions_without_the_group_are_passed_over(site: Path) -> None:
    install(site, "plain", "[console_scripts]\npyk8s.commands = y:z\n")

    assert list(extensions.registrations()) == []


def test_the_first_distribution_of_a_name_wins(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = site / "second"
    second.mkdir()
    monkeypatch.setattr("sys.path", [str(site), str(second)])
    install(site, "one", "[pyk8s.commands]\nsame = os:getcwd\n")
    install(second, "two", "[pyk8s.commands]\nsame = os:getpid\n")

    assert [function.__name__ for function in extensions.registrations()] == ["getcwd"]


def test_a_command_that_cannot_be_loaded_says_so(site: Path) -> None:
    install(site, "broken", "[pyk8s.commands]\nx = no_such_module:register\n")

    with pytest.raises(ImportError):
        list(extensions.registrations())
