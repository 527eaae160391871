"""The user's kubeconfig: merged under client-go's lock, never damaged."""

from pathlib import Path

import pytest
import yaml
from pyk8s.cli.exits import CommandError
from pyk8s_server.cluster import kubeconfig as kubeconfigs


def document(name: str, server: str = "https://127.0.0.1:6443") -> dict:
    return kubeconfigs.document(name, server, ca="CA", certificate="CERT", key="KEY")


def names(path: Path, section: str) -> list[str]:
    return [entry["name"] for entry in yaml.safe_load(path.read_text())[section]]


def test_a_missing_file_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config"

    kubeconfigs.merge(path, document("pyk8s-dev"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(path.read_text())["current-context"] == "pyk8s-dev"


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfigs.merge(path, document("other"))

    kubeconfigs.merge(path, document("pyk8s-dev"))
    kubeconfigs.remove(path, "pyk8s-dev")

    assert names(path, "contexts") == ["other"]
    assert yaml.safe_load(path.read_text())["current-context"] == ""


def test_an_entry_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfigs.merge(path, document("pyk8s-dev", "https://127.0.0.1:1"))

    kubeconfigs.merge(path, document("pyk8s-dev", "https://127.0.0.1:2"))

    clusters = yaml.safe_load(path.read_text())["clusters"]
    assert [c["cluster"]["server"] for c in clusters] == ["https://127.0.0.1:2"]


@pytest.mark.parametrize("text", ["clusters: [", "just words", "- a\n- list\n", "clusters: 7\n"])
def test_a_file_that_is_no_kubeconfig_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises(CommandError, match="nothing was changed"):
        kubeconfigs.merge(path, document("pyk8s-dev"))

    assert path.read_text() == text
    assert not path.with_name("config.lock").exists()


def test_a_locked_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.with_name("config.lock").touch()

    with pytest.raises(CommandError, match="locked by another command"):
        kubeconfigs.merge(path, document("pyk8s-dev"))

    assert not path.exists()


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "config"
    kubeconfigs.merge(real, document("other"))
    link.symlink_to(real)

    kubeconfigs.merge(link, document("pyk8s-dev"))

    assert link.is_symlink()
    assert names(real, "contexts") == ["other", "pyk8s-dev"]


def test_the_file_is_chosen_as_client_go_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert str(kubeconfigs.target()) == "/home/x/.kube/config"

    monkeypatch.setenv("KUBECONFIG", "/a:/b")
    assert str(kubeconfigs.target()) == "/a"
    assert str(kubeconfigs.target("/c")) == "/c"
