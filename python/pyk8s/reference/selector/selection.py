"""`Selection`: a label selector and a field selector together, matched against one object.

Always true: a `Selection` never changes after it was built.
Not here: the grammars (see `labels`, `fields`, `label_selector`).
"""

from __future__ import annotations

from collections.abc import Mapping

from pyk8s.errors import SelectorError
from pyk8s.reference.selector import fields as field_terms
from pyk8s.reference.selector import label_selector
from pyk8s.reference.selector import labels as label_terms


class Selection:
    def __init__(self, labels: str = "", fields: str = "") -> None:
        for text in (labels, fields):
            text.encode()  # A selector comes from a URL: text without a UTF-8 form is the caller's bug.
        try:
            self._labels = label_terms.parse(labels)
            self._fields = field_terms.parse(fields)
        except ValueError as trouble:
            raise SelectorError(str(trouble)) from None
        self.is_nothing = False

    @classmethod
    def from_label_selector(cls, selector: bytes) -> Selection:
        try:
            labels = label_selector.parse(selector)
        except ValueError as trouble:
            raise SelectorError(str(trouble)) from None
        selection = cls()
        selection._labels = labels or []
        selection.is_nothing = labels is None
        return selection

    def matches(self, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
        return (
            not self.is_nothing
            and all(requirement.holds(labels.get(requirement.key)) for requirement in self._labels)
            and all(term.holds(fields.get(term.field, "")) for term in self._fields)
        )

    @property
    def is_everything(self) -> bool:
        return not (self.is_nothing or self._labels or self._fields)

    @property
    def field_requirements(self) -> list[tuple[str, str, str]]:
        return [(term.field, "=" if term.is_equal else "!=", term.value) for term in self._fields]

    @property
    def label_requirements(self) -> list[tuple[str, str, list[str]]]:
        return [(found.key, found.operator.value[0], list(found.values)) for found in self._labels]

    def __str__(self) -> str:
        return ",".join(map(str, self._labels))
