"""Both stores under any sequence of calls: the mirror compares their answers after each one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from pyk8s.core import mirror
from pyk8s.errors import EngineError

KEYS = st.sampled_from(["/pods/a", "/pods/a/b", "/pods/b", "/pods/é", "/nodes/a", "/nodes/b"])
PREFIXES = st.sampled_from(["", "/", "/pods/", "/pods/a", "/nodes/", "/none/"])
LABELS = st.sampled_from(["", "app=web", "app", "!app", "app in (web,db)", "app!=web", "tier=front,app=web"])
FIELDS = st.sampled_from(["", "status.phase=Running", "status.phase!=Running", "status.phase=", "metadata.name=a"])
LEASES = st.sampled_from([0, 0, 0, 1, 2, 3])
COUNTS = st.sampled_from([0, 1, 2, 1000])
REVISIONS = st.integers(0, 40)


def pod(name: str, app: str, tier: str, phase: str) -> bytes:
    labels = ",".join(f'"{key}":"{value}"' for key, value in (("app", app), ("tier", tier)) if value)
    status = f',"status":{{"phase":"{phase}"}}' if phase else ""
    return f'{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{name}","labels":{{{labels}}}}}{status}}}'.encode()


VALUES = st.builds(
    pod,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["", "web", "db"]),
    st.sampled_from(["", "front"]),
    st.sampled_from(["", "Running", "Failed"]),
)
OPERATIONS = st.one_of(
    st.tuples(st.just("put"), KEYS, VALUES, LEASES),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("get"), KEYS),
)
COMPARES = st.one_of(
    st.tuples(KEYS, st.sampled_from(["mod", "create", "version"]), st.sampled_from("=<>"), st.integers(0, 9)),
    st.tuples(KEYS, st.just("value"), st.sampled_from(["=", "!=", "<", ">"]), VALUES),
)


def selection(labels: str, fields: str) -> Any:
    return mirror.Selection(labels, fields) if labels or fields else None


class Stores(RuleBasedStateMachine):
    """Calls on one store of objects, its forks and its watches."""

    stores = Bundle("stores")
    watches = Bundle("watches")

    @initialize(target=stores)
    def start(self) -> Any:
        self.now_s = 0.0
        store = mirror.Store(objects=True)
        store.set_fields("/pods/", [("status.phase", "status.phase", "")])
        self.notifier = store.notifier()
        return store

    def call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        """A call that may be refused; the mirror has compared the refusals already."""
        try:
            return method(*args, **kwargs)
        except (EngineError, ValueError):
            return None

    @rule(store=stores, key=KEYS, value=VALUES, lease=LEASES)
    def put(self, store: Any, key: str, value: bytes, lease: int) -> None:
        self.call(store.put, key, value, lease=lease)

    @rule(store=stores, key=KEYS, value=VALUES)
    def create(self, store: Any, key: str, value: bytes) -> None:
        self.call(store.create, key, value)

    @rule(store=stores, key=KEYS, value=VALUES, expected=REVISIONS, is_right=st.booleans())
    def update(self, store: Any, key: str, value: bytes, expected: int, is_right: bool) -> None:
        kv = store.get(key)
        self.call(store.update, key, value, expected=kv.mod_revision if kv and is_right else expected)

    @rule(store=stores, key=KEYS, expected=st.sampled_from([0, 0, 5]))
    def delete(self, store: Any, key: str, expected: int) -> None:
        self.call(store.delete, key, expected=expected)

    @rule(
        store=stores,
        compares=st.lists(COMPARES, max_size=2),
        success=st.lists(OPERATIONS, max_size=4),
        failure=st.lists(OPERATIONS, max_size=2),
    )
    def txn(self, store: Any, compares: list[Any], success: list[Any], failure: list[Any]) -> None:
        self.call(store.txn, compares, success, failure)

    @rule(store=stores, prefix=PREFIXES, after=st.one_of(st.just(""), KEYS), limit=COUNTS, revision=REVISIONS)
    def read(self, store: Any, prefix: str, after: str, limit: int, revision: int) -> None:
        self.call(store.range, prefix, start_after=after, limit=limit, revision=revision)

    @rule(store=stores, prefix=PREFIXES, limit=COUNTS, revision=REVISIONS, labels=LABELS, fields=FIELDS)
    def select(self, store: Any, prefix: str, limit: int, revision: int, labels: str, fields: str) -> None:
        self.call(store.range, prefix, limit=limit, selection=selection(labels, fields))
        self.call(store.list_encoded, prefix, limit=limit, revision=revision, selection=selection(labels, fields))

    @rule(store=stores, key=KEYS, revision=REVISIONS)
    def look_back(self, store: Any, key: str, revision: int) -> None:
        self.call(store.get, key, revision)

    @rule(
        target=watches,
        store=stores,
        prefix=PREFIXES,
        start=REVISIONS,
        labels=LABELS,
        fields=FIELDS,
        backlog_max=st.sampled_from([0, 1, 3, 10_000]),
    )
    def watch(self, store: Any, prefix: str, start: int, labels: str, fields: str, backlog_max: int) -> Any:
        return store.watch(
            prefix,
            start_revision=start,
            selection=selection(labels, fields),
            notifier=self.notifier,
            backlog_max=backlog_max,
        )

    @rule(watch=watches, count=COUNTS)
    def poll(self, watch: Any, count: int) -> None:
        self.call(watch.poll, count)
        assert watch.progress_revision >= 0

    @rule(watch=watches, max_bytes=st.sampled_from([0, 150, 1 << 20]))
    def poll_encoded(self, watch: Any, max_bytes: int) -> None:
        self.call(watch.poll_encoded, max_bytes)

    @rule(watch=watches)
    def close(self, watch: Any) -> None:
        watch.close()

    @rule(store=stores, revision=REVISIONS)
    def compact(self, store: Any, revision: int) -> None:
        self.call(store.compact, revision)

    @rule(target=stores, store=stores, revision=st.one_of(st.just(0), REVISIONS))
    def fork(self, store: Any, revision: int) -> Any:
        fork = self.call(store.fork, revision)
        return fork if fork is not None else multiple()

    @rule(store=stores, ttl_s=st.sampled_from([0.0, 1.0, 5.0]), lease=st.sampled_from([0, 0, 2, -1]))
    def grant(self, store: Any, ttl_s: float, lease: int) -> None:
        self.call(store.lease_grant, ttl_s, now_s=self.now_s, lease=lease)

    @rule(store=stores, lease=LEASES)
    def keepalive(self, store: Any, lease: int) -> None:
        self.call(store.lease_keepalive, lease, now_s=self.now_s)

    @rule(store=stores, lease=LEASES)
    def revoke(self, store: Any, lease: int) -> None:
        self.call(store.lease_revoke, lease)

    @rule(store=stores, step_s=st.sampled_from([-1.0, 0.5, 2.0, 10.0]), history_s=st.sampled_from([0.0, 3.0, 300.0]))
    def advance(self, store: Any, step_s: float, history_s: float) -> None:
        self.now_s += max(step_s, 0.0)
        self.call(store.advance, self.now_s + min(step_s, 0.0), history_s=history_s)

    @rule()
    def wake(self) -> None:
        self.notifier.ready()

    @invariant()
    def nothing_else_differs(self) -> None:
        for store in self.bundle_values():
            store.range("")
            assert store.stats()["keys"] == store.count("")
            assert store.revision >= store.compact_revision

    def bundle_values(self) -> list[Any]:
        names = self.bundles.get("stores", [])
        return [self.names_to_values[reference.name] for reference in names]

    def teardown(self) -> None:
        if hasattr(self, "notifier"):
            self.notifier.close()


Stores.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestStores = Stores.TestCase


def test_mirror_tells_where_the_engines_part() -> None:
    store = mirror.Store()
    store._twin.put("/a", b"only there")

    with pytest.raises(mirror.Divergence, match=r"Store\.get"):
        store.get("/a")
