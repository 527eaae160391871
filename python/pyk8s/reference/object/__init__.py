"""Objects as JSON bytes: decode, default, patch, assemble; the readable twin."""

from __future__ import annotations

from pyk8s.reference.object.json_patch import json_patch
from pyk8s.reference.object.merge_patch import merge_patch
from pyk8s.reference.object.scheme import Scheme

__all__ = ["Scheme", "json_patch", "merge_patch"]
