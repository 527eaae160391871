"""YAML answers: JSON as sigs.k8s.io/yaml writes it.

Always true: what is written reads back the same; keys are sorted.
Not here: reading YAML (see `pyk8s.api.yaml`).
"""

from __future__ import annotations

from typing import Any

import orjson
import yaml
from pyk8s.api.yaml import resolve

TEXT_TAG = "tag:yaml.org,2002:str"


class _Dumper(yaml.CSafeDumper):
    """Writes strings that would read back as something else in double quotes, as the Go library does."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return dumper.represent_scalar(TEXT_TAG, text, style="|")
    is_ambiguous = not isinstance(resolve(text), str)
    return dumper.represent_scalar(TEXT_TAG, text, style='"' if is_ambiguous else None)


_Dumper.add_representer(str, _string)


def json_to_yaml(value: bytes) -> bytes:
    """JSON as YAML with sorted keys."""
    document = orjson.loads(value)
    text: bytes = yaml.dump(document, Dumper=_Dumper, default_flow_style=False, encoding="utf-8", allow_unicode=True)
    return text
