"""The engine's contract: what both twins fulfil, method by method.

Always true: the Rust extension and `pyk8s.reference` have exactly these names and meanings;
`tests/contract` runs one suite on both, and stubtest checks the extension's stub.
Not here: any implementation, any choice between the twins (see `pyk8s.core`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class KeyValue(Protocol):
    """One version of one key, as etcd's mvccpb.KeyValue."""

    @property
    def key(self) -> str: ...
    @property
    def value(self) -> bytes: ...
    @property
    def create_revision(self) -> int: ...
    @property
    def mod_revision(self) -> int: ...
    @property
    def version(self) -> int:
        """Number of writes since the key was created; 1 after the create."""

    @property
    def lease(self) -> int:
        """Lease id, 0 for none."""


class Event(Protocol):
    """One change as one watcher sees it, after its selection.

    ``type`` is ADDED when the key was created or entered the selection, DELETED when it was removed or left it.
    ``kv.value`` of a DELETED event is the last value (with the deletion's revision as its resourceVersion in
    an object store); ``kv.mod_revision`` is the revision of the change.
    """

    @property
    def type(self) -> EventType: ...
    @property
    def kv(self) -> KeyValue: ...
    @property
    def prev_value(self) -> bytes | None: ...
    @property
    def revision(self) -> int: ...


class RangeResult(Protocol):
    @property
    def items(self) -> Sequence[KeyValue]: ...
    @property
    def more(self) -> bool:
        """True when the limit cut the answer short."""

    @property
    def count(self) -> int:
        """Keys in the range at that revision, whatever the limit and the selection."""

    @property
    def revision(self) -> int:
        """The revision that was read."""


class EncodedList(Protocol):
    """A page of a list, ready to be put between ``"items":[`` and ``]``."""

    @property
    def body(self) -> bytes:
        """The objects joined by commas; without their kind and apiVersion when asked so."""

    @property
    def item_count(self) -> int: ...
    @property
    def more(self) -> bool: ...
    @property
    def last_key(self) -> str:
        """Key of the last object returned, "" when there is none: go on after it."""

    @property
    def remaining_count(self) -> int:
        """Keys after this page (before selection); meaningful without a selection."""

    @property
    def revision(self) -> int: ...


