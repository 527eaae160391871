"""Selectors of a list or watch, parsed for the engine and checked against what the kind can select on.

Always true: a selection is a function of the kind and the two texts, so it is parsed once and kept.
Not here: the selector grammars (see `pyk8s.core`).
"""

from __future__ import annotations

from functools import lru_cache

from pyk8s import core
from pyk8s.api.resources import Resource
from pyk8s.api.status import bad_request
from pyk8s.core.interfaces import Selection
from pyk8s.errors import SelectorError

from pyk8s_server.apiserver.endpoints.call import Call
from pyk8s_server.apiserver.storage import fields

SELECTIONS_CACHED_MAX = 4096
CACHED_TEXT_MAX = 4096
"""Longer selectors are parsed anew each time, so that the cache stays below 2 x 4096 x 4 KiB."""


def selection_of(call: Call) -> Selection | None:
    """The request's selection, None for everything. Raises StatusError 400."""
    labels, text = call.params.get("labelSelector", ""), call.params.get("fieldSelector", "")
    if call.info.name:
        text = f"{fields.NAME}={_escaped(call.info.name)}" + (f",{text}" if text else "")
    if not labels and not text:
        return None
    if len(labels) + len(text) > CACHED_TEXT_MAX:
        return _parse(call.scope.resource, labels, text)
    return _cached(call.scope.resource, labels, text)


def _parse(resource: Resource, labels: str, text: str) -> Selection | None:
    try:
        selection: Selection = core.Selection(labels, text)
    except SelectorError as error:
        raise bad_request(str(error)) from error
    known = fields.labels_of(resource)
    requirements = selection.field_requirements
    for label, _, _ in requirements:
        if label not in known:
            raise bad_request(_unknown(resource, label))
    if any(known[label] != label for label, _, _ in requirements):
        renamed = ",".join(f"{known[label]}{operator}{_escaped(value)}" for label, operator, value in requirements)
        selection = core.Selection(labels, renamed)
    return None if selection.is_everything else selection


_cached = lru_cache(maxsize=SELECTIONS_CACHED_MAX)(_parse)


def _unknown(resource: Resource, label: str) -> str:
    if fields.has_own_labels(resource):
        return f"field label not supported: {label}"
    return f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
