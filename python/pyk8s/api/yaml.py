"""YAML as Kubernetes reads it: bodies and manifest files into JSON, with the resolver of sigs.k8s.io/yaml.

Always true: `yes`, `on` and the like are booleans, dates and sexagesimal numbers are strings; a document can neither
nest nor, by its aliases, grow beyond a bound.
Not here: writing YAML (the printers), what a manifest means.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

DEPTH_MAX = 200
"""As deep as JSON bodies may nest."""

ALIASED_NODES_MAX = 100_000
"""Values that aliases may add: without aliases a text has no more values than bytes."""

DOCUMENTS_MAX = 10_000
"""Documents in one file."""

PLAIN = "!plain"
TAG = "tag:yaml.org,2002:"
NULLS = {"", "~", "null", "Null", "NULL"}
TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
INTEGERS = (
    (re.compile(r"[-+]?0b([01_]+)"), 2),
    (re.compile(r"[-+]?0x([0-9a-fA-F_]+)"), 16),
    (re.compile(r"[-+]?0o?([0-7_]+)"), 8),
    (re.compile(r"[-+]?([1-9][0-9_]*|0)"), 10),
)
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
INTEGER_DIGITS_MAX = 400
WHOLE_MAX = 1e21


class YamlError(ValueError):
    """A text that is no YAML, or more of it than may be."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as compact JSON; ``problems`` are keys set twice: ``line 8: key "a" already set in map``."""

    value: bytes
    problems: list[str]


def to_json(body: bytes) -> Document:
    """The one document of a request body; an empty body is null.

    Raises:
        YamlError: bad syntax, or beyond a bound.
    """
    return next(_documents(body, documents_max=1), Document(b"null", []))


def documents(text: bytes) -> Iterator[Document]:
    """The documents of a manifest file, in order; empty ones are left out. Raises YamlError."""
    return (document for document in _documents(text, documents_max=DOCUMENTS_MAX) if document.value != b"null")


def _documents(text: bytes, *, documents_max: int) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        for _ in range(documents_max):
            if not loader.check_node():
                return
            reader = _Reader(len(text) + ALIASED_NODES_MAX)
            node = loader.get_node()
            value = None if node is None else reader.value(node, 0)
            yield Document(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), reader.problems)
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        raise YamlError(_words(error)) from None
    finally:
        loader.dispose()


class _Loader(yaml.CBaseLoader):
    """Gives plain scalars a tag of their own, so that they are told from quoted ones and from those with a tag."""


_Loader.add_implicit_resolver(PLAIN, re.compile(""), None)


class _Reader:
    """Turns the nodes of one document into values."""

    def __init__(self, nodes_max: int) -> None:
        self.problems: list[str] = []
        self.nodes_left = nodes_max

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise YamlError("yaml: document contains excessive aliasing")
        if depth > DEPTH_MAX:
            raise YamlError("yaml: exceeded max depth")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return _scalar(node)

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                merged = self.merged(value_node, depth) | merged
                continue
            key = _key(key_node)
            if key in mapping:
                self.problems.append(f'line {key_node.start_mark.line + 1}: key "{key}" already set in map')
            mapping[key] = self.value(value_node, depth + 1)
        return mapping | {key: value for key, value in merged.items() if key not in mapping}

    def merged(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        """What ``<<`` brings in; of several maps the first wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for inner in nodes:
            value = self.value(inner, depth + 1)
            if not isinstance(value, dict):
                raise YamlError("yaml: map merge requires map or sequence of maps as the value")
            merged = value | merged
        return merged


def _is_merge(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.tag == PLAIN


def _key(node: yaml.Node) -> str:
    """A key is text in JSON: numbers and booleans as JSON has them."""
    if not isinstance(node, yaml.ScalarNode):
        raise YamlError("yaml: invalid map key")
    value = _scalar(node)
    return value if isinstance(value, str) else json.dumps(value)


def _scalar(node: yaml.Node) -> Any:
    """A plain scalar is resolved; a quoted or explicitly tagged one is what it says."""
    text = str(node.value)
    if node.tag == PLAIN:
        return resolve(text)
    is_resolved = node.tag in (TAG + "int", TAG + "float", TAG + "bool", TAG + "null")
    return resolve(text) if is_resolved else text


def resolve(text: str) -> Any:
    """What a plain scalar stands for: null, a boolean, a number, else itself."""
    if text in NULLS:
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    if text[0] not in "+-.0123456789" or len(text) > INTEGER_DIGITS_MAX:
        return text
    for pattern, base in INTEGERS:
        found = pattern.fullmatch(text)
        if found and found[1].strip("_"):
            number = int(found[1].replace("_", ""), base)
            return -number if text.startswith("-") else number
    if FLOAT.fullmatch(text):
        number_text = text.replace("_", "")
        value = float(number_text)
        # Go writes a double without a fraction as an integer.
        is_whole = abs(value) < WHOLE_MAX and value.is_integer()
        return int(value) if is_whole else value if math.isfinite(value) else text
    if INFINITE.fullmatch(text):
        raise YamlError(f"json: unsupported value: {text}")
    return text


def _words(error: Exception) -> str:
    """One line that says where and what, as Go's YAML library does: it names no line for the first one."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "yaml: " + (str(error) or type(error).__name__).splitlines()[0]
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark and mark.line]
    line = marks[0].line + (1 if isinstance(error, yaml.scanner.ScannerError) else 0) if marks else 0
    where = f"line {line}: " if line else ""
    return f"yaml: {where}{error.problem or error.context}"
