"""YAML bodies in and YAML answers out, with the resolver of sigs.k8s.io/yaml.

Always true: YAML in becomes JSON before anything else sees it; `yes`, `no`, dates and sexagesimal numbers are what they
are there; aliases may not blow a document up beyond its bound.
Not here: several documents in one body (the API takes one object).
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import yaml

EXPANDED_BYTES_MAX = 16 * 1024 * 1024
"""What a document with aliases may expand to: five times the largest body, counted with a node's overhead."""
NODE_BYTES = 32
BOOLEAN = re.compile(r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|y|Y|n|N)$")
INTEGER = re.compile(r"^[-+]?(?:0b[0-1_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|(?:0|[1-9][0-9_]*))$")
FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9][0-9_]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*\.?(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
TAG = "tag:yaml.org,2002:"


class _Loader(yaml.CSafeLoader):
    """Reads scalars as sigs.k8s.io/yaml does and notes duplicate keys."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.problems: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(getattr(key, "value", ""))
            if name in seen:
                self.problems.append(f'line {key.start_mark.line + 1}: key "{name}" already set in map')
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {}
for _first in "yYnNtTfFoO":
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).append((TAG + "bool", BOOLEAN))
for _first in "-+0123456789":
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).append((TAG + "int", INTEGER))
for _first in "-+0123456789.":
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).append((TAG + "float", FLOAT))
for _first in ("~", "n", "N", ""):
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).append((TAG + "null", NULL))
_Loader.yaml_implicit_resolvers.setdefault("<", []).append((TAG + "merge", re.compile(r"^(?:<<)$")))


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return str(node.value).lower() in ("yes", "true", "on", "y")


_Loader.add_constructor(TAG + "bool", _bool)


def yaml_to_json(body: bytes) -> tuple[bytes, list[str]]:
    """(JSON, duplicate keys) of one YAML document. Raises yaml.YAMLError, ValueError, RecursionError."""
    loader = _Loader(body)
    try:
        document = loader.get_single_data()
    finally:
        loader.dispose()
    if b"*" in body:
        _bound_expansion(document)
    problems = list(dict.fromkeys(loader.problems))
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS), problems


def _bound_expansion(document: Any) -> None:
    """Refuse a document whose aliases multiply. Raises ValueError."""
    size, waiting = 0, [document]
    while waiting:
        value = waiting.pop()
        size += NODE_BYTES + (len(value) if isinstance(value, str) else 0)
        if size > EXPANDED_BYTES_MAX:
            raise ValueError("yaml: document contains excessive aliasing")
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


class _Dumper(yaml.CSafeDumper):
    """Writes strings that would read back as something else in double quotes, as the Go library does."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return dumper.represent_scalar(TAG + "str", text, style="|")
    ambiguous = BOOLEAN.match(text) or INTEGER.match(text) or FLOAT.match(text) or NULL.match(text)
    return dumper.represent_scalar(TAG + "str", text, style='"' if ambiguous else None)


_Dumper.add_representer(str, _string)


def json_to_yaml(value: bytes) -> bytes:
    """JSON as YAML with sorted keys."""
    document = orjson.loads(value)
    text: bytes = yaml.dump(document, Dumper=_Dumper, default_flow_style=False, encoding="utf-8", allow_unicode=True)
    return text
