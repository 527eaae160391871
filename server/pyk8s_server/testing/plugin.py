"""The pytest plugin: a Kubernetes cluster per test, in this process, without Docker.

Always true: loading the plugin imports pytest alone; a run that uses no cluster pays for nothing else.
Always true: the user's kubeconfig is never touched, and nothing is left behind: no process, thread, port or file.
Not here: the cluster handle (see `handle`), the event loop thread (see `runtime`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyk8s_server.testing.handle import ClusterHandle
    from pyk8s_server.testing.runtime import Runtime

FAILED = pytest.StashKey[bool]()
KEPT = "pyk8s"
"""Name of the user property that carries the words on what was kept, from xdist's workers too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pyk8s", "clusters for tests (fixtures k8s, k8s_session, k8s_factory)")
    group.addoption(
        "--k8s-keep",
        action="store_true",
        help="save the state of each failed test's cluster to a snapshot that `pyk8s snapshot restore` reads",
    )
    group.addoption("--k8s-kubeconfig", metavar="FILE", help="test against this cluster instead of making one per test")
    group.addoption(
        "--k8s-artifacts", metavar="DIR", help="write the objects of each failed test's cluster as YAML below DIR"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        shared = getattr(item, "funcargs", {}).get("k8s_session")
        if shared is not None and report.when == "call":
            # It goes on living, with the tests to come: what this test left is there now only.
            _keep(item, shared)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    told = [
        (report.nodeid, text)
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, text in report.user_properties
        if name == KEPT
    ]
    if told:
        terminalreporter.section("clusters of failed tests")
    for test, text in told:
        terminalreporter.line(f"{test}: {text}")


@pytest.fixture(scope="session")
def _k8s_runtime() -> Iterator[Runtime]:
    from pyk8s_server.testing.runtime import Runtime

    runtime = Runtime()
    yield runtime
    runtime.close()


@pytest.fixture
def k8s(request: pytest.FixtureRequest) -> Iterator[ClusterHandle]:
    """A cluster of its own for this test, with one ready node, forked from a template in milliseconds."""
    made = _make(request)
    yield made
    _finish(request, made)


@pytest.fixture(scope="session")
def k8s_session(request: pytest.FixtureRequest) -> Iterator[ClusterHandle]:
    """One cluster for all tests of the session that ask for it (with xdist: of each worker)."""
    made = _make(request)
    yield made
    made.close()


@pytest.fixture
def k8s_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., ClusterHandle]]:
    """Makes clusters: ``k8s_factory(nodes=3)``; all are gone after the test."""
    made: list[ClusterHandle] = []

    def factory(*, nodes: int = 1) -> ClusterHandle:
        made.append(_make(request, nodes=nodes))
        return made[-1]

    yield factory
    for number, handle in enumerate(made, 1):
        _finish(request, handle, f"-{number}")


def _make(request: pytest.FixtureRequest, *, nodes: int = 1) -> ClusterHandle:
    runtime: Runtime = request.getfixturevalue("_k8s_runtime")
    existing = request.config.getoption("--k8s-kubeconfig")
    return runtime.connect(existing) if existing else runtime.cluster(nodes=nodes)


def _finish(request: pytest.FixtureRequest, handle: ClusterHandle, suffix: str = "") -> None:
    runtime: Runtime = request.getfixturevalue("_k8s_runtime")
    try:
        if request.node.stash.get(FAILED, False):
            _keep(request.node, handle, suffix)
    finally:
        runtime.forget(handle)


def _keep(item: pytest.Item, handle: ClusterHandle, suffix: str = "") -> None:
    """Save what the options ask for, and say where it is in the summary."""
    from pyk8s_server.testing.artifacts import save_objects, save_snapshot

    artifacts: str | None = item.config.getoption("--k8s-artifacts")
    if artifacts:
        item.user_properties.append((KEPT, f"objects in {save_objects(handle, artifacts, item.nodeid + suffix)}"))
    if item.config.getoption("--k8s-keep"):
        folder = artifacts or item.config.rootpath / "pyk8s-kept"
        item.user_properties.append((KEPT, save_snapshot(handle, folder, item.nodeid + suffix)))
