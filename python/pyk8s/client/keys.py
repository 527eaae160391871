"""Names of objects in caches and queues: ``namespace/name``, or ``name`` where there is no namespace.

Always true: a key splits back into what it was made of; names never hold a slash.
"""

from __future__ import annotations

from typing import Any


def key_of(obj: dict[str, Any]) -> str:
    """The cache key of an object."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def join_key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def split_key(key: str) -> tuple[str, str]:
    """(namespace, name); the namespace is "" for cluster-scoped objects."""
    namespace, slash, name = key.rpartition("/")
    return (namespace, name) if slash else ("", key)
