"""The user's kubeconfig: merge a cluster's context into it and take it out again, by client-go's rules.

Always true: the file is changed under its `.lock`, replaced atomically with mode 0600, never when it does not parse.
Always true: what other tools wrote stays, in its order.
Not here: reading a kubeconfig to connect (see `pyk8s.client.kubeconfig`).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pyk8s.cli.exits import CommandError, ExitCode

from pyk8s_server.cluster.state import write_private

Json = dict[str, Any]
SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def context_name(cluster: str) -> str:
    return f"pyk8s-{cluster}"


def target(option: str | None = None) -> Path:
    """The file that client-go would write: ``--kubeconfig``, the first of ``KUBECONFIG``, ``~/.kube/config``."""
    if option:
        return Path(option)
    for part in os.environ.get("KUBECONFIG", "").split(os.pathsep):
        if part:
            return Path(part)
    return Path(os.path.expanduser("~")) / ".kube" / "config"


def document(name: str, server: str, *, ca: str, certificate: str, key: str) -> Json:
    """A kubeconfig with one context for an administrator's client certificate; PEM texts go in as base64."""
    user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"certificate-authority-data": _base64(ca), "server": server}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def dump(config: Json) -> str:
    return yaml.dump(config, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


def merge(path: Path, addition: Json) -> None:
    """Put the entries of ``addition`` into the file and make its context the current one.

    Raises:
        CommandError: the file is locked or is not a kubeconfig; it is left as it was.
    """

    def change(config: Json) -> None:
        for section in SECTIONS:
            new = {entry["name"]: entry for entry in addition[section]}
            kept = [entry for entry in config.get(section) or [] if entry.get("name") not in new]
            config[section] = [*kept, *new.values()]
        config["current-context"] = addition["current-context"]

    _edit(path, change, create=True)


def check(path: Path) -> None:
    """Raise what `merge` would raise for a file that cannot be used, before any work is done."""
    _read(path.resolve())


def remove(path: Path, name: str) -> None:
    """Take the context, cluster and user ``name`` out; a missing file or entry is fine."""

    def change(config: Json) -> None:
        for section in SECTIONS:
            config[section] = [entry for entry in config.get(section) or [] if entry.get("name") != name]
        if config.get("current-context") == name:
            config["current-context"] = ""

    if path.exists():
        _edit(path, change, create=False)


def _edit(path: Path, change: Callable[[Json], None], *, create: bool) -> None:
    if create:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    real = path.resolve()
    with _locked(real):
        config = _read(real)
        before = dump(config)
        change(config)
        if dump(config) != before or not real.exists():
            write_private(real, dump(config))


def _read(path: Path) -> Json:
    empty: Json = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    empty |= {section: [] for section in SECTIONS} | {"current-context": ""}
    try:
        text = path.read_text()
    except FileNotFoundError:
        return empty
    except (OSError, UnicodeDecodeError) as trouble:
        raise CommandError(f"kubeconfig {path} cannot be read: {trouble}") from trouble
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as trouble:
        mark = getattr(trouble, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "somewhere"
        raise CommandError(f"kubeconfig {path} is not valid YAML ({where}); nothing was changed") from trouble
    if found is None:
        return empty
    if not isinstance(found, dict) or not all(isinstance(found.get(s) or [], list) for s in SECTIONS):
        raise CommandError(f"kubeconfig {path} does not hold a kubeconfig; nothing was changed")
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """client-go's lock: a file beside, made exclusively. Theirs is never waited for, so neither is ours."""
    lock = path.with_name(path.name + ".lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise CommandError(
            f"kubeconfig {path} is locked by another command; if none runs, remove {lock}", ExitCode.CONFLICT
        ) from None
    except OSError as trouble:
        raise CommandError(f"kubeconfig {path} cannot be written: {trouble}") from trouble
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
