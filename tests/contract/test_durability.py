"""Stores on disk, on both twins: what survives a cut, a flipped byte, a kill, a full disk, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyk8s import _core as rust
from pyk8s import reference
from pyk8s.errors import Compacted, StoreDamaged, StoreLocked, StoreVersion

LOG = "wal-0000000000000001.log"
KILLS = {"pyk8s._core": 50, "pyk8s.reference": 20}
TWINS = [rust, reference]


def state_of(store: Any) -> Any:
    items = store.range("").items
    return store.revision, [
        (kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease) for kv in items
    ]


def pod(name: str, text: str = "") -> bytes:
    return json.dumps({"metadata": {"name": name}, "text": text}, ensure_ascii=False).encode()


def write_history(store: Any) -> list[Any]:
    """Every kind of mutation; returns the state after each."""
    states = [state_of(store)]

    def step(work: Callable[[], Any]) -> None:
        work()
        states.append(state_of(store))

    for number in range(4):
        step(lambda number=number: store.put(f"/a/{number % 3}", pod(f"o{number}", "é" * number)))
    step(lambda: store.lease_grant(10.0, now_s=0.0))
    step(lambda: store.put("/b/leased", pod("leased"), lease=1))
    step(lambda: store.txn([], [("put", "/c/1", pod("c1"), 0), ("delete", "/a/1"), ("put", "/c/2", pod("c2"), 0)]))
    step(lambda: store.lease_revoke(1))
    step(lambda: store.compact(store.revision - 1))
    return states


def open_objects(engine: Any, path: Path, **options: Any) -> Any:
    return engine.Store.open(str(path), objects=True, **options)


def written_log(engine: Any, path: Path) -> tuple[bytes, list[Any]]:
    store = open_objects(engine, path)
    states = write_history(store)
    store.close()
    return (path / LOG).read_bytes(), states


def store_with_log(path: Path, log: bytes) -> Path:
    path.mkdir(exist_ok=True)
    (path / LOG).write_bytes(log)
    return path


def test_log_cut_at_any_byte_gives_back_a_prefix_of_the_acknowledged_writes(engine: Any, tmp_path: Path) -> None:
    log, states = written_log(engine, tmp_path / "whole")
    newest = 0

    for cut in range(len(log) + 1):
        store = open_objects(engine, store_with_log(tmp_path / "cut", log[:cut]))
        found = state_of(store)
        store.close()
        at = max(index for index, state in enumerate(states) if state == found)
        assert at >= newest or states[at] == states[newest], f"cut at {cut} went back"
        newest = max(at, newest)
        assert os.path.getsize(tmp_path / "cut" / LOG) <= max(cut, 32)

    assert states[newest] == states[-1]


def test_flipped_byte_anywhere_refuses_the_start_and_changes_nothing(engine: Any, tmp_path: Path) -> None:
    log, _ = written_log(engine, tmp_path / "whole")

    for at in range(len(log)):
        flipped = log[:at] + bytes([log[at] ^ 0x10]) + log[at + 1 :]
        path = store_with_log(tmp_path / "flipped", flipped)
        with pytest.raises(StoreDamaged) as refused:
            open_objects(engine, path)
        assert refused.value.path == str(path / LOG)
        assert refused.value.offset <= at
        assert (path / LOG).read_bytes() == flipped


@pytest.mark.parametrize("writer", TWINS, ids=["by-rust", "by-reference"])
def test_files_of_one_twin_are_read_by_the_other(engine: Any, writer: Any, tmp_path: Path) -> None:
    _, states = written_log(writer, tmp_path / "store")
    store = open_objects(engine, tmp_path / "store")
    assert state_of(store) == states[-1]
    store.snapshot_save(str(tmp_path / "saved"))
    store.close()

    writer.Store.snapshot_restore(str(tmp_path / "saved"), str(tmp_path / "restored"))
    restored = open_objects(engine, tmp_path / "restored")

    assert state_of(restored) == states[-1]
    restored.close()


def test_twins_write_the_same_bytes(tmp_path: Path) -> None:
    logs = [written_log(twin, tmp_path / str(index))[0] for index, twin in enumerate(TWINS)]
    for index, twin in enumerate(TWINS):
        store = open_objects(twin, tmp_path / str(index))
        store.snapshot_save(str(tmp_path / f"saved{index}"))
        store.close()

    assert logs[0] == logs[1]
    assert (tmp_path / "saved0").read_bytes() == (tmp_path / "saved1").read_bytes()


OPERATIONS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("abc"), st.binary(max_size=30), st.integers(0, 2)),
    st.tuples(st.just("delete"), st.sampled_from("abc")),
    st.tuples(st.just("grant"), st.integers(1, 2)),
    st.tuples(st.just("revoke"), st.integers(1, 2)),
    st.tuples(st.just("compact")),
    st.tuples(st.just("reopen"), st.booleans()),
)


def _apply(store: Any, operation: tuple[Any, ...]) -> None:
    verb, *arguments = operation
    try:
        if verb == "put":
            store.put(arguments[0], arguments[1], lease=arguments[2])
        elif verb == "delete":
            store.delete(arguments[0])
        elif verb == "grant":
            store.lease_grant(5.0, now_s=1.0, lease=arguments[0])
        elif verb == "revoke":
            store.lease_revoke(arguments[0])
        elif verb == "compact":
            store.compact(store.revision)
    except Exception as refused:
        assert type(refused).__module__ == "pyk8s.errors" or isinstance(refused, ValueError)


@given(operations=st.lists(OPERATIONS, max_size=25), durability=st.sampled_from(["none", "buffered"]))
@settings(max_examples=40, deadline=None)
def test_any_history_survives_reopening_by_either_twin(
    operations: list[tuple[Any, ...]], durability: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("store") / "store"
    memory = reference.Store()
    store = rust.Store.open(str(path), durability=durability, wal_bytes_max=400)

    for operation in operations:
        if operation[0] == "reopen":
            store.close()
            store = TWINS[operation[1]].Store.open(str(path), durability=durability, wal_bytes_max=400)
        else:
            if operation[0] == "compact" and store.compact_revision == store.revision:
                continue
            _apply(memory, operation)
            _apply(store, operation)
        assert state_of(store) == state_of(memory)
    store.close()


@given(garbage=st.binary(max_size=300), at=st.integers(0, 500), kept=st.booleans())
@settings(max_examples=100, deadline=None)
def test_garbage_in_the_log_is_refused_or_cut_alike_by_both_twins(
    garbage: bytes, at: int, kept: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("garbage")
    log, _ = written_log(rust, base / "whole")
    damaged = log[:at] + garbage + (log[at + len(garbage) :] if kept else b"")
    outcomes = []

    for index, twin in enumerate(TWINS):
        path = store_with_log(base / str(index), damaged)
        try:
            store = open_objects(twin, path)
        except (StoreDamaged, StoreVersion) as refused:
            outcomes.append((type(refused), getattr(refused, "offset", None), getattr(refused, "detail", None)))
        else:
            outcomes.append(state_of(store))
            store.close()
    shutil.rmtree(base)

    assert outcomes[0] == outcomes[1]


def test_zero_sector_behind_the_synced_part_is_cut_and_before_it_is_damage(engine: Any, tmp_path: Path) -> None:
    store = open_objects(engine, tmp_path / "whole", durability="fsync")
    for number in range(12):
        store.put(f"/a/{number}", pod(f"o{number}", "x" * 400))
    store.close()
    log = (tmp_path / "whole" / LOG).read_bytes()
    sector_count = len(log) // 512

    last = log[: (sector_count - 1) * 512] + bytes(512) + log[sector_count * 512 :]
    store = open_objects(engine, store_with_log(tmp_path / "last", last))
    assert 9 < store.revision < 13
    store.close()

    middle = log[:1024] + bytes(512) + log[1536:]
    with pytest.raises(StoreDamaged):
        open_objects(engine, store_with_log(tmp_path / "middle", middle))


def test_file_of_another_format_is_refused(engine: Any, tmp_path: Path) -> None:
    log, _ = written_log(engine, tmp_path / "whole")
    checked = log[:8] + struct.pack("<I", 7) + log[12:28]
    newer = checked + struct.pack("<I", crc32(checked)) + log[32:]

    with pytest.raises(StoreVersion) as refused:
        open_objects(engine, store_with_log(tmp_path / "newer", newer))

    assert (refused.value.found, refused.value.supported) == (7, 1)


def test_missing_first_segment_is_damage(engine: Any, tmp_path: Path) -> None:
    written_log(engine, tmp_path / "store")
    (tmp_path / "store" / LOG).rename(tmp_path / "store" / LOG.replace("1.log", "2.log"))

    with pytest.raises(StoreDamaged):
        open_objects(engine, tmp_path / "store")


def test_unknown_durability_is_refused(engine: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="durability"):
        engine.Store.open(str(tmp_path / "store"), durability="perhaps")


# -- snapshots ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["none", "buffered", "fsync"])
def test_log_gives_way_to_a_snapshot_and_leases_outlive_it(engine: Any, durability: str, tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = open_objects(engine, path, durability=durability, wal_bytes_max=20_000)
    store.lease_grant(10.0, now_s=5.0, lease=7)
    store.put("/leased", pod("leased"), lease=7)
    for number in range(100_000):
        store.put(f"/a/{number % 20}", pod(f"o{number}", "x" * 400))
        if list(path.glob("*.snap")):
            break
        if durability == "none" and number % 100 == 0:
            store.sync()
    expected = state_of(store)
    store.close()

    assert list(path.glob("*.snap"))
    store = open_objects(engine, path, durability=durability)
    assert state_of(store) == expected
    watch = store.watch("/", start_revision=2)
    with pytest.raises(Compacted):
        watch.poll()
    assert store.advance(14.9, history_s=0) == 0
    assert store.advance(15.1, history_s=0) == 1
    assert store.get("/leased") is None
    assert store.lease_grant(1.0, now_s=15.0) == 8
    store.close()


def test_history_since_the_last_snapshot_can_be_watched_after_a_restart(engine: Any, tmp_path: Path) -> None:
    source = open_objects(engine, tmp_path / "source")
    source.put("/a", pod("a"))
    source.snapshot_save(str(tmp_path / "saved"))
    source.close()
    engine.Store.snapshot_restore(str(tmp_path / "saved"), str(tmp_path / "store"))
    store = open_objects(engine, tmp_path / "store")
    store.put("/b", pod("b"))
    store.delete("/a")
    store.close()

    store = open_objects(engine, tmp_path / "store")
    events = store.watch("/", start_revision=3).poll()

    assert [(event.type, event.kv.key, event.revision) for event in events] == [
        ("ADDED", "/b", 3),
        ("DELETED", "/a", 4),
    ]
    assert store.get("/a", 3).value == source_value("a", 2)
    store.close()


def source_value(name: str, revision: int) -> bytes:
    return f'{{"metadata": {{"resourceVersion":"{revision}","name": "{name}"}}, "text": ""}}'.encode()


def test_snapshot_is_not_restored_over_anything(engine: Any, tmp_path: Path) -> None:
    store = engine.Store()
    store.put("/a", b"x")
    assert store.snapshot_save(str(tmp_path / "saved")) == 2
    (tmp_path / "there").mkdir()

    with pytest.raises(FileExistsError):
        engine.Store.snapshot_restore(str(tmp_path / "saved"), str(tmp_path / "there"))
    with pytest.raises(FileNotFoundError):
        engine.Store.snapshot_restore(str(tmp_path / "missing"), str(tmp_path / "new"))


def test_snapshot_cut_or_flipped_anywhere_is_refused(engine: Any, tmp_path: Path) -> None:
    store = engine.Store()
    store.lease_grant(3.0, now_s=1.0)
    store.put("/a", b"x" * 40, lease=1)
    store.put("/b", b"y")
    store.snapshot_save(str(tmp_path / "saved"))
    saved = (tmp_path / "saved").read_bytes()
    bad = tmp_path / "bad"

    for at in range(len(saved)):
        for data in (saved[:at], saved[:at] + bytes([saved[at] ^ 1]) + saved[at + 1 :]):
            bad.write_bytes(data)
            with pytest.raises(StoreDamaged):
                engine.Store.snapshot_restore(str(bad), str(tmp_path / "new"))

    assert not (tmp_path / "new").exists()


# -- locks -------------------------------------------------------------------------------------------------------------


def test_store_is_open_once_and_close_lets_go_of_it(engine: Any, tmp_path: Path) -> None:
    store = engine.Store.open(str(tmp_path / "store"))

    for twin in TWINS:
        with pytest.raises(StoreLocked):
            twin.Store.open(str(tmp_path / "store"))
    store.close()

    engine.Store.open(str(tmp_path / "store")).close()


WRITER = """
import importlib, sys
engine = importlib.import_module(sys.argv[1])
store = engine.Store.open(sys.argv[2], objects=True, durability=sys.argv[3], wal_bytes_max=30_000)
number = store.revision
text = "x" * 200
print(f"open {number}", flush=True)
while True:
    number += 1
    name = f"o{number}"
    body = f'{{"metadata":{{"name":"{name}"}},"text":"{text}"}}'.encode()
    kv = store.put(f"/a/{number % 50}", body)
    print(f"{kv.mod_revision} {kv.key} {name}", flush=True)
