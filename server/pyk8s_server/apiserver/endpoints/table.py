"""Tables and metadata-only forms of objects, lists and watch events.

Always true: a table's rows are in the order of its objects; its metadata is that of the list or object it shows.
Not here: columns and cells (see `registry.printers`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from pyk8s.api.field import FieldError
from pyk8s.api.status import bad_request

from pyk8s_server.apiserver.endpoints.call import Call
from pyk8s_server.apiserver.endpoints.negotiation import Form, not_acceptable
from pyk8s_server.apiserver.interfaces import Column, Printer

Json = dict[str, Any]

INCLUDE = ("", "Metadata", "Object", "None")


def printer_of(call: Call) -> Printer:
    """The kind's printer. Raises StatusError 406 for kinds that have no table, 400 for a bad ``includeObject``."""
    include = call.params.get("includeObject", "")
    if include not in INCLUDE:
        detail = "must be 'Metadata', 'Object', 'None', or empty"
        error = FieldError("includeObject", "Invalid value", include, detail)
        raise bad_request(f"Unable to convert to Table as requested: {error.text()}")
    printer = call.printer or call.scope.printer
    if printer is None:
        raise not_acceptable()
    return printer


def metadata_of(form: Form, obj: Json) -> Json:
    """An object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": form.api_version, "metadata": obj.get("metadata", {})}


def object_table(call: Call, value: bytes, *, now_s: float) -> bytes:
    """The table of one object, encoded."""
    obj = orjson.loads(value)
    meta = {"resourceVersion": obj.get("metadata", {}).get("resourceVersion", "")}
    return orjson.dumps(table(call, [obj], meta, now_s=now_s))


def table(call: Call, objects: Iterable[Json], meta: Json, *, now_s: float, with_columns: bool = True) -> Json:
    """A Table of ``objects``.

    Args:
        now_s: what ages are counted from.
        with_columns: False leaves the definitions out, as later events of a watch do.
    """
    printer = printer_of(call)
    include = call.params.get("includeObject") or "Metadata"
    body: Json = {"kind": "Table", "apiVersion": call.form.api_version, "metadata": meta}
    body["columnDefinitions"] = [_column(column) for column in printer.columns] if with_columns else None
    body["rows"] = [_row(call, printer, obj, include, now_s) for obj in objects]
    return body


def _column(column: Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(call: Call, printer: Printer, obj: Json, include: str, now_s: float) -> Json:
    cells, conditions = printer.row(obj, now_s)
    row: Json = {"cells": cells}
    if conditions:
        row["conditions"] = conditions
    if include == "Metadata":
        row["object"] = metadata_of(call.form, obj)
    elif include == "Object":
        row["object"] = obj
    else:
        row["object"] = None
    return row
