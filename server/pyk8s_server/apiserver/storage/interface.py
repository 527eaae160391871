"""The storage below the API server: an engine to read and watch, and writes that are durable when they return.

Always true: reads and watches go to a `pyk8s.core.Store` in process, whatever holds the data; what a write returned,
the next read sees.
Not here: objects, kinds, validation: values are bytes.
"""

from __future__ import annotations

from typing import Protocol

from pyk8s.core.interfaces import KeyValue, Store


class Storage(Protocol):
    """Where the API server keeps its objects."""

    @property
    def engine(self) -> Store:
        """The store to read and watch; never written to but through this interface."""

    async def create(self, key: str, value: bytes, *, ttl_s: float = 0.0) -> KeyValue:
        """Raises KeyExists, OSError."""

    async def update(self, key: str, value: bytes, *, expected: int, ttl_s: float = 0.0) -> KeyValue:
        """Raises KeyNotFound, Conflict, OSError."""

    async def delete(self, key: str, *, expected: int = 0) -> KeyValue:
        """Raises KeyNotFound, Conflict, OSError."""

    async def maintain(self) -> None:
        """Expire leases and compact history as of now; called every few seconds."""

    def close(self) -> None:
        """Let go of threads and connections; the engine stays open."""
