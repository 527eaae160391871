"""Object templates: manifests read from files, made into objects as the API server would store them.

Always true: the same template, values and index give the same object, whether it was spliced or rendered.
Always true: a template is read, decoded strictly and defaulted before anything runs.
Not here: the template language (see `templates`), who stores the objects (see `cluster`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from pyk8s.core.interfaces import Scheme
from pyk8s.errors import DecodeError
from pyk8s.simulate.bench import templates
from pyk8s.simulate.bench.kinds import ObjectKind, find_kind
from pyk8s.simulate.bench.problems import InvalidBenchmark

Json = dict[str, Any]
Hole = Callable[[int, str], str]
"""The text of a place that differs from object to object: of the index and the object's name."""
Adjust = Callable[[Json, Callable[[Hole], str]], None]
"""Changes a decoded object before it is spliced; what its second argument returns stands for a hole."""

TEMPLATE_BYTES_MAX = 1 << 20
# Private-use characters: YAML allows them, Kubernetes' names and templates never hold them.
OPEN, CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to create."""

    kind: ObjectKind
    namespace: str
    name: str
    key: str
    """Where it goes in the store."""
    value: bytes

    @classmethod
    def of(cls, kind: ObjectKind, namespace: str, name: str, value: bytes) -> NewObject:
        return cls(kind, namespace, name, kind.key(namespace, name), value)


@dataclass(frozen=True, slots=True)
class Making:
    """What objects are made with: the template's values, their count, and what the operation changes in them."""

    values: Mapping[str, Any] = field(default_factory=dict)
    count: int = 1
    namespace: str = ""
    adjust: Adjust | None = None
    named: Callable[[int], str] | None = None
    """Stands before the name in the template."""


