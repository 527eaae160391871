"""The MVCC store in plain Python: revisions, transactions, watches, leases, history.

Always true: file for file the twin of `rust/core/src/store`.
"""

from pyk8s.reference.store.store import Store

__all__ = ["Store"]
