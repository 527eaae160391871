"""LIST: a page of a collection, at the newest revision or at one asked for.

Always true: all pages of one list show one revision, unless the client went on with an inconsistent token; the stored
bytes are joined, not decoded, when the client wants plain JSON.
Source: kubernetes.io, "Kubernetes API Concepts", sections on resource versions and chunking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pyk8s.api.http import Response
from pyk8s.api.status import StatusError, bad_request
from pyk8s.core.interfaces import EncodedList, Selection
from pyk8s.errors import Compacted

from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.freshness import reach
from pyk8s_server.apiserver.endpoints.list_options import EXACT, ListOptions, list_options
from pyk8s_server.apiserver.endpoints.negotiation import not_acceptable
from pyk8s_server.apiserver.endpoints.responses import encoded
from pyk8s_server.apiserver.endpoints.selectors import selection_of
from pyk8s_server.apiserver.endpoints.status import EXPIRED
from pyk8s_server.apiserver.endpoints.table import metadata_of, table
from pyk8s_server.apiserver.storage import continue_token

Json = dict[str, Any]

TOKEN_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(slots=True)
class Page:
    """What to read: a part of a range at a revision (0: the newest)."""

    prefix: str
    selection: Selection | None
    limit: int = 0
    start_after: str = ""
    revision: int = 0


async def list_objects(backend: Backend, call: Call) -> Response:
    """Answer with a page of the collection. Raises StatusError 400, 406, 410, 422, 504."""
    options = list_options(call)
    page = Page(call.scope.range(call.info.namespace), selection_of(call))
    if options.limit > 0 and options.resource_version != "0":
        page.limit = options.limit
    await _place(backend, options, page)
    try:
        if call.form.kind or call.scope.convert is not None:
            return encoded(call, _transformed(backend, call, page))
        return encoded(call, _joined(backend, call, page))
    except Compacted as error:
        raise _expired(options, page) from error


async def _place(backend: Backend, options: ListOptions, page: Page) -> None:
    """Set the revision and the start of the page."""
    version = options.resource_version
    if options.token:
        if version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        page.start_after, revision = continue_token.decode(options.token, page.prefix)
        page.revision = max(revision, 0)
        return
    if version in ("", "0"):
        return
    revision = await reach(backend, version)
    if options.match == EXACT or (page.limit and not options.match):
        page.revision = revision


def _joined(backend: Backend, call: Call, page: Page) -> bytes:
    found = backend.storage.engine.list_encoded(
        page.prefix,
        start_after=page.start_after,
        limit=page.limit,
        revision=page.revision,
        selection=page.selection,
    )
    head = f'{call.scope.list_head}{found.revision}"'
    if found.more or (0 < page.limit <= found.item_count and _has_more_keys(backend, page, found)):
        head += f',"continue":"{continue_token.encode(found.last_key, page.prefix, found.revision)}"'
        if page.selection is None:
            head += f',"remainingItemCount":{found.remaining_count}'
    return b"".join((head.encode(), b'},"items":[', found.body, b"]}"))


def _has_more_keys(backend: Backend, page: Page, found: EncodedList) -> bool:
    """Whether keys come after a full page, selected or not: as in kube-apiserver, they make a next page."""
    if page.selection is None:
        return False
    rest = backend.storage.engine.range(page.prefix, start_after=found.last_key, limit=1, revision=found.revision)
    return bool(rest.items)


def _transformed(backend: Backend, call: Call, page: Page) -> bytes:
    """The page as a Table, as metadata only, or of converted objects."""
    form, scope = call.form, call.scope
    if form.kind == "PartialObjectMetadata":
        kind = f"*{scope.resource.kind}List"
        raise not_acceptable(f"you requested PartialObjectMetadata, but the requested object is a list ({kind})")
    found = backend.storage.engine.range(
        page.prefix,
        start_after=page.start_after,
        limit=page.limit,
        revision=page.revision,
        selection=page.selection,
    )
    meta: Json = {"resourceVersion": str(found.revision)}
    if found.more:
        last_key = found.items[-1].key
        meta["continue"] = continue_token.encode(last_key, page.prefix, found.revision)
        if page.selection is None:
            meta["remainingItemCount"] = found.count - _position(found.count, len(found.items), page, backend)
    objects = [orjson.loads(kv.value) for kv in found.items]
    if scope.convert is not None:
        objects = [scope.convert.from_stored(obj) for obj in objects]
    if form.kind == "Table":
        return orjson.dumps(table(call, objects, meta, now_s=call.now_s))
    if form.kind:
        items = [metadata_of(form, obj) for obj in objects]
        body = {"kind": form.kind, "apiVersion": form.api_version, "metadata": meta, "items": items or None}
        return orjson.dumps(body)
    return orjson.dumps(_typed_list(call, objects, meta))


def _position(count: int, found_count: int, page: Page, backend: Backend) -> int:
    """How many keys of the range lie up to the end of this page."""
    if not page.start_after:
        return found_count
    rest = backend.storage.engine.list_encoded(
        page.prefix, start_after=page.start_after, limit=found_count, revision=page.revision
    )
    return count - rest.remaining_count


def _typed_list(call: Call, objects: list[Json], meta: Json) -> Json:
    resource = call.scope.resource
    for obj in objects:
        obj.pop("kind", None)
        obj.pop("apiVersion", None)
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta, "items": objects}


def _expired(options: ListOptions, page: Page) -> StatusError:
    if not options.token:
        return StatusError(410, "Expired", EXPIRED)
    token = continue_token.encode(page.start_after, page.prefix, continue_token.LATEST)
    return StatusError(410, "Expired", TOKEN_EXPIRED, list_continue=token)
