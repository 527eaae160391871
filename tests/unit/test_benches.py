"""The benches can be run: each module named in the table imports and has the one function the table calls."""

import importlib

import pytest

BENCHES = ("store", "durability", "objects", "scheduler", "imports", "http", "watch", "cluster")


@pytest.fixture(autouse=True)
def beside_the_benches(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.syspath_prepend(str(request.config.rootpath / "benches"))


def test_the_table_runs_every_bench() -> None:
    assert importlib.import_module("run").MODULES == BENCHES


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_be_run(name: str) -> None:
    assert callable(importlib.import_module(f"bench_{name}").run)
