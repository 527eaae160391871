"""Reads of stored objects as dicts, for admission plugins, strategies and allocators.

Always true: what is returned is the caller's own copy.
Not here: conversion between versions (a resource is read as it is stored).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from pyk8s import core
from pyk8s.api.resources import Resource
from pyk8s.core.interfaces import Store

from pyk8s_server.apiserver.storage.keys import key_of, prefix_of

Json = dict[str, Any]


class StoreReader:
    """A `Reader` over the engine."""

    def __init__(self, engine: Store) -> None:
        self._engine = engine

    def get(self, resource: Resource, name: str, namespace: str = "") -> Json | None:
        kv = self._engine.get(key_of(resource, name, namespace))
        return None if kv is None else orjson.loads(kv.value)

    def list(self, resource: Resource, namespace: str = "", labels: str = "", fields: str = "") -> Iterable[Json]:
        prefix = prefix_of(resource) + (f"{namespace}/" if namespace and resource.namespaced else "")
        selection = core.Selection(labels, fields) if labels or fields else None
        for kv in self._engine.range(prefix, selection=selection).items:
            yield orjson.loads(kv.value)