"""


def start_writer(engine: Any, path: Path, durability: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, engine.__name__, str(path), durability]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_acknowledged(writer: subprocess.Popen[str], line_count: int) -> dict[str, tuple[int, str]]:
    """What the writer said it had written: ``line_count`` lines, then it is killed, and whatever it still said."""
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(line_count)]
    writer.kill()
    lines += [line for line in writer.stdout if line.endswith("\n")]
    told = (line.split() for line in lines)
    return {key: (int(revision), name) for revision, key, name in told}


@pytest.mark.parametrize("durability", ["buffered", "fsync"])
def test_killed_writer_loses_no_acknowledged_write(engine: Any, durability: str, tmp_path: Path) -> None:
    acknowledged: dict[str, tuple[int, str]] = {}
    untold: set[int] = set()
    last_revision = 1

    def check_opened(revision: int) -> None:
        """At most the one write that was under way when the writer was killed may be there unacknowledged."""
        assert last_revision <= revision <= last_revision + 1
        if revision > last_revision:
            untold.add(revision)

    for number in range(KILLS[engine.__name__] // 2):
        with start_writer(engine, tmp_path / "store", durability) as writer:
            assert writer.stdout is not None
            check_opened(int(writer.stdout.readline().split()[1]))
            told = read_acknowledged(writer, 1 + number * 7 % 40)
        acknowledged.update(told)
        last_revision = max(revision for revision, _ in told.values())

    store = open_objects(engine, tmp_path / "store")
    check_opened(store.revision)
    for key, (revision, name) in acknowledged.items():
        kv = store.get(key)
        assert kv.mod_revision == revision or (kv.mod_revision > revision and kv.mod_revision in untold)
        if kv.mod_revision == revision:
            assert json.loads(kv.value)["metadata"] == {"name": name, "resourceVersion": str(revision)}
    assert all(json.loads(kv.value)["text"] == "x" * 200 for kv in store.range("/a/").items)
    store.close()


def test_lock_of_a_killed_process_is_taken_over(engine: Any, tmp_path: Path) -> None:
    with start_writer(engine, tmp_path / "store", "buffered") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(StoreLocked) as refused:
            engine.Store.open(str(tmp_path / "store"))
        assert refused.value.path == str(tmp_path / "store")
        writer.kill()
        writer.stdout.read()

    assert (tmp_path / "store" / "lock").exists()
    engine.Store.open(str(tmp_path / "store")).close()


# -- a full disk -------------------------------------------------------------------------------------------------------

FULL_DISK = """
import importlib, json, resource, sys
engine = importlib.import_module(sys.argv[1])
store = engine.Store.open(sys.argv[2], objects=True, durability=sys.argv[3], wal_bytes_max=1 << 30)
watch = store.watch("/")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
written, failed = 0, []
for number in range(40):
    try:
        store.put(f"/a/{number}", b'{"metadata":{"name":"a"},"text":"%s"}' % (b"x" * (50 + number)))
        written += 1
    except OSError as error:
        failed.append(error.errno)
