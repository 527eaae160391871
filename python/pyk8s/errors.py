"""What the engine raises: the caller's mistakes and the world's state, as typed facts.

Always true: each class is raised by both twins for the same cause with the same arguments.
Not here: Kubernetes' Status answers (see `pyk8s.api.status`), and bugs of ours (assertions).
"""


class EngineError(Exception):
    """Parent of everything the engine raises on purpose."""


class KeyExists(EngineError):
    """A create found the key taken."""

    def __init__(self, key: str) -> None:
        super().__init__(f"key {key} already exists")
        self.key = key


class KeyNotFound(EngineError):
    """An update or delete found no such key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"key {key} does not exist")
        self.key = key


class Conflict(EngineError):
    """A compare-and-swap found another mod revision than the caller expected."""

    def __init__(self, key: str, expected: int, actual: int) -> None:
        super().__init__(f"key {key} is at revision {actual}, not {expected}")
        self.key, self.expected, self.actual = key, expected, actual


class Compacted(EngineError):
    """A read or watch asked for a revision that compaction has removed."""

    def __init__(self, revision: int, compact_revision: int) -> None:
        super().__init__(f"revision {revision} has been compacted; the oldest kept is after {compact_revision}")
        self.revision, self.compact_revision = revision, compact_revision


class FutureRevision(EngineError):
    """A read asked for a revision that the store has not reached."""

    def __init__(self, revision: int, current: int) -> None:
        super().__init__(f"revision {revision} is in the future; the store is at {current}")
        self.revision, self.current = revision, current


class WatchOverflow(EngineError):
    """A watcher read too slowly: its backlog was full, and it was cut."""

    def __init__(self, backlog_max: int) -> None:
        super().__init__(f"watcher fell more than {backlog_max} events behind; list again and watch from there")
        self.backlog_max = backlog_max


class LeaseNotFound(EngineError):
    """A lease id that was never granted, was revoked or has expired."""

    def __init__(self, lease: int) -> None:
        super().__init__(f"lease {lease} does not exist")
        self.lease = lease


class StoreDamaged(EngineError):
    """A file of the store does not hold what was written to it."""

    def __init__(self, path: str, offset: int, detail: str) -> None:
        super().__init__(f"{path}: damaged at byte {offset}: {detail}")
        self.path, self.offset, self.detail = path, offset, detail


class StoreVersion(EngineError):
    """A file of the store was written by another format version."""

    def __init__(self, path: str, found: int, supported: int) -> None:
        super().__init__(f"{path}: written in format {found}; this version reads format {supported}")
        self.path, self.found, self.supported = path, found, supported


class StoreLocked(EngineError):
    """Another live process has the store's directory open."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: another process is using this store")
        self.path = path


class SelectorError(EngineError):
    """A label or field selector that does not parse; the text is Kubernetes'."""


class DecodeError(EngineError):
    """A body that cannot be read as the kind it should be; the text is Kubernetes'.

    ``cause`` is the part of it that names the trouble, without the sentence about the kind.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause or message


class StrictDecodeError(EngineError):
    """Unknown or duplicate fields in a body; `problems` lists them in order of appearance."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


class PatchError(EngineError):
    """A patch that cannot be applied.

    ``reason`` is "malformed" (the patch itself is bad: 400), "unprocessable" (it does not fit the object: 422),
    "invalid" (its result does not fit the types: 422 Invalid at field ``patch``, with ``value`` as the bad value)
    or "internal" (what kube-apiserver answers with 500 and the bare message).
    """

    def __init__(self, reason: str, message: str, value: str = "") -> None:
        super().__init__(message)
        self.reason, self.value = reason, value
