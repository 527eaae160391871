"""The plugin from outside: what a run of pytest prints, keeps, imports and leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pyk8s_server.testing.handle import ClusterHandle

from tests.testing.conftest import Ran, Run
from tests.testing.manifests import config_map

ISOLATED = """
import pytest

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}

@pytest.mark.parametrize("number", range(4))
def test_each_finds_an_untouched_cluster(k8s, number):
    assert "c" not in [found["metadata"]["name"] for found in k8s.list("configmaps", "default")]
    k8s.apply(CONFIG_MAP)
    assert len(k8s.list("nodes")) == 1
"""

FAILING = """
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"word": "hush"}}

def config_map(name):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}

def test_own(k8s):
    k8s.apply(SECRET)
    k8s.apply(config_map("mine"))
    assert False

def test_factory(k8s_factory):
    for name in ("one", "two"):
        k8s_factory().apply(config_map(name))
    assert False

def test_shared(k8s_session):
    k8s_session.apply(config_map("shared"))
    assert False

def test_fine(k8s):
    pass
"""

LOADED = """
import sys

def test_nothing_heavy_is_loaded():
    heavy = {"fastapi", "uvicorn", "uvloop", "aiohttp", "cryptography", "yaml", "orjson", "pyk8s._core", "pyk8s.client"}
    assert heavy.isdisjoint(sys.modules), heavy & set(sys.modules)
    ours = {name for name in sys.modules if name.partition(".")[0] in ("pyk8s", "pyk8s_server")}
    assert ours == {"pyk8s_server", "pyk8s_server.testing", "pyk8s_server.testing.plugin"}
"""

LEFT = """
import os
import threading

def test_a_cluster_is_served(k8s):
    k8s.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [
        {"name": "c", "image": "i"}]}})
    k8s.wait_for("pod", "p", "Ready")
    assert os.path.exists(k8s.kubeconfig)

def left_behind():
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    opened = [os.readlink(link) for link in links if os.path.islink(link)]
    return threads, [name for name in opened if name.startswith(("socket:", "anon_inode:"))]

import atexit
atexit.register(lambda: print("\\nLEFT", *left_behind()))
"""


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def leaves_nothing(ran: Ran) -> None:
    assert files_below(ran.home) == []
    assert [name for name in os.listdir(ran.temporary) if not name.startswith("pytest-of-")] == []


def test_workers_of_xdist_have_clusters_of_their_own(run_pytest: Run) -> None:
    ran = run_pytest(ISOLATED, "-n", "2").expect(0)

    assert "4 passed" in ran.output
    leaves_nothing(ran)


def test_tests_do_not_see_each_other_and_leave_no_thread_socket_file_or_warning(run_pytest: Run) -> None:
    ran = run_pytest(ISOLATED + LEFT).expect(0)

    assert "5 passed" in ran.output
    assert "LEFT [] []" in ran.output
    assert "never awaited" not in ran.output
    assert "was destroyed" not in ran.output
    assert "Warning" not in ran.output
    leaves_nothing(ran)


def test_a_run_without_clusters_loads_nothing_but_the_plugin(run_pytest: Run) -> None:
    # The plugins of others load what they like: only ours is asked for.
    plugins = ("-p", "pyk8s_server.testing.plugin", "-p", "no:cacheprovider")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        ran = run_pytest(LOADED, *plugins, "-W", "ignore::pytest.PytestConfigWarning").expect(0)

    assert "1 passed" in ran.output


def test_failed_tests_leave_objects_and_snapshots_where_asked(run_pytest: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    ran = run_pytest(FAILING, "--k8s-artifacts", str(kept), "--k8s-keep", "-n", "2").expect(1)

    folders = {path.name for path in kept.iterdir() if path.is_dir()}
    tests = ("test_own", "test_factory-1", "test_factory-2", "test_shared")
    assert folders == {f"test_it.py_{name}" for name in tests}
    assert {path.stem for path in kept.glob("*.snapshot")} == folders
    config_maps = list(yaml.safe_load_all((kept / "test_it.py_test_own" / "configmaps.yaml").read_text()))
    assert "mine" in [found["metadata"]["name"] for found in config_maps]
    assert "hush" not in (kept / "test_it.py_test_own" / "secrets.yaml").read_text()
    assert "clusters of failed tests" in ran.output
    assert f"test_it.py::test_own: objects in {kept}/test_it.py_test_own" in ran.output
    assert f"test_it.py::test_own: look at it with: pyk8s snapshot restore {kept}" in ran.output
    assert "test_fine" not in ran.output
    leaves_nothing(ran)


def test_a_kept_cluster_starts_again(run_pytest: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run_pytest(FAILING, "--k8s-artifacts", str(kept), "--k8s-keep", "-k", "test_own").expect(1)
    own = {"XDG_STATE_HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "kubeconfig"), "HOME": str(tmp_path)}

    def call(*command: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, **own}, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pyk8s = (sys.executable, "-m", "pyk8s.cli.main")
    call(*pyk8s, "snapshot", "restore", str(kept / "test_it.py_test_own.snapshot"), "--name", "kept")
    try:
        call(*pyk8s, "start", "--name", "kept")
        found = json.loads(call("kubectl", "get", "configmap", "mine", "-o", "json"))
    finally:
        call(*pyk8s, "down", "--name", "kept")

    assert found["metadata"]["name"] == "mine"


def test_an_existing_cluster_can_be_tested_against(run_pytest: Run, k8s: ClusterHandle) -> None:
    k8s.apply(config_map("already-there", a="1"))
    source = """
def test_it(k8s):
    assert k8s.get("cm", "already-there")["data"] == {"a": "1"}
    k8s.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-outside"}})
"""

    run_pytest(source, "--k8s-kubeconfig", k8s.kubeconfig).expect(0)

    assert k8s.get("cm", "from-outside")


def test_a_failure_points_at_the_line_of_the_test(run_pytest: Run) -> None:
    source = """
def test_refused(k8s):
    k8s.get("configmap", "missing")

def test_in_vain(k8s):
    k8s.wait_for("configmap", "missing", "Ready", timeout_s=0.1)
"""

    ran = run_pytest(source, "--tb=short").expect(1)

    assert "test_it.py:3: in test_refused" in ran.output
    assert "test_it.py:6: in test_in_vain" in ran.output
    assert "handle.py" not in ran.output
    assert "runtime.py" not in ran.output