told = {"written": written, "errnos": sorted(set(failed)), "failed": len(failed), "revision": store.revision}
told["keys"] = store.count("/")
told["events"] = len(watch.poll())
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
told["after"] = store.put("/b", b'{"metadata":{"name":"b"}}').mod_revision
store.close()
print(json.dumps(told))
"""


@pytest.mark.parametrize("durability", ["buffered", "fsync"])
def test_full_disk_fails_the_write_and_nothing_else(engine: Any, durability: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, engine.__name__, str(tmp_path / "store"), durability]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    assert told["written"] > 10
    assert told["failed"] == 40 - told["written"] > 10
    assert told["errnos"] == [27], "EFBIG, which stands for ENOSPC here"
    assert told["revision"] == 1 + told["written"]
    assert told["keys"] == told["events"] == told["written"]
    assert told["after"] == told["revision"] + 1
    store = open_objects(engine, tmp_path / "store")
    assert store.revision == told["after"]
    assert store.count("/a/") == told["written"]
    store.close()


# -- durable before seen -----------------------------------------------------------------------------------------------


def test_durable_revision_follows_the_writes(engine: Any, tmp_path: Path) -> None:
    for durability, expected in (("none", 0), ("buffered", 2), ("fsync", 2)):
        store = engine.Store.open(str(tmp_path / durability), durability=durability)
        store.put("/a", b"x")
        assert store.durable_revision == expected
        store.sync()
        store.close()


def test_many_writers_share_fsyncs_and_a_watch_sees_every_write_once(engine: Any, tmp_path: Path) -> None:
    store = engine.Store.open(str(tmp_path / "store"), durability="fsync")
    watch = store.watch("/")
    late: list[int] = []

    def write(writer: int) -> None:
        for number in range(10):
            kv = store.put(f"/{writer}/{number}", b"x")
            if store.durable_revision < kv.mod_revision:
                late.append(kv.mod_revision)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert late == []
    assert [event.revision for event in watch.poll(1000)] == list(range(2, 162))
    store.close()


def test_watch_is_told_of_a_change_only_when_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = reference.Store.open(str(tmp_path / "store"), durability="fsync")
    is_syncing, may_end = threading.Event(), threading.Event()

    def slow_sync() -> None:
        is_syncing.set()
        assert may_end.wait(10)

    monkeypatch.setattr(store.journal.segment, "sync", slow_sync)
    synced, unsynced = store.watch("/"), store.watch("/", start_revision=1)
    writer = threading.Thread(target=store.put, args=("/a", b"x"))
    writer.start()
    assert is_syncing.wait(10)

    seen_before = synced.poll() + unsynced.poll()
    progress = synced.progress_revision
    may_end.set()
    writer.join()

    assert (seen_before, progress) == ([], 1)
    assert [event.revision for event in synced.poll() + unsynced.poll()] == [2, 2]
    store.close()


def test_failed_fsync_ends_all_writing_and_no_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = reference.Store.open(str(tmp_path / "store"), durability="fsync")
    store.put("/a", b"x")

    def broken_sync() -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store.journal.segment, "sync", broken_sync)
    with pytest.raises(OSError, match="Input/output"):
        store.put("/b", b"x")
    monkeypatch.undo()
    with pytest.raises(OSError, match="Input/output"):
        store.put("/c", b"x")

    assert store.get("/a").value == b"x"
    assert store.get("/c") is None
