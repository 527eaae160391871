"""A cluster's state directory: names, settings, the lock that says whether it runs."""

import json
import os
from pathlib import Path

import pytest
from pyk8s.cli.exits import CommandError, ExitCode
from pyk8s_server.cluster.state import ClusterState, Settings, all_clusters


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def settings(name: str) -> Settings:
    return Settings(name=name, port=6443, nodes=1, data_dir="/data")


@pytest.mark.parametrize("name", ["", "UP", "a/b", "..", "-a", "a" * 41, "a b", "a;rm"])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(CommandError) as caught:
        ClusterState(name)

    assert caught.value.code == ExitCode.USAGE


def test_settings_come_back_as_they_were_saved() -> None:
    state = ClusterState("dev")

    state.save(settings("dev"))

    assert state.load() == settings("dev")
    assert state.settings_path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in all_clusters()] == ["dev"]


def test_a_missing_cluster_is_not_found() -> None:
    with pytest.raises(CommandError, match="pyk8s up --name dev") as caught:
        ClusterState("dev").load()

    assert caught.value.code == ExitCode.NOT_FOUND


def test_a_state_directory_of_another_version_is_told_and_left() -> None:
    state = ClusterState("dev")
    state.save(settings("dev"))
    state.settings_path.write_text(json.dumps({"format": 99, "name": "dev"}))

    with pytest.raises(CommandError, match="written in format 99"):
        state.load()

    assert state.exists


def test_a_cluster_runs_while_its_lock_is_held() -> None:
    state = ClusterState("dev")
    state.save(settings("dev"))
    assert state.running_pid() == 0

    held = state.hold()
    assert state.running_pid() == os.getpid()
    with pytest.raises(CommandError, match="already running"):
        state.hold()

    os.close(held)
    assert state.running_pid() == 0


def test_a_stale_lock_file_means_nothing() -> None:
    state = ClusterState("dev")
    state.save(settings("dev"))
    state.lock_path.write_text("1\n")

    assert state.running_pid() == 0
    os.close(state.hold())
