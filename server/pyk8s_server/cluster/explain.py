"""The route of explanations: GET /explain/namespaces/NAMESPACE/pods/NAME, answered from the store and the attempts.

Query: ``attempt`` (a number, ``last``, ``all``), ``rows`` (nodes to tell of; 0: all).
Always true: who may not talk to the API gets no explanation; the work is done in a thread, one question at a time.
Not here: how an attempt is made again (see `pyk8s.scheduler.explain`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pyk8s.api.http import Request, Response
from pyk8s.api.resources import Resource, resources
from pyk8s.api.status import StatusError

from pyk8s_server.apiserver.storage.keys import key_of, prefix_of

if TYPE_CHECKING:
    from pyk8s.core.interfaces import Store
    from pyk8s.scheduler.attempts import Attempts
    from pyk8s.scheduler.configuration import Compiled
    from pyk8s.scheduler.explain import Explainer, Question

BEGINNING = "/explain/"
PATH = re.compile("/explain/namespaces/([^/]+)/pods/([^/]+)")
PAGE_SIZE = 5_000
"""Objects read at a time: a page of large pods is some 10 MB."""


class StoreHistory:
    """The store's past, as `pyk8s.scheduler.explain` asks for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds = {resource.kind: resource for resource in resources()}

    def revision(self) -> int:
        return self._store.revision

    def oldest(self) -> int:
        return self._store.compact_revision + 1

    def objects(self, kind: str, revision: int) -> Iterator[tuple[str, bytes]]:
        resource = self._kinds.get(kind)
        if resource is None:
            return
        prefix, last = prefix_of(resource), ""
        while True:
            page = self._store.range(prefix, start_after=last, limit=PAGE_SIZE, revision=revision)
            for item in page.items:
                yield item.key.removeprefix(prefix), item.value
            if not page.more:
                return
            last = page.items[-1].key

    def pod(self, namespace: str, name: str, revision: int) -> bytes | None:
        found = self._store.get(self._pod_key(namespace, name), revision)
        return None if found is None else found.value

    def bound_revision(self, namespace: str, name: str) -> int | None:
        key = self._pod_key(namespace, name)
        now = self._store.get(key)
        if now is None:
            return None
        # A pod keeps its node once it has one, so the first revision with a node is found by halving.
        first, last = max(now.create_revision, self._store.compact_revision + 1), now.mod_revision
        if self._is_bound(key, first):
            return None
        while first + 1 < last:
            middle = (first + last) // 2
            first, last = (first, middle) if self._is_bound(key, middle) else (middle, last)
        return last

    def _is_bound(self, key: str, revision: int) -> bool:
        import orjson

        found = self._store.get(key, revision)
        return found is not None and bool(orjson.loads(found.value)["spec"].get("nodeName"))

    def _pod_key(self, namespace: str, name: str) -> str:
        return key_of(self._pods, name, namespace)

    @property
    def _pods(self) -> Resource:
        return self._kinds["Pod"]


class ExplainRoute:
    """Answers the route; of the scheduler it knows what `attach` gave it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts: Attempts | None = None
        self._configuration: Compiled | None = None
        self._lock = asyncio.Lock()

    def attach(self, attempts: Attempts, configuration: Compiled | None) -> None:
        """The scheduler that runs beside this API server."""
        self._attempts, self._configuration = attempts, configuration

    async def __call__(self, request: Request) -> Response:
        import orjson
        from pyk8s.scheduler.explain import AttemptNotFound, PodNotFound

        question = _question(request)
        async with self._lock:
            try:
                answer = await asyncio.to_thread(self._explainer().explain, question)
            except (PodNotFound, AttemptNotFound) as error:
                raise StatusError(404, "NotFound", str(error)) from error
        return Response(200, [("content-type", "application/json")], orjson.dumps(answer))

    def _explainer(self) -> Explainer:
        from pyk8s.scheduler.attempts import Attempts
        from pyk8s.scheduler.explain import Explainer

        return Explainer(StoreHistory(self._store), self._attempts or Attempts(), self._configuration)


def _question(request: Request) -> Question:
    from pyk8s.scheduler.explain import Question

    if request.method != "GET":
        raise StatusError(405, "MethodNotAllowed", "an explanation is asked for with GET")
    found = PATH.fullmatch(request.path)
    if found is None:
        raise StatusError(404, "NotFound", "explanations are at /explain/namespaces/NAMESPACE/pods/NAME")
    params = dict(request.query)
    return Question(found[1], found[2], _attempt(params.get("attempt", "last")), _rows(params.get("rows", "0")))


def _attempt(text: str) -> int | Literal["last", "all"]:
    if text == "last":
        return "last"
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise StatusError(400, "BadRequest", f"attempt is {text!r}; it may be a number, last or all")
    return int(text)


def _rows(text: str) -> int:
    if not text.isdecimal():
        raise StatusError(400, "BadRequest", f"rows is {text!r}; it must be a number, 0 for all")
    return int(text)
