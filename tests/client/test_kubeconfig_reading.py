"""kubeconfig files: what is read, and the one line a bad one gives."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyk8s.client.kubeconfig import KubeconfigError, load, load_first


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "clusters": [
            {"name": "c", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": encoded("CA")}}
        ],
        "users": [
            {"name": "u", "user": {"client-certificate-data": encoded("CERT"), "client-key-data": encoded("KEY")}},
            {"name": "t", "user": {"token": "secret"}},
            {"name": "x", "user": {"exec": {"command": "login"}}},
        ],
        "contexts": [
            {"name": "dev", "context": {"cluster": "c", "user": "u"}},
            {"name": "token", "context": {"cluster": "c", "user": "t", "namespace": "team"}},
            {"name": "exec", "context": {"cluster": "c", "user": "x"}},
            {"name": "lost", "context": {"cluster": "none", "user": "u"}},
        ],
        **changes,
    }


def written(path: Path, document: Any) -> Path:
    file = path / "config"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return file


def test_the_current_context_gives_server_ca_and_certificate(tmp_path: Path) -> None:
    access = load(written(tmp_path, config()))

    assert access.server == "https://127.0.0.1:6443"
    assert (access.ca_data, access.client_cert_data, access.client_key_data) == (b"CA", b"CERT", b"KEY")
    assert (access.context, access.namespace, access.token) == ("dev", "default", "")


def test_a_named_context_gives_its_token_and_namespace(tmp_path: Path) -> None:
    access = load(written(tmp_path, config()), context="token")

    assert (access.token, access.namespace) == ("secret", "team")
    assert "secret" not in repr(access)


def test_files_named_in_it_are_found_beside_it(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("CA FILE")
    cluster = {"server": "https://h:1", "certificate-authority": "ca.crt"}

    access = load(written(tmp_path, config(clusters=[{"name": "c", "cluster": cluster}])))

    assert access.ca_data == b"CA FILE"


@pytest.mark.parametrize(
    ("document", "context", "words"),
    [
        ("{ not: [yaml", "", "cannot be parsed"),
        ("- a\n- b\n", "", "cannot be parsed: it holds no mapping"),
        ("\x00\x01", "", "cannot be parsed"),
        ({**config(), "current-context": ""}, "", "no current-context is set"),
        (config(), "nowhere", "context 'nowhere' does not exist"),
        (config(), "lost", "cluster 'none' does not exist"),
        (config(), "exec", "exec are not supported"),
        (config(contexts="dev"), "", "contexts is not a list"),
        (config(clusters=[{"name": "c", "cluster": {"server": 5}}]), "", "no http(s) server address"),
        (
            config(clusters=[{"name": "c", "cluster": {"server": "https://h", "certificate-authority-data": "%%"}}]),
            "",
            "certificate-authority-data is not base64",
        ),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path: Path, document: Any, context: str, words: str) -> None:
    file = written(tmp_path, document)

    with pytest.raises(KubeconfigError) as raised:
        load(file, context=context)

    message = str(raised.value)
    assert words in message
    assert str(file) in message
    assert "\n" not in message


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        load(tmp_path / "none")


def test_the_first_file_that_exists_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, config())

    assert load_first([tmp_path / "none", file]).context == "dev"
    with pytest.raises(KubeconfigError, match="no kubeconfig found"):
        load_first([tmp_path / "none"])
