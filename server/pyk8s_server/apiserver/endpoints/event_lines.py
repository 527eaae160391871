"""Lines of a watch stream: events as the client wants to see them.

Always true: a plain stream's lines come from the engine as they are; only tables, metadata forms and converted kinds
are decoded.
"""

from __future__ import annotations

from typing import Any

import orjson
from pyk8s.api.status import StatusError
from pyk8s.core.interfaces import Watch

from pyk8s_server.apiserver.endpoints import protobuf
from pyk8s_server.apiserver.endpoints.call import Backend, Call
from pyk8s_server.apiserver.endpoints.table import metadata_of, printer_of, table

Json = dict[str, Any]

INITIAL_END = {"k8s.io/initial-events-end": "true"}
POLL_COUNT_MAX = 500


class EventLines:
    """Encodes events of one watch."""

    def __init__(self, backend: Backend, call: Call) -> None:
        self._backend, self._call = backend, call
        self._is_protobuf = call.form.media == "protobuf"
        self._is_plain = call.form.is_plain and call.scope.convert is None
        self._sent_columns = False
        if call.form.kind == "Table":
            printer_of(call)

    def poll(self, watch: Watch, max_bytes: int) -> bytes:
        """The next events' lines, b"" when there are none. Raises Compacted, WatchOverflow."""
        if self._is_plain:
            return watch.poll_encoded(max_bytes)
        events = watch.poll(POLL_COUNT_MAX)
        return b"".join([self._line(event.type, orjson.loads(event.kv.value)) for event in events])

    def added(self, value: bytes) -> bytes:
        """The line of an object that is there when the watch begins."""
        if self._is_plain:
            return b'{"type":"ADDED","object":' + value + b"}\n"
        return self._line("ADDED", orjson.loads(value))

    def bookmark(self, revision: int, *, is_initial_end: bool = False) -> bytes:
        """A line that tells how far the stream is."""
        meta: Json = {"resourceVersion": str(revision)}
        if is_initial_end:
            meta["annotations"] = INITIAL_END
        resource = self._call.scope.resource
        obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        return self._encoded("BOOKMARK", self._formed(self._zero(obj)))

    def error(self, error: StatusError) -> bytes:
        return self._encoded("ERROR", error.to_dict())

    def _zero(self, obj: Json) -> Json:
        """An object of the kind with nothing but ``obj`` set, as Go writes it."""
        if self._call.form.kind:
            return obj
        decoded = self._backend.scheme.decode_json(self._call.scope.resource.gvk, orjson.dumps(obj))
        found: Json = orjson.loads(decoded.value)
        return found

    def _line(self, kind: str, obj: Json) -> bytes:
        convert = self._call.scope.convert
        return self._encoded(kind, self._formed(obj if convert is None else convert.from_stored(obj)))

    def _formed(self, obj: Json) -> Json:
        form = self._call.form
        if form.kind == "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            now_s = self._backend.clock.now_s()
            body = table(self._call, [obj], meta, now_s=now_s, with_columns=not self._sent_columns)
            self._sent_columns = True
            return body
        return metadata_of(form, obj) if form.kind else obj

    def _encoded(self, kind: str, obj: Json) -> bytes:
        if self._is_protobuf:
            # A kind without a protobuf form is refused before a stream begins, and a Status has one.
            return protobuf.watch_frame(kind, orjson.dumps(obj)) or b""
        return orjson.dumps({"type": kind, "object": obj}) + b"\n"
