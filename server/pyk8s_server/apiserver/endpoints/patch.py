"""PATCH: JSON patch, JSON merge patch, strategic merge patch.

Always true: a patch is applied to the object as the client sees it, in the served version, then the result is decoded,
completed and checked like the body of a PUT.
Not here: how patches are applied (see `pyk8s.core`), server-side apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pyk8s import core
from pyk8s.api.field import invalid as invalid_field
from pyk8s.api.http import Response
from pyk8s.api.status import StatusError, bad_request, invalid
from pyk8s.errors import DecodeError, PatchError

from pyk8s_server.apiserver.endpoints import status
from pyk8s_server.apiserver.endpoints.call import Backend, Call, forbid_force, write_options
from pyk8s_server.apiserver.endpoints.change import Change, missing
from pyk8s_server.apiserver.endpoints.go_text import go_text
from pyk8s_server.apiserver.endpoints.responses import object_response
from pyk8s_server.apiserver.registry import round_trip

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
SUPPORTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
OPERATIONS_MAX = 10_000


async def patch(backend: Backend, call: Call) -> Response:
    """Answer 200 with the patched object. Raises StatusError."""
    media = patch_type(call)
    dry_run = write_options(call, "PatchOptions", errors=forbid_force(call))
    context = call.context(backend, dry_run=dry_run)
    patcher = Patcher(backend, call, media, call.scope.resource.gvk)
    strategy = call.scope.strategy(call.info.subresource)
    change = Change(backend, call, context, strategy, patcher.apply, is_patch=True, is_pinned=patcher.names_version)
    changed = await change.run()
    if changed is None:
        raise missing(call)
    return object_response(call, changed)


def patch_type(call: Call) -> str:
    """The patch's media type. Raises StatusError 415."""
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in SUPPORTED:
        return media
    if media == APPLY_PATCH:
        message = (
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(SUPPORTED)}"
        )
        raise StatusError(415, "UnsupportedMediaType", message)
    raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


@dataclass(slots=True)
class Patcher:
    """One patch, applied as often as a lost race asks for it."""

    backend: Backend
    call: Call
    media: str
    gvk: str

    @property
    def names_version(self) -> bool:
        """Whether the patch itself sets metadata.resourceVersion."""
        return b"resourceVersion" in self.call.request.body

    def apply(self, old: bytes) -> bytes:
        """The patched object, decoded and completed. Raises StatusError."""
        body = self.call.request.body
        try:
            if self.media == STRATEGIC_PATCH:
                patched = self.backend.scheme.strategic_merge_patch(self.gvk, old, body)
            else:
                patched = self._untyped(old, body)
        except PatchError as error:
            raise status.of_patch_error(error) from error
        except DecodeError as error:
            raise bad_request(str(error)) from error
        return self._decoded(patched)

    def _untyped(self, old: bytes, body: bytes) -> bytes:
        apply: Callable[[bytes, bytes], bytes]
        if self.media == JSON_PATCH:
            _count_operations(body)
            apply = core.json_patch
        else:
            apply = core.merge_patch
        return apply(old, body)

    def _decoded(self, patched: bytes) -> bytes:
        try:
            decoded = self.backend.scheme.decode_json(self.gvk, patched)
        except DecodeError as error:
            kind = self.gvk.rpartition("/")[2]
            # Upstream, only a request's own body is introduced by its kind.
            why = str(error).partition(f" cannot be handled as a {kind}: ")
            raise self._unfit(patched, why[2] or why[0]) from error
        mode = self.call.params.get("fieldValidation") or "Warn"
        if mode != "Ignore":
            problems = [*self._duplicates(), *decoded.problems]
            if problems and mode == "Strict":
                raise self._unfit(patched, f"strict decoding error: {', '.join(problems)}")
            self.call.warnings.extend(problems)
        return round_trip(self.gvk, self.backend.scheme.default(self.gvk, decoded.value))

    def _duplicates(self) -> list[str]:
        """Fields that the patch itself names twice."""
        body = self.call.request.body
        if self.media == JSON_PATCH:
            return _repeated_members(body)
        try:
            decoded = self.backend.scheme.decode_json(self.gvk, body)
        except DecodeError:
            # A patch need not be an object of the kind; its result was, so the patch is at least JSON.
            return []
        return [problem for problem in decoded.problems if problem.startswith("duplicate field ")]

    def _unfit(self, patched: bytes, why: str) -> StatusError:
        """The patched object is not one of its kind."""
        is_typed = self.media == STRATEGIC_PATCH
        shown = go_text(orjson.loads(self.call.request.body)) if is_typed else patched.decode(errors="replace")
        return invalid("", "", "", [invalid_field("patch", shown, why)])


def _repeated_members(body: bytes) -> list[str]:
    """Members that operations of a JSON patch have twice."""
    problems: list[str] = []
    operations = json.loads(body, object_pairs_hook=lambda pairs: pairs)
    for index, pairs in enumerate(operations or ()):
        names = [name for name, _ in pairs]
        repeated = dict.fromkeys(name for name in names if names.count(name) > 1)
        problems += [f'json patch duplicate field "[{index}].{name}"' for name in repeated]
    return problems


def _count_operations(body: bytes) -> None:
    """Refuse a JSON patch of too many operations before it costs anything."""
    if body.count(b'"op"') <= OPERATIONS_MAX:
        return
    try:
        operations: Any = orjson.loads(body)
    except ValueError:
        return
    if isinstance(operations, list) and len(operations) > OPERATIONS_MAX:
        message = (
            f"Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, "
            f"got {len(operations)}"
        )
        raise StatusError(413, "RequestEntityTooLarge", message)