class ObjectTemplate:
    """A manifest with ``{{…}}`` in it."""

    def __init__(self, source: str, text: str, scheme: Scheme) -> None:
        """Raises InvalidBenchmark: the template language is wrong."""
        self.source, self._scheme = source, scheme
        try:
            self._nodes = templates.parse(text)
        except templates.TemplateError as error:
            raise InvalidBenchmark(source, [str(error)]) from error

    @classmethod
    def read(cls, path: Path, scheme: Scheme, place: str) -> ObjectTemplate:
        """Raises InvalidBenchmark: no such file; ``place`` is where its path stands."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidBenchmark(place, [f"cannot read the template {path}: {error}"]) from error
        if len(text) > TEMPLATE_BYTES_MAX:
            raise InvalidBenchmark(place, [f"the template {path} may have at most {TEMPLATE_BYTES_MAX} bytes"])
        return cls(str(path), text, scheme)

    def first(self, values: Mapping[str, Any], count: int = 1) -> tuple[ObjectKind, Json]:
        """The object of index 0, decoded and defaulted. Raises InvalidBenchmark."""
        return self._decode(self._render({**values, "Index": 0, "Count": count}))

    def factory(self, making: Making, names: NameSource) -> ObjectFactory:
        """A maker of objects. Raises InvalidBenchmark."""
        kind, _ = self.first(making.values, making.count)
        if kind.is_namespaced and not making.namespace:
            raise InvalidBenchmark(self.source, [f"a {kind.kind} needs a namespace; set the operation's 'namespace'"])
        return ObjectFactory(self, kind, making, names)

    def _render(self, values: Mapping[str, Any], output: Callable[[Any], str] | None = None) -> Json:
        try:
            text = templates.render(self._nodes, values, output)
            document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except templates.TemplateError as error:
            raise InvalidBenchmark(self.source, [str(error)]) from error
        except yaml.YAMLError as error:
            raise InvalidBenchmark(self.source, [f"not YAML: {' '.join(str(error).split())}"]) from error
        if not isinstance(document, dict):
            raise InvalidBenchmark(self.source, ["a template must be one object with apiVersion and kind"])
        return document

    def _decode(self, document: Json) -> tuple[ObjectKind, Json]:
        """Strictly decoded and defaulted, as the API server would."""
        api_version, name = document.get("apiVersion"), document.get("kind")
        kind = find_kind(str(api_version), str(name)) if api_version and name else None
        if kind is None:
            what = f"{api_version} {name}" if api_version and name else "an object without apiVersion and kind"
            raise InvalidBenchmark(self.source, [f"kind: {what} is no kind that can be created"])
        metadata = document.get("metadata") or {}
        if not metadata.get("name") and not metadata.get("generateName"):
            raise InvalidBenchmark(self.source, ["metadata: name or generateName is required"])
        if kind.resource is None:
            return kind, document
        try:
            decoded = self._scheme.decode_json(kind.gvk, orjson.dumps(document, default=str))
        except (DecodeError, TypeError) as error:
            raise InvalidBenchmark(self.source, [str(error)]) from error
        if decoded.problems:
            raise InvalidBenchmark(self.source, list(decoded.problems))
        value: Json = orjson.loads(self._scheme.default(kind.gvk, decoded.value))
        return kind, value

    @property
    def branches_on_index(self) -> bool:
        return templates.branches_on_index(self._nodes)


class NameSource:
    """Names for objects with a generateName (numbered per prefix, not random), and uids."""

    def __init__(self, uid: Callable[[], str], created: str) -> None:
        """``created`` is the creation timestamp that new objects get."""
        self.uid, self.created = uid, created
        self._next: dict[str, int] = {}

    def generate(self, prefix: str) -> str:
        number = self._next.get(prefix, 0)
        self._next[prefix] = number + 1
        return f"{prefix}{number}"


class ObjectFactory:
    """Makes the objects of one operation, from pieces of text where the template allows it."""

    def __init__(self, template: ObjectTemplate, kind: ObjectKind, making: Making, names: NameSource) -> None:
        self.kind, self.namespace = kind, making.namespace if kind.is_namespaced else ""
        self._template, self._making, self._names = template, making, names
        self._values = {**making.values, "Count": making.count}
        self._adjust = making.adjust
        self._holes: list[Hole] = []
        self._pieces: list[str] | None = None
        self._named: Callable[[int], str] = lambda index: ""
        if not template.branches_on_index:
            self._splice()

    @property
    def is_spliced(self) -> bool:
        return self._pieces is not None

    def make(self, start: int, stop: int) -> Iterator[NewObject]:
        """The objects of these indices, in order; each index is to be made once. Raises InvalidBenchmark."""
        if self._pieces is None:
            yield from (self._rendered(index) for index in range(start, stop))
            return
        parts, kind, namespace = list(self._pieces), self.kind, self.namespace
        stem = kind.key(namespace, "")
        holes = [(2 * position + 1, hole) for position, hole in enumerate(self._order)]
        for index in range(start, stop):
            name = self._named(index)
            for position, hole in holes:
                parts[position] = hole(index, name)
            yield NewObject(kind, namespace, name, stem + name, "".join(parts).encode())

    # -- spliced -------------------------------------------------------------------------------------------------

    def _splice(self) -> None:
        """Render once with marks in place of what changes, and cut there; stay with rendering where that differs."""
        try:
            _, obj = self._template._decode(self._template._render({**self._values, "Index": 0}, self._output))
        except InvalidBenchmark:
            # A mark stood where a number belongs.
            return
        metadata = obj["metadata"]
        name_text = metadata.get("name") or ""
        prefix = metadata.pop("generateName", "") or ""
        self._named = self._making.named or self._namer(name_text, prefix)
        metadata["name"] = self._mark(lambda index, name: name)
        self._finish(obj, self._mark(lambda index, name: self._names.uid()))
        if self._adjust is not None:
            self._adjust(obj, self._mark)
        pieces = ordered(obj).decode().split(OPEN)
        cut = [pieces[0]]
        order: list[Hole] = []
        for piece in pieces[1:]:
            number, _, rest = piece.partition(CLOSE)
            order.append(self._holes[int(number)])
            cut += ["", rest]
        self._order, self._pieces = order, cut

    def _output(self, expression: templates.Expression) -> str:
        if not templates.depends_on_index(expression):
            return templates.text_of(templates.evaluate(expression, self._values))
        values = dict(self._values)

        def hole(index: int, name: str) -> str:
            values["Index"] = index
            return templates.text_of(templates.evaluate(expression, values))

        return self._mark(hole)

    def _mark(self, hole: Hole) -> str:
        self._holes.append(hole)
        return f"{OPEN}{len(self._holes) - 1}{CLOSE}"

    def _namer(self, text: str, prefix: str) -> Callable[[int], str]:
        """How the objects are called; a name may itself hold marks."""
        if not text:
            return lambda index: self._names.generate(prefix)
        parts = text.split(OPEN)
        filled = [(self._holes[int(part.partition(CLOSE)[0])], part.partition(CLOSE)[2]) for part in parts[1:]]
        return lambda index: parts[0] + "".join(hole(index, "") + rest for hole, rest in filled)

    # -- rendered ------------------------------------------------------------------------------------------------

    def _rendered(self, index: int) -> NewObject:
        _, obj = self._template._decode(self._template._render({**self._values, "Index": index}))
        metadata = obj["metadata"]
        prefix = metadata.pop("generateName", "") or ""
        own = self._making.named
        name = own(index) if own else metadata.get("name") or self._names.generate(prefix)
        metadata["name"] = name
        self._finish(obj, self._names.uid())
        if self._adjust is not None:
            self._adjust(obj, lambda hole: hole(index, name))
        return NewObject.of(self.kind, self.namespace, name, ordered(obj))

    def _finish(self, obj: Json, uid: str) -> None:
        """What the server fills in on create."""
        metadata = obj["metadata"]
        if self.kind.is_namespaced:
            metadata["namespace"] = self.namespace
        metadata["uid"] = uid
        metadata["creationTimestamp"] = self._names.created
        if self.kind.kind == "Pod":
            obj["status"] = {"phase": "Pending", **(obj.get("status") or {})}
        if self.kind.kind == "Namespace":
            metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
            obj["status"] = {"phase": "Active"}


def ordered(obj: Json) -> bytes:
    """The object as JSON: kind and metadata first, status last."""
    head = {name: obj[name] for name in ("apiVersion", "kind", "metadata") if name in obj}
    rest = {name: value for name, value in obj.items() if name not in head and name != "status"}
    tail = {"status": obj["status"]} if obj.get("status") else {}
    return orjson.dumps(head | rest | tail)
