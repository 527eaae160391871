"""Creating many keys at once: each is a change of its own, as if it had been created alone."""

from __future__ import annotations

from typing import Any

import pytest
from pyk8s import errors


def test_each_key_has_a_revision_and_an_event_of_its_own(engine: Any) -> None:
    store = engine.Store()
    watch = store.watch("/")

    revisions = store.create_many([("/a", b"1"), ("/b", b"2")])

    assert revisions == [2, 3] and store.revision == 3
    assert [(event.type, event.kv.key, event.revision) for event in watch.poll()] == [
        ("ADDED", "/a", 2),
        ("ADDED", "/b", 3),
    ]


def test_keys_that_are_there_are_left_as_they_are(engine: Any) -> None:
    store = engine.Store()
    store.put("/b", b"old")

    revisions = store.create_many([("/a", b"1"), ("/b", b"2"), ("/a", b"3")])

    assert revisions == [3, 0, 0]
    assert (store.get("/a").value, store.get("/b").value) == (b"1", b"old")


def test_what_is_refused_is_raised_after_the_others_were_written(engine: Any) -> None:
    store = engine.Store(objects=True)

    with pytest.raises(errors.DecodeError):
        store.create_many([("/a", b"{}"), ("/b", b"{"), ("/c", b"{}")])

    assert [item.key for item in store.range("/").items] == ["/a", "/c"]


def test_nothing_to_create_is_no_change(engine: Any) -> None:
    store = engine.Store()

    assert store.create_many([]) == [] and store.revision == 1
