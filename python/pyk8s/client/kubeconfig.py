"""kubeconfig files: one context read into what a transport needs.

Always true: a file that cannot be used is one `KubeconfigError` of one line that names the file; nothing is written.
Not here: merging contexts into the user's file (see `pyk8s_server.cluster`), TLS (see `transport_http`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
# client-go reads a kubeconfig whole; ours with a few hundred clusters is well below this.
KUBECONFIG_BYTES_MAX = 16 << 20


class KubeconfigError(ValueError):
    """A kubeconfig that cannot be used; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """Where a cluster is and who we are there. PEM data as bytes, b"" for none."""

    server: str
    ca_data: bytes = b""
    client_cert_data: bytes = b""
    client_key_data: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    is_insecure: bool = False
    tls_server_name: str = ""
    namespace: str = "default"
    context: str = ""
    source: str = ""

    def error(self, what: str) -> KubeconfigError:
        """An error about this context, in one line."""
        return KubeconfigError(" ".join(f"kubeconfig {self.source}: context {self.context!r}: {what}".split()))


def load(path: str | Path, *, context: str = "") -> ClusterAccess:
    """Read one context of a file; "" is its current-context.

    Raises:
        KubeconfigError: the file is missing, no YAML, or lacks what the context needs.
    """
    source = Path(path).expanduser()
    return _Reader(source, _document(source)).access(context)


def load_first(paths: Iterable[str | Path], *, context: str = "") -> ClusterAccess:
    """Read the first of ``paths`` that exists, as for a ``KUBECONFIG`` of several. Raises KubeconfigError."""
    tried = [Path(path).expanduser() for path in paths]
    for path in tried:
        if path.exists():
            return load(path, context=context)
    raise KubeconfigError(f"no kubeconfig found; looked for {', '.join(map(str, tried)) or 'none'}")


def _document(source: Path) -> Json:
    try:
        with source.open("rb") as file:
            data = file.read(KUBECONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise KubeconfigError(f"kubeconfig {source}: {error.strerror or error}") from error
    if len(data) > KUBECONFIG_BYTES_MAX:
        raise KubeconfigError(f"kubeconfig {source}: larger than {KUBECONFIG_BYTES_MAX} bytes")
    try:
        document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise KubeconfigError(f"kubeconfig {source}: cannot be parsed: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise KubeconfigError(f"kubeconfig {source}: cannot be parsed: it holds no mapping")
    return document


class _Reader:
    """One parsed file."""

    def __init__(self, source: Path, document: Json) -> None:
        self._source, self._document = source, document

    def access(self, context: str) -> ClusterAccess:
        name = context or str(self._document.get("current-context") or "")
        if not name:
            raise self._error("no current-context is set and none was asked for")
        entry = self._named("contexts", "context", name)
        cluster = self._named("clusters", "cluster", str(entry.get("cluster") or ""))
        user = self._named("users", "user", str(entry["user"])) if entry.get("user") else {}
        self._refuse_unsupported(user)
        server = cluster.get("server")
        if not isinstance(server, str) or not server.startswith(("https://", "http://")):
            raise self._error(f"cluster {entry.get('cluster')!r} has no http(s) server address")
        return ClusterAccess(
            server=server,
            ca_data=self._material(cluster, "certificate-authority"),
            client_cert_data=self._material(user, "client-certificate"),
            client_key_data=self._material(user, "client-key"),
            token=self._token(user),
            is_insecure=bool(cluster.get("insecure-skip-tls-verify")),
            tls_server_name=str(cluster.get("tls-server-name") or ""),
            namespace=str(entry.get("namespace") or "default"),
            context=name,
            source=str(self._source),
        )

    def _named(self, section: str, key: str, name: str) -> Json:
        entries = self._document.get(section) or []
        if not isinstance(entries, list):
            raise self._error(f"{section} is not a list")
        for entry in entries:
            if isinstance(entry, dict) and entry.get("name") == name:
                body = entry.get(key) or {}
                if isinstance(body, dict):
                    return body
                raise self._error(f"{key} {name!r} is not a mapping")
        raise self._error(f"{key} {name!r} does not exist")

    def _refuse_unsupported(self, user: Json) -> None:
        for method in ("exec", "auth-provider", "username"):
            if user.get(method):
                raise self._error(f"users authenticated by {method} are not supported; use a certificate or a token")

    def _token(self, user: Json) -> str:
        if user.get("token"):
            return str(user["token"]).strip()
        if user.get("tokenFile"):
            return self._file(str(user["tokenFile"])).decode("utf-8", "replace").strip()
        return ""

    def _material(self, body: Json, name: str) -> bytes:
        """PEM from ``<name>-data`` (base64) or the file ``<name>``; the data wins, as in client-go."""
        if data := body.get(f"{name}-data"):
            try:
                return base64.b64decode(str(data), validate=True)
            except (binascii.Error, ValueError) as error:
                raise self._error(f"{name}-data is not base64: {error}") from error
        return self._file(str(body[name])) if body.get(name) else b""

    def _file(self, name: str) -> bytes:
        path = self._source.parent / Path(name).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            raise self._error(f"{path}: {error.strerror or error}") from error

    def _error(self, what: str) -> KubeconfigError:
        return KubeconfigError(" ".join(f"kubeconfig {self._source}: {what}".split()))
