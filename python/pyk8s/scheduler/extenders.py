"""Extenders: HTTP services that filter, rank and bind, as a configuration's ``extenders`` names them.

Always true: an extender is asked about a pod that asks for a resource which the extender manages, or about every pod
when it manages none by name; it filters the nodes that every plugin admits. An ignorable one that fails is passed over.
Not here: when the engine asks (see `pyk8s.core.scheduler_interface`), plugins in Python (see `foreign`).
Source: kubernetes.io, "Scheduler extender"; the JSON of k8s.io/kube-scheduler/extender/v1.
"""

from __future__ import annotations

import http.client
import logging
import ssl
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from pyk8s.core.scheduler_interface import NodeTable
from pyk8s.scheduler.configuration.compile import EXTENDER_NAME
from pyk8s.scheduler.configuration.models import seconds
from pyk8s.scheduler.foreign import PluginError

Json = dict[str, Any]
Refusal = str | tuple[str, str] | None
log = logging.getLogger(__name__)

SCORE_FACTOR = 10
"""Extenders score from 0 to 10, the scheduler from 0 to 100."""
ANSWER_BYTES_MAX = 256 << 20
"""An answer with 100,000 whole nodes is about 200 MB."""


class ExtenderError(PluginError):
    """An extender could not be asked, or said that it failed."""


class Extender:
    """One extender, as the engine calls it: `pyk8s.core.scheduler_interface.ForeignPlugin`."""

    is_vectorised = True
    is_extender = True
    reads_pods = False

    def __init__(self, number: int, settings: Json) -> None:
        """``settings``: an entry of ``extenders``. Raises ValueError or OSError: its URL or TLS cannot be used."""
        self.name = EXTENDER_NAME.format(number)
        self._settings = settings
        self._url = settings["urlPrefix"].rstrip("/")
        self._server = _Server(self._url, settings)
        self._managed = {resource["name"] for resource in settings["managedResources"]}

    @property
    def is_binder(self) -> bool:
        return bool(self._settings["bindVerb"])

    def pre_filter(self, pod: bytes) -> Literal[False] | None:
        return None if self.is_interested(orjson.loads(pod)) else False

    def is_interested(self, pod: Json) -> bool:
        if not self._managed:
            return True
        spec = pod.get("spec") or {}
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        return any(not self._managed.isdisjoint(_resources(container)) for container in containers)

    def filter(self, pod: bytes, nodes: NodeTable) -> list[Refusal]:
        names = nodes.names()
        try:
            answer = self._ask("filterVerb", pod, nodes, names)
            return _refusals(answer, names)
        except ExtenderError as error:
            if not self._settings["ignorable"]:
                raise
            log.warning("%s; it is passed over", error)
            return [None] * len(names)

    def score(self, pod: bytes, nodes: NodeTable) -> tuple[list[int], list[int]]:
        """Ranking is never worth an attempt: an extender that fails ranks all nodes alike."""
        names = nodes.names()
        try:
            answer = self._ask("prioritizeVerb", pod, nodes, names)
            found = {row["host"]: int(row["score"]) for row in answer}
        except (ExtenderError, TypeError, KeyError, ValueError) as error:
            log.warning("%s: no scores: %s", self.name, error)
            found = {}
        raw = [found.get(name, 0) for name in names]
        return raw, [SCORE_FACTOR * score for score in raw]

    def reserve(self, pod: bytes, node_name: str) -> None:
        return None

    def unreserve(self, pod: bytes) -> None:
        return None

    def bind(self, pod: Json, node_name: str) -> None:
        """Have the extender bind the pod; blocks. Raises ExtenderError."""
        metadata = pod["metadata"]
        body = {
            "podName": metadata["name"],
            "podNamespace": metadata["namespace"],
            "podUID": metadata["uid"],
            "node": node_name,
        }
        answer = self._server.post(self._path("bindVerb"), orjson.dumps(body))
        if isinstance(answer, dict) and answer.get("error"):
            raise ExtenderError(f"extender {self._url}: {answer['error']}")

    def _ask(self, verb: str, pod: bytes, nodes: NodeTable, names: Sequence[str]) -> Any:
        body = _arguments(pod, nodes, names, is_cached=self._settings["nodeCacheCapable"])
        answer = self._server.post(self._path(verb), body)
        if isinstance(answer, dict) and answer.get("error"):
            raise ExtenderError(f"extender {self._url}: {answer['error']}")
        return answer

    def _path(self, verb: str) -> str:
        return f"{urlsplit(self._url).path}/{self._settings[verb]}"


def _resources(container: Json) -> set[str]:
    resources = container.get("resources") or {}
    return {*(resources.get("requests") or ()), *(resources.get("limits") or ())}


def _arguments(pod: bytes, nodes: NodeTable, names: Sequence[str], *, is_cached: bool) -> bytes:
    """ExtenderArgs: the pod, and the nodes' names or the nodes themselves, spliced in as they were stored."""
    if is_cached:
        return b'{"pod":%b,"nodes":null,"nodenames":%b}' % (pod, orjson.dumps(names))
    items = b",".join(nodes.object(row) for row in range(len(names)))
    return b'{"pod":%b,"nodes":{"metadata":{},"items":[%b]},"nodenames":null}' % (pod, items)


def _refusals(answer: Any, names: Sequence[str]) -> list[Refusal]:
    """What an ExtenderFilterResult says about each node."""
    if not isinstance(answer, dict):
        raise ExtenderError("the extender's answer is no ExtenderFilterResult")
    admitted = set(_admitted(answer))
    failed = answer.get("failedNodes") or {}
    unresolvable = answer.get("failedAndUnresolvableNodes") or {}

    def refusal(name: str) -> Refusal:
        if name in unresolvable:
            return "UnschedulableAndUnresolvable", str(unresolvable[name])
        if name in failed:
            return str(failed[name])
        return None if name in admitted else "node(s) were left out by an extender"

    return [refusal(name) for name in names]


def _admitted(answer: Json) -> Iterable[str]:
    if answer.get("nodenames") is not None:
        return [str(name) for name in answer["nodenames"]]
    return [node["metadata"]["name"] for node in (answer.get("nodes") or {}).get("items") or ()]


class _Server:
    """The HTTP server of one extender; a connection for each question."""

    def __init__(self, url: str, settings: Json) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https URL")
        self._url, self._host, self._port = url, parts.hostname, parts.port
        self._timeout_s = seconds(settings["httpTimeout"]) or None
        is_secure = parts.scheme == "https" or settings["enableHTTPS"]
        self._context = _tls(settings["tlsConfig"] or {}) if is_secure else None

    def post(self, path: str, body: bytes) -> Any:
        """The JSON that the extender answers. Raises ExtenderError."""
        connection = self._open()
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise ExtenderError(f"extender {self._url}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ExtenderError(f"extender {self._url}: {path} answered with code {response.status}")
        if len(text) > ANSWER_BYTES_MAX:
            raise ExtenderError(f"extender {self._url}: the answer is longer than {ANSWER_BYTES_MAX} bytes")
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ExtenderError(f"extender {self._url}: the answer is no JSON") from error

    def _open(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._context)


def _tls(config: Json) -> ssl.SSLContext:
    data, file = _text(config.get("caData")), config.get("caFile") or None
    context = ssl.create_default_context(cafile=None if data else file, cadata=data or None)
    if config.get("insecure"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if config.get("certFile"):
        context.load_cert_chain(config["certFile"], config.get("keyFile") or None)
    return context


def _text(data: str | None) -> str:
    return b64decode(data).decode() if data else ""
