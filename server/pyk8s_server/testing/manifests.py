"""Manifests as tests give them: a dict, YAML or JSON text, a file, a folder of files.

Always true: YAML is read as Kubernetes reads it (``yes`` is a boolean, a date is text); Lists are unfolded.
Not here: what is done with the objects (see `handle`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyk8s.api.yaml import documents

Json = dict[str, Any]
Manifest = Json | str | Path
SUFFIXES = (".yaml", ".yml", ".json")


def objects(manifest: Manifest) -> Iterator[Json]:
    """The objects of a manifest, in order.

    Raises:
        OSError: the file cannot be read.
        ValueError: the text is no YAML, or a document is no object.
    """
    found = [manifest] if isinstance(manifest, dict) else [obj for text in _texts(manifest) for obj in _read(text)]
    for document in found:
        if not isinstance(document, dict):
            raise ValueError(f"a manifest holds objects, not {type(document).__name__}: {str(document)[:80]}")
        yield from document["items"] if document.get("kind") == "List" else (document,)


def _read(text: bytes) -> Iterator[Any]:
    return (json.loads(document.value) for document in documents(text))


def _texts(manifest: str | Path) -> list[bytes]:
    if isinstance(manifest, str) and not _looks_like_path(manifest):
        return [manifest.encode()]
    path = Path(manifest)
    if not path.is_dir():
        return [path.read_bytes()]
    return [file.read_bytes() for file in sorted(path.iterdir()) if file.suffix in SUFFIXES]


def _looks_like_path(text: str) -> bool:
    """A manifest has a colon or a second line, a path has neither."""
    return "\n" not in text and ":" not in text
