"""Stand-in for the object room's envelope until that room is there: decodes the whole object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyk8s.errors import DecodeError


@dataclass(frozen=True, slots=True)
class Envelope:
    labels: Mapping[str, str]
    fields: Mapping[str, str]

    @classmethod
    def parse(cls, value: bytes, fields: Sequence[tuple[str, str, str]]) -> Envelope:
        try:
            obj = json.loads(value)
        except ValueError as trouble:
            raise DecodeError(str(trouble)) from None
        if not isinstance(obj, dict):
            raise DecodeError("not an object")
        meta = obj.get("metadata") or {}
        found = {"metadata.name": meta.get("name", ""), "metadata.namespace": meta.get("namespace", "")}
        found.update({label: _first(obj, paths) or default for label, paths, default in fields})
        return cls(meta.get("labels") or {}, found)

    def commit(self, value: bytes, revision: int) -> tuple[bytes, Envelope]:
        return self.splice(value, revision), self

    def splice(self, value: bytes, revision: int) -> bytes:
        obj = json.loads(value)
        obj.setdefault("metadata", {})["resourceVersion"] = str(revision)
        return json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode()

    def without_type(self, value: bytes) -> bytes:
        obj = json.loads(value)
        obj.pop("kind", None)
        obj.pop("apiVersion", None)
        return json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode()


def _first(obj: dict[str, Any], paths: str) -> str:
    for path in paths.split("|"):
        at: Any = obj
        for part in path.split("."):
            at = at.get(part) if isinstance(at, dict) else None
        if isinstance(at, list):
            at = ",".join(str(entry.get("ip", "")) for entry in at)
        if at not in (None, ""):
            return str(at).lower() if isinstance(at, bool) else str(at)
    return ""