class Selection(Protocol):
    """A label selector and a field selector, both parsed. Built by `pyk8s.core.Selection`."""

    def __init__(self, labels: str = "", fields: str = "") -> None:
        """Parse both selectors; "" selects everything.

        Raises:
            SelectorError: with Kubernetes' own words.
        """

    @classmethod
    def from_label_selector(cls, selector: bytes) -> Selection:
        """The selection of a metav1.LabelSelector in JSON: ``null`` selects nothing, ``{}`` everything.

        Raises:
            SelectorError: with Kubernetes' own words.
        """

    def matches(self, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool: ...

    @property
    def is_everything(self) -> bool: ...
    @property
    def is_nothing(self) -> bool:
        """True only for the selection of an absent LabelSelector, which no object fulfils."""

    @property
    def field_requirements(self) -> list[tuple[str, str, str]]:
        """(field, "=" | "!=", value), sorted by the terms' text as Kubernetes reads them; "==" is given as "="."""

    @property
    def label_requirements(self) -> list[tuple[str, str, list[str]]]:
        """(key, operator, values); operators: in, notin, =, !=, exists, !, gt, lt. Sorted by key."""

    def __str__(self) -> str:
        """Canonical form, as kube-apiserver prints it: labels only."""


class Watch(Protocol):
    """One watcher: strictly rising revisions, none twice, none left out."""

    @property
    def id(self) -> int: ...
    @property
    def progress_revision(self) -> int:
        """Every event up to this revision has been polled or does not concern this watcher."""

    def poll(self, max_count: int = 1000) -> list[Event]:
        """The next events, at most ``max_count``, [] when there is none yet. Never blocks.

        Raises:
            Compacted: the start revision is (or came to be) compacted.
            WatchOverflow: the backlog was full; raised after the events queued before the cut were polled.
        """

    def poll_encoded(self, max_bytes: int = 1 << 20) -> bytes:
        """The next events as JSON lines ``{"type":…,"object":…}\\n``: what kube-apiserver sends. b"" when none.

        At least one event is returned when one is there, whatever ``max_bytes``. Raises as `poll`.
        """

    def close(self) -> None: ...


class Notifier(Protocol):
    """Tells one event loop which of its watches became readable: one descriptor for all of them."""

    def fileno(self) -> int:
        """A descriptor that is readable while `ready` would return something; for ``loop.add_reader``."""

    def ready(self) -> list[int]:
        """Ids of the watches that became readable since the last call; clears the descriptor."""

    def close(self) -> None: ...


class Transaction(Protocol):
    """Outcome of `Store.txn`."""

    @property
    def succeeded(self) -> bool: ...
    @property
    def revision(self) -> int: ...
    @property
    def results(self) -> Sequence[KeyValue | None]:
        """One per executed operation: the kv written, read, or deleted (its last state); None where absent."""


Compare = tuple[str, Literal["mod", "create", "version", "value"], Literal["=", "!=", "<", ">"], int | bytes]
"""(key, target, operator, operand); an absent key has mod, create and version 0 and fails every value comparison."""

Operation = (
    tuple[Literal["put"], str, bytes, int]  # key, value, lease (0: none)
    | tuple[Literal["delete"], str]
    | tuple[Literal["get"], str]
)

Durability = Literal["none", "buffered", "fsync"]


class Store(Protocol):
    """A multi-version key-value store with watches: etcd's semantics in process.

    The revision starts at 1 and rises by one per write transaction. Keys are ordered by their UTF-8 bytes.
    With ``objects=True`` values are JSON objects: the store parses each one's envelope (labels and the
    selectable fields), and writes the commit's revision into ``metadata.resourceVersion``.
    Thread-safe; no method blocks for long but those named so.
    """

    def __init__(self, *, objects: bool = False) -> None: ...

    @classmethod
    def open(
        cls,
        path: str,
        *,
        objects: bool = False,
        durability: Durability = "buffered",
        wal_bytes_max: int = 64 << 20,
    ) -> Store:
        """Open or create the store in directory ``path``; recovers, cutting a torn tail.

        With "fsync" a watch is told of a change only when it is durable. A write that finds no room on the disk raises
        OSError and changes nothing; after a failed fsync every further write does.

        Args:
            wal_bytes_max: log after which a snapshot takes its place (more, if the last snapshot was larger); history
                before the last snapshot is not there after the next `open`.
        Raises:
            StoreDamaged, StoreVersion, StoreLocked, OSError.
        """

    @property
    def revision(self) -> int: ...
    @property
    def compact_revision(self) -> int: ...
    @property
    def durable_revision(self) -> int:
        """Newest revision that would survive a crash of the machine (fsync) or of the process (buffered)."""

    # -- reading -------------------------------------------------------------------------------------------

    def get(self, key: str, revision: int = 0) -> KeyValue | None:
        """The key at ``revision`` (0: now). Raises Compacted, FutureRevision."""

    def range(
        self,
        prefix: str,
        *,
        start_after: str = "",
        limit: int = 0,
        revision: int = 0,
        selection: Selection | None = None,
    ) -> RangeResult:
        """Keys under ``prefix`` in byte order, after ``start_after``; ``limit`` counts selected keys, 0 is no limit."""

    def list_encoded(
        self,
        prefix: str,
        *,
        start_after: str = "",
        limit: int = 0,
        revision: int = 0,
        selection: Selection | None = None,
        strip_type: bool = True,
    ) -> EncodedList:
        """Objects under ``prefix`` joined into one page. ``strip_type`` leaves out each item's kind and apiVersion."""

    def count(self, prefix: str) -> int: ...

    # -- writing -------------------------------------------------------------------------------------------

    def put(self, key: str, value: bytes, *, lease: int = 0) -> KeyValue: ...
    def create(self, key: str, value: bytes, *, lease: int = 0) -> KeyValue:
        """Raises KeyExists."""

    def create_many(self, items: Sequence[tuple[str, bytes]]) -> list[int]:
        """Create many (key, value), each at a revision of its own, as one wait for the lock and the disk.

        Returns their revisions, 0 for a key that was there already. An item that is refused otherwise is raised after
        the others were written.
        """

    def update(self, key: str, value: bytes, *, expected: int, lease: int = 0) -> KeyValue:
        """Compare-and-swap on the mod revision. Raises Conflict, KeyNotFound."""

    def delete(self, key: str, *, expected: int = 0) -> KeyValue:
        """Remove the key; ``expected`` 0 is any revision.

        Returns its last value: mod_revision is the deletion's revision and, in an object store,
        so is the value's resourceVersion. Raises KeyNotFound, Conflict.
        """

    def txn(
        self, compares: Sequence[Compare], success: Sequence[Operation], failure: Sequence[Operation] = ()
    ) -> Transaction:
        """All compares hold: run ``success``, else ``failure``; atomically, at one revision.

        A key may be written at most once in a transaction (ValueError otherwise), as in etcd.
        """

    # -- watching ------------------------------------------------------------------------------------------

    def watch(
        self,
        prefix: str,
        *,
        start_revision: int = 0,
        selection: Selection | None = None,
        notifier: Notifier | None = None,
        backlog_max: int = 10_000,
    ) -> Watch:
        """Every change under ``prefix`` with a revision >= ``start_revision`` (0: from the next one on).

        A compacted start is told by the first `Watch.poll`, not here. A start in the future delivers nothing before it.
        """

    def notifier(self) -> Notifier: ...

    # -- configuration of an object store --------------------------------------------------------------------

    def set_fields(self, prefix: str, fields: Sequence[tuple[str, str, str]]) -> None:
        """Name the selectable fields of objects under ``prefix``: (label, paths, default).

        ``paths`` is one dotted path or several joined by "|": the first that is present and not empty counts.
        Values are compared as text: booleans as true/false, numbers in decimal, arrays of ``{ip: x}`` joined by ",".
        metadata.name and metadata.namespace are always there. Must be called before the first write under the prefix
        (after `open`: re-parses what is there).
        """

    # -- time ------------------------------------------------------------------------------------------------

    def advance(self, now_s: float, *, history_s: float = 300.0) -> int:
        """Tell the store the time: expires leases (deleting their keys), compacts history older than ``history_s``.

        ``history_s`` <= 0 keeps everything. Returns the number of keys deleted. Time must not run backwards (ignored).
        """

    def lease_grant(self, ttl_s: float, *, now_s: float, lease: int = 0) -> int:
        """A new lease (id chosen when 0, counting from 1)."""

    def lease_keepalive(self, lease: int, *, now_s: float) -> float:
        """Start the TTL anew; returns it. Raises LeaseNotFound."""

    def lease_revoke(self, lease: int) -> int:
        """Delete the lease and its keys (one revision); returns their count. Raises LeaseNotFound."""

    # -- history -----------------------------------------------------------------------------------------------

    def compact(self, revision: int) -> None:
        """Forget every version superseded at or before ``revision``. Raises Compacted, FutureRevision."""

    def fork(self, revision: int = 0) -> Store:
        """An independent in-memory store with the content (and history up to) ``revision``; O(1), nothing is copied."""

    # -- files -------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Make everything written so far durable (fsync). Blocks; releases the GIL."""

    def snapshot_save(self, path: str) -> int:
        """Write the present content to one file, atomically; returns its revision."""

    @classmethod
    def snapshot_restore(cls, snapshot: str, path: str) -> None:
        """Make a store directory at ``path`` (must not exist) from a snapshot file.

        Raises:
            StoreDamaged, FileExistsError.
        """

    def close(self) -> None: ...

    def stats(self) -> dict[str, int]:
        """keys, revisions, watchers, value_bytes, wal_bytes and the like, for /metrics."""


class Decoded(Protocol):
    @property
    def value(self) -> bytes:
        """The object as compact JSON, kind and apiVersion first, then metadata; unknown fields are gone."""

    @property
    def problems(self) -> list[str]:
        """What strict decoding would refuse: ``unknown field "spec.foo"``, ``duplicate field "spec.bar"``."""


class Scheme(Protocol):
    """Everything that depends on the built-in types: decoding, defaults, typed patches, managed fields.

    A kind is named "group/version/Kind", or "version/Kind" for the core group: "apps/v1/Deployment", "v1/Pod".
    JSON goes in and comes out as bytes. Built once per process from the tables of `pyk8s.api.data`.
    """

    def __init__(self, tables: bytes) -> None:
        """``tables``: one JSON document {"schema": …, "protobuf": …, "defaults": …}; see `pyk8s.api.tables`."""

    def decode_json(self, kind: str, body: bytes) -> Decoded:
        """Read a body as ``kind``: types checked, unknown fields dropped and reported, zero values kept as sent.

        Normalises as Go's decoder does: null for a non-pointer is left out, quantities are canonical, times are
        RFC 3339 in UTC. ``kind``/``apiVersion`` missing in the body are filled in.
        Raises:
            DecodeError: syntax or type errors, in kube-apiserver's words.
        """

    def decode_protobuf(self, body: bytes, kind: str = "") -> tuple[str, bytes]:
        """(kind, JSON) of an enveloped protobuf body; ``kind`` is the one expected, "" when any will do.

        Raises:
            DecodeError: damaged bytes, an unknown kind, or another kind than the one expected.
        """

    def default(self, kind: str, value: bytes) -> bytes:
        """Versioned defaulting."""

    def strategic_merge_patch(self, kind: str, original: bytes, patch: bytes) -> bytes:
        """The patched object; kind and apiVersion stay. Unknown fields are still there, defaults are not yet.

        Raises:
            PatchError: "invalid" when the result does not fit the types.
        """

    def update_managed_fields(
        self,
        kind: str,
        old: bytes,
        new: bytes,
        *,
        manager: str,
        time: str,
        subresource: str = "",
        reset_fields: Sequence[str] = (),
    ) -> bytes:
        """``new`` with metadata.managedFields as an Update by ``manager`` leaves them.

        Args:
            old: the live object with its managedFields; b"" on create.
            time: RFC 3339, given to every entry that changed.
            reset_fields: dotted paths ("status", "metadata.labels") whose ownership this endpoint never takes.

        Call it with what the client asked for, decoded and defaulted, before admission and before the kind's strategy:
        what these add, nobody owns. Raises DecodeError (syntax only).
        """


class Patches(Protocol):
    """Untyped patches; module functions `pyk8s.core.json_patch` and `merge_patch`."""

    def json_patch(self, original: bytes, patch: bytes) -> bytes:
        """RFC 6902. Raises PatchError."""

    def merge_patch(self, original: bytes, patch: bytes) -> bytes:
        """RFC 7386. Raises PatchError."""


Json = dict[str, Any]
