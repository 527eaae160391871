"""Fork: an independent store that starts from another's content and history.

Always true: neither store can tell afterwards that the other exists.
Not here: watches and the journal, which stay with the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyk8s.reference.store.store import Store


def fork(origin: Store, revision: int) -> Store:
    """A store as ``origin`` was at ``revision``; leases granted or renewed since are as they are now."""
    from pyk8s.reference.store.store import Store

    twin = Store(objects=origin.objects)
    twin.revision, twin.compact_revision = revision, origin.compact_revision
    twin.index, twin.log = origin.index.copy(), origin.log.copy()
    twin.leases, twin.fields, twin.clock = origin.leases.copy(), origin.fields.copy(), origin.clock.copy()
    for change in twin.log.pop_after(revision):
        twin.index.undo(change)
        twin.leases.unfollow(change)
    twin.clock.forget_after(revision)
    twin.log.visible_revision = revision
    return twin
