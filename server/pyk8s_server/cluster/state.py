"""What is kept of a cluster on disk: its settings, its files, and whether it runs.

Always true: a cluster runs exactly while its process holds the lock on `lock`; the pid in there is for messages.
Always true: settings are written atomically, readable by their owner alone.
Not here: starting and stopping (see `process`), certificates.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pyk8s.cli.exits import CommandError, ExitCode

FORMAT = 1
NAME_MAX = 40
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(slots=True)
class Settings:
    """What `pyk8s up` was asked for; enough to start the same cluster again."""

    name: str
    port: int
    nodes: int
    data_dir: str
    durability: str = "buffered"
    owns_data: bool = True
    """False when the user named the data directory: `down` then leaves it."""
    is_port_asked: bool = False
    """True: the user named the port; else another may take its place when it is in use."""
    is_api_only: bool = False
    """True: no controllers, scheduler or nodes run."""
    scheduler: dict[str, Any] = field(default_factory=dict)
    """`SchedulerOptions`."""
    version: str = ""
    format: int = FORMAT


class ClusterState:
    """The state directory of one cluster: ``$XDG_STATE_HOME/pyk8s/clusters/NAME``."""

    def __init__(self, name: str) -> None:
        if len(name) > NAME_MAX or not NAME.fullmatch(name):
            raise CommandError(
                f"cluster name {name!r} must be at most {NAME_MAX} lower-case letters, digits and dashes",
                ExitCode.USAGE,
            )
        self.name = name
        self.path = clusters_root() / name

    @property
    def log_path(self) -> Path:
        return self.path / "log"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    @property
    def certificates_path(self) -> Path:
        return self.path / "certificates"

    @property
    def kubeconfig_path(self) -> Path:
        return self.path / "admin.kubeconfig"

    @property
    def token_path(self) -> Path:
        return self.path / "admin.token"

    @property
    def settings_path(self) -> Path:
        return self.path / "cluster.json"

    @property
    def exists(self) -> bool:
        return self.settings_path.exists()

    def load(self) -> Settings:
        """The settings of an existing cluster.

        Raises:
            CommandError: there is no such cluster, or another version of pyk8s wrote it.
        """
        try:
            found = json.loads(self.settings_path.read_text())
        except FileNotFoundError:
            raise CommandError(
                f"there is no cluster {self.name!r}; make one with: pyk8s up --name {self.name}", ExitCode.NOT_FOUND
            ) from None
        except (ValueError, OSError) as trouble:
            raise CommandError(f"{self.settings_path} cannot be read: {trouble}") from trouble
        return _settings(self.settings_path, found)

    def save(self, settings: Settings) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.settings_path, json.dumps(asdict(settings), indent=2) + "\n")

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def running_pid(self) -> int:
        """The pid of the cluster's process, 0 when it does not run."""
        try:
            with self.lock_path.open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return 0
        except BlockingIOError:
            return int(self.lock_path.read_text().strip() or 0)
        return 0

    def hold(self) -> int:
        """Take the lock for this process; returns the descriptor to keep open.

        Raises:
            CommandError: another process runs this cluster.
        """
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _take_lock(descriptor):
            os.close(descriptor)
            raise CommandError(f"cluster {self.name!r} is already running", ExitCode.CONFLICT)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return descriptor


LOCK_TRIES_MAX = 1000


def _take_lock(descriptor: int) -> bool:
    """Lock exclusively; several tries, since `running_pid` of another command holds the lock for microseconds."""
    for _ in range(LOCK_TRIES_MAX):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            os.sched_yield()
    return False


def clusters_root() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "pyk8s" / "clusters"


def all_clusters() -> list[ClusterState]:
    root = clusters_root()
    if not root.is_dir():
        return []
    return [ClusterState(path.name) for path in sorted(root.iterdir()) if (path / "cluster.json").exists()]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(temporary, path)


def _settings(path: Path, found: dict[str, Any]) -> Settings:
    if found.get("format") != FORMAT:
        raise CommandError(
            f"{path} was written in format {found.get('format')}, this pyk8s reads format {FORMAT}: "
            "use the pyk8s that made the cluster, or remove it with its pyk8s down"
        )
    known = {each.name for each in fields(Settings)}
    return Settings(**{key: value for key, value in found.items() if key in known})
