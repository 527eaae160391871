"""The scheme: everything that depends on the built-in kinds, over one set of tables.

Always true: a `Scheme` never changes once built.
Not here: the rules themselves (see `decode`, `protobuf`, `default`, and the patches).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyk8s.errors import DecodeError
from pyk8s.reference.object.json import parse, to_bytes, type_name
from pyk8s.reference.object.managed_fields import Update, update_managed_fields
from pyk8s.reference.object.strategic import strategic_merge_patch
from pyk8s.reference.object.structure import Structures


class Scheme:
    """See `pyk8s.core.interfaces.Scheme`."""

    def __init__(self, tables: bytes) -> None:
        parsed = parse(tables)
        self._structures = Structures(parsed["schema"], parsed["protobuf"]["messages"])

    def strategic_merge_patch(self, kind: str, original: bytes, patch: bytes) -> bytes:
        return strategic_merge_patch(self._structures, kind, original, patch)

    def update_managed_fields(
        self,
        kind: str,
        old: bytes,
        new: bytes,
        *,
        manager: str,
        time: str,
        subresource: str = "",
        reset_fields: Sequence[str] = (),
    ) -> bytes:
        update = Update(manager, time, subresource, tuple(reset_fields))
        before = _object(old) if old else None
        return to_bytes(update_managed_fields(self._structures, kind, before, _object(new), update))


def _object(body: bytes) -> dict[str, Any]:
    value = parse(body)
    if not isinstance(value, dict):
        raise DecodeError(f"json: cannot unmarshal {type_name(value)} into Go value of type map[string]interface {{}}")
    return value
