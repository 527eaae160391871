"""Strategies: what each kind and subresource does on writes, driven by the table `names`.

Always true: one strategy per (resource, subresource), made once; strategies hold no state of objects.
Not here: what no table can say about a kind (see `kinds`), rules for values (see `validation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyk8s.api.field import FieldError, invalid
from pyk8s.api.resources import Resource
from pyk8s.api.tables import table

from pyk8s_server.apiserver.interfaces import Context
from pyk8s_server.apiserver.registry.validation.formats import Format
from pyk8s_server.apiserver.registry.validation.meta import validate_meta, validate_meta_update
from pyk8s_server.apiserver.registry.validation.names import name_format
from pyk8s_server.apiserver.registry.validators import validators_for
from pyk8s_server.apiserver.registry.zero_values import zero_status

Json = dict[str, Any]

META_FIELDS = {"annotations", "labels", "finalizers", "ownerReferences"}
WHOLE_METADATA = "metadata except managedFields"
EVERYTHING = "everything outside metadata"
KEPT_BY_META_RESET = ("managedFields", "resourceVersion")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the table says about one endpoint of a kind."""

    allow_create_on_update: bool = False
    allow_unconditional_update: bool = True
    reset_fields: tuple[str, ...] = ()
    clears_status: bool = False
    starts_generation: bool = False
    generation_fields: tuple[str, ...] = ()
    kept_fields: tuple[str, ...] = ()
    """Top-level fields that an update takes from the stored object."""
    kept_meta: tuple[str, ...] = ()
    keeps_whole_meta: bool = False


class GenericStrategy:
    """What the table can say; a kind that needs more derives from it and names itself in `kinds`."""

    def __init__(self, resource: Resource, subresource: str, rules: Rules) -> None:
        self.resource, self.subresource, self.rules = resource, subresource, rules
        self.allow_create_on_update = rules.allow_create_on_update and not subresource
        self.allow_unconditional_update = rules.allow_unconditional_update
        self.reset_fields = rules.reset_fields
        self.name_format: Format = name_format(resource)
        self.validators = validators_for(resource.gvk, subresource)
        self.new_status: Callable[[], Json | None] = zero_status(resource.gvk)

    # -- create --------------------------------------------------------------------------------------------

    def prepare_for_create(self, context: Context, obj: Json) -> None:
        if self.rules.clears_status:
            self.clear_status(obj)
        if self.rules.starts_generation:
            obj["metadata"]["generation"] = 1

    def clear_status(self, obj: Json) -> None:
        status = self.new_status()
        if status is None:
            obj.pop("status", None)
        else:
            obj["status"] = status

    def validate(self, context: Context, obj: Json) -> list[FieldError]:
        errors = validate_meta("metadata", obj["metadata"], self.name_format, is_namespaced=self.resource.namespaced)
        errors += self.validate_object(context, obj)
        return errors

    def validate_object(self, context: Context, obj: Json) -> list[FieldError]:
        """Rules for the object apart from its metadata."""
        return self.validators.of_create(obj)

    def warnings_on_create(self, context: Context, obj: Json) -> list[str]:
        return []

    # -- update --------------------------------------------------------------------------------------------

    def prepare_for_update(self, context: Context, obj: Json, old: Json) -> None:
        self.keep_stored(obj, old)
        keep_system_meta(obj["metadata"], old["metadata"])
        if self.changes_generation(obj, old):
            obj["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def keep_stored(self, obj: Json, old: Json) -> None:
        for name in self.rules.kept_fields:
            _take(obj, old, name)
        if self.rules.keeps_whole_meta:
            meta = dict(old["metadata"])
            for name in KEPT_BY_META_RESET:
                _take(meta, obj["metadata"], name)
            obj["metadata"] = meta
        for name in self.rules.kept_meta:
            _take(obj["metadata"], old["metadata"], name)

    def changes_generation(self, obj: Json, old: Json) -> bool:
        return any(_differs(name, obj, old) for name in self.rules.generation_fields)

    def validate_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        meta = obj["metadata"]
        if not meta.get("resourceVersion") and not self.allow_unconditional_update:
            return [invalid("metadata.resourceVersion", 0, "must be specified for an update")]
        # kube-apiserver checks metadata once for every kind and once more for this kind, and reports both.
        errors = 2 * validate_meta_update("metadata", meta, old["metadata"])
        errors += validate_meta("metadata", meta, self.name_format, is_namespaced=self.resource.namespaced)
        errors += self.validate_object_update(context, obj, old)
        return errors

    def validate_object_update(self, context: Context, obj: Json, old: Json) -> list[FieldError]:
        """Rules for a change, apart from metadata."""
        return self.validators.of_update(obj, old)

    def warnings_on_update(self, context: Context, obj: Json, old: Json) -> list[str]:
        return []

    # -- delete --------------------------------------------------------------------------------------------

    def grace_period_s(self, context: Context, obj: Json, asked: int | None) -> int | None:
        return None


def keep_system_meta(meta: Json, old: Json) -> None:
    """What no update changes: uid when none is sent, creation and deletion marks, generation."""
    if not meta.get("uid"):
        _take(meta, old, "uid")
    for name in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        _take(meta, old, name)


def _take(target: Json, source: Json, name: str) -> None:
    if name in source:
        target[name] = source[name]
    else:
        target.pop(name, None)


def _differs(name: str, obj: Json, old: Json) -> bool:
    if name == EVERYTHING:
        return _without_metadata(obj) != _without_metadata(old)
    for part in name.split("."):
        obj, old = obj.get(part) or {}, old.get(part) or {}
    return obj != old


def _without_metadata(obj: Json) -> Json:
    return {name: value for name, value in obj.items() if name != "metadata" and value not in ([], {}, None)}


# -- the table ---------------------------------------------------------------------------------------------


@cache
def _entries() -> dict[tuple[str, str, str], Json]:
    return {(e["group"], e["version"], e["resource"]): e for e in table("names")["kinds"]}


def rules_of(resource: Resource, subresource: str = "") -> Rules:
    """The table's entry of one endpoint; a subresource it does not know keeps nothing and resets nothing."""
    entry = _entries().get((resource.group, resource.version, resource.plural), {})
    part = entry.get("subresources", {}).get(subresource or "main", {})
    kept = [_kept_name(text) for text in part.get("updateKeepsStored", ())]
    return Rules(
        allow_create_on_update=entry.get("allowCreateOnUpdate", False),
        allow_unconditional_update=entry.get("allowUnconditionalUpdate", True),
        reset_fields=tuple(part.get("resetFields", ())),
        clears_status="status" in part.get("createClears", ()),
        starts_generation=part.get("generationSetTo1", False),
        generation_fields=tuple(part.get("generationIncrementsOnChangeOf", ())),
        kept_fields=tuple(name for name in kept if name in ("spec", "status")),
        kept_meta=tuple(name for name in kept if name in META_FIELDS),
        keeps_whole_meta=WHOLE_METADATA in kept,
    )


def _kept_name(text: str) -> str:
    if text == "objectMeta" or text.startswith(WHOLE_METADATA):
        return WHOLE_METADATA
    return str(text)
