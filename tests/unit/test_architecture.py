"""The rules of the tree that import-linter cannot see: who opens the extension, who reads the clock."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "python").rglob("*.py"), *(ROOT / "server").rglob("*.py")])
TIME_AND_CHANCE = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "sleep", "perf_counter"},
    "random": {"random", "choice", "choices", "randint", "shuffle", "Random", "SystemRandom", "getrandbits"},
    "uuid": {"uuid1", "uuid4"},
    "datetime": {"now", "utcnow", "today"},
}
CLOCK_MODULES = {"python/pyk8s/api/clock.py", "python/pyk8s/api/identity.py"}


def names_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=names_of)
def test_only_the_core_package_names_the_extension(path: Path) -> None:
    if "pyk8s/core/" in names_of(path):
        return

    imports = re.findall(r"^\s*(?:from|import) +pyk8s\._core|from pyk8s import _core", path.read_text(), re.M)

    assert imports == []


@pytest.mark.parametrize("path", SOURCES, ids=names_of)
def test_time_and_chance_are_passed_in(path: Path) -> None:
    if names_of(path) in CLOCK_MODULES:
        return

    taken = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in TIME_AND_CHANCE.get(node.value.id, ()):
                taken.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module in TIME_AND_CHANCE:
            wrong = {alias.name for alias in node.names} & TIME_AND_CHANCE[node.module]
            taken += [f"line {node.lineno}: from {node.module} import {name}" for name in sorted(wrong)]

    assert taken == []


@pytest.mark.parametrize("path", sorted((ROOT / "rust").rglob("src/**/*.rs")), ids=names_of)
def test_the_engine_reads_no_clock(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"SystemTime::now|Instant::now|thread_rng|rand::random", text) == []


def test_the_core_crate_knows_no_python() -> None:
    manifest = (ROOT / "rust/core/Cargo.toml").read_text()

    assert "pyo3" not in manifest


def test_both_distributions_have_one_version() -> None:
    cargo = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)
    server = (ROOT / "server/pyproject.toml").read_text()
    package = (ROOT / "python/pyk8s/__init__.py").read_text()

    assert cargo is not None
    version = cargo.group(1)
    assert f'version = "{version}"' in server
    assert f'"pyk8s=={version}"' in server
    assert f'__version__ = "{version}"' in package
