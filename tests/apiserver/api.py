"""A small client of an API server in process, for tests of its endpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from pyk8s.api.http import Request, Response, UserInfo
from pyk8s_server.apiserver.app import ApiServer

ADMIN = UserInfo("admin", ("system:masters", "system:authenticated"))
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = "application/merge-patch+json"


@dataclass
class Answer:
    """An answer with its body read as JSON."""

    status: int
    headers: list[tuple[str, str]]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def message(self) -> str:
        return self.body["message"]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Api:
    """Calls ``server`` as an administrator, or as nobody with ``user`` None."""

    server: ApiServer
    user: UserInfo | None = ADMIN
    agent: str = "tests/1.0"
    streams: list[Any] = field(default_factory=list)

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        path, _, text = path.partition("?")
        query = parse_qsl(text, keep_blank_values=True)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {"user-agent": self.agent, **{name.replace("_", "-"): value for name, value in headers.items()}}
        response = await self.server.handle(Request(method, path, query, named, raw, user=self.user))
        if response.stream is not None:
            self.streams.append(response.stream)
        return response

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        response = await self.send(method, path, body, **headers)
        assert response.stream is None, "a watch is opened with `watch`"
        return Answer(response.status, response.headers, response.body)

    async def create(self, path: str, body: Any) -> Any:
        """A created object; the test fails when it is refused."""
        answer = await self("POST", path, body)
        assert answer.status == 201, answer.raw
        return answer.body

    async def watch(self, path: str, **headers: str) -> Any:
        """The events of a watch, one dict each."""
        response = await self.send("GET", path, **headers)
        assert response.stream is not None, response.body
        return events(response.stream)


async def events(stream: Any) -> Any:
    """Events of a stream until its end."""
    async for chunk in stream:
        for line in chunk.splitlines():
            yield json.loads(line)


def config_map(name: str, data: dict[str, str] | None = None, **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **meta}, "data": data or {"k": "v"}}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}], **spec}}


def deployment(name: str, replicas: int = 1) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}
