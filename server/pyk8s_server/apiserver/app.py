"""The API server as a FastAPI application: the API's own paths, and pages for people and dashboards beside them.

Always true: the API's paths are answered by the handler before FastAPI's middleware sees them.
Not here: the API (see `handler`); a cluster that has no pages runs the handler alone, since importing FastAPI takes a
third of a second.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pyk8s.api.clock import Clock
from pyk8s.api.identity import Identity
from pyk8s.core.interfaces import Store

from pyk8s_server.apiserver import asgi
from pyk8s_server.apiserver.handler import ResourceHandler


class ApiServer(ResourceHandler, FastAPI):
    """A Kubernetes API server over one store; takes what `ResourceHandler` takes."""

    def __init__(self, store: Store, *, clock: Clock, identity: Identity, **options: Any) -> None:
        FastAPI.__init__(self, title="pyk8s", docs_url=None, redoc_url=None, openapi_url=None)
        ResourceHandler.__init__(self, store, clock=clock, identity=identity, **options)
        self.human_prefixes: tuple[str, ...] = ()
        """Paths that are FastAPI's; their routes are added by who composes the server."""

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """ASGI: API paths go straight to `handle`; whatever FastAPI has a route for goes there."""
        if scope["type"] == "http" and self.serves_itself(scope["path"]):
            await ResourceHandler.__call__(self, scope, receive, send)
        else:
            await FastAPI.__call__(self, scope, receive, send)

    def serves_itself(self, path: str) -> bool:
        """Whether `handle` answers the path; else FastAPI has a route for it."""
        return not any(path == prefix or path.startswith(prefix + "/") for prefix in self.human_prefixes)
