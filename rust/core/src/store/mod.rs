//! The MVCC store: revisions, transactions, watches, durability.
