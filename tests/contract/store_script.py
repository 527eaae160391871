"""Runs a script of `tests/scripts/store` on one engine; the grammar is in the README beside the scripts.

Always true: it formats answers exactly as `rust/core/tests/store_scripts.rs` does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyk8s import errors

ROOT = Path(__file__).parent.parent / "scripts" / "store"
OPTIONS = (
    "after",
    "limit",
    "labels",
    "fields",
    "backlog",
    "notifier",
    "lease",
    "now",
    "history",
    "id",
    "bytes",
    "count",
)


class Line:
    """The words of one command: `words`, `revision` from ``@N``, `options` from ``name=value``."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self.revision = 0
        self.options: dict[str, str] = {}
        for word in text.split():
            name, equals, value = word.partition("=")
            if word.startswith("@"):
                self.revision = int(word[1:])
            elif equals and name in OPTIONS:
                self.options[name] = value
            else:
                self.words.append(word)

    def number(self, name: str, default: int = 0) -> int:
        return int(self.options.get(name, default))


class Script:
    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.is_object_store = False
        self.stores: dict[str, Any] = {"main": engine.Store()}
        self.store = self.stores["main"]
        self.watches: dict[str, Any] = {}
        self.notifiers: dict[str, Any] = {}

    def run(self, path: Path) -> None:
        """Raises AssertionError with the place of the first line that went otherwise."""
        for number, text in enumerate(path.read_text().splitlines(), 1):
            if not text.strip() or text.startswith("#"):
                continue
            command, arrow, expected = text.partition("->")
            answer = self.answer(command)
            where = f"{path.name}:{number}: {command.strip()}"
            if arrow:
                assert answer == " ".join(expected.split()), where
            else:
                assert not answer.startswith("error"), f"{where}: {answer}"

    def answer(self, command: str) -> str:
        verb, _, rest = command.strip().partition(" ")
        run: Callable[[Line], str] = getattr(self, f"do_{verb}")
        try:
            return run(Line(rest))
        except (errors.EngineError, ValueError) as error:
            return f"error {told(error)}"

    # -- stores --------------------------------------------------------------------------------------------

    def do_store(self, line: Line) -> str:
        self.is_object_store = line.words == ["objects"]
        self.store = self.stores["main"] = self.engine.Store(objects=self.is_object_store)
        return ""

    def do_fork(self, line: Line) -> str:
        self.stores[line.words[0]] = self.store.fork(line.revision)
        return ""

    def do_in(self, line: Line) -> str:
        self.store = self.stores[line.words[0]]
        return ""

    def do_fields(self, line: Line) -> str:
        prefix, label, paths, default = line.words
        self.store.set_fields(prefix, [(label, paths, "" if default == "-" else default)])
        return ""

    def do_rev(self, line: Line) -> str:
        return str(self.store.revision)

    def do_compacted(self, line: Line) -> str:
        return str(self.store.compact_revision)

    def do_stat(self, line: Line) -> str:
        return str(self.store.stats()[line.words[0]])

    # -- keys ----------------------------------------------------------------------------------------------

    def do_put(self, line: Line) -> str:
        key, value = line.words
        return f"rev {self.store.put(key, self.value(value), lease=line.number('lease')).mod_revision}"

    def do_create(self, line: Line) -> str:
        key, value = line.words
        return f"rev {self.store.create(key, self.value(value), lease=line.number('lease')).mod_revision}"

    def do_update(self, line: Line) -> str:
        key, value = line.words
        kv = self.store.update(key, self.value(value), expected=line.revision, lease=line.number("lease"))
        return f"rev {kv.mod_revision}"

    def do_del(self, line: Line) -> str:
        kv = self.store.delete(line.words[0], expected=line.revision)
        return f"rev {kv.mod_revision} was {kv.value.decode()}"

    def do_get(self, line: Line) -> str:
        return shown(self.store.get(line.words[0], line.revision))

    def do_meta(self, line: Line) -> str:
        kv = self.store.get(line.words[0], line.revision)
        if kv is None:
            return "none"
        return f"create {kv.create_revision} mod {kv.mod_revision} version {kv.version} lease {kv.lease}"

    def do_count(self, line: Line) -> str:
        return str(self.store.count(line.words[0]))

    def do_range(self, line: Line) -> str:
        page = self.store.range(line.words[0], **self.query(line))
        items = " ".join(kv.key if self.is_object_store else f"{kv.key}={kv.value.decode()}" for kv in page.items)
        return f"{items or 'empty'}; count {page.count}; rev {page.revision}" + "; more" * page.more

    def do_list(self, line: Line) -> str:
        page = self.store.list_encoded(line.words[0], **self.query(line), strip_type="keep-type" not in line.words)
        told = f"{page.body.decode() or 'empty'}; items {page.item_count}; last {page.last_key or '-'}"
        return f"{told}; remaining {page.remaining_count}; rev {page.revision}" + "; more" * page.more

    def query(self, line: Line) -> dict[str, Any]:
        after, limit = line.options.get("after", ""), line.number("limit")
        return {"start_after": after, "limit": limit, "revision": line.revision, "selection": self.selection(line)}

    def selection(self, line: Line) -> Any:
        labels, fields = line.options.get("labels", ""), line.options.get("fields", "")
        return self.engine.Selection(labels, fields) if labels or fields else None

    def value(self, word: str) -> bytes:
        return pod(word.removeprefix("pod:")) if word.startswith("pod:") else word.encode()

    def do_txn(self, line: Line) -> str:
        parts: dict[str, list[str]] = {"if": [], "then": [], "else": []}
        at = "then"
        for word in line.words:
            if word in parts:
                at = word
            else:
                parts[at].append(word)
        compares = [self.compare(*words) for words in split(parts["if"], "and")]
        success, failure = ([self.operation(words) for words in split(parts[at], ";")] for at in ("then", "else"))
        txn = self.store.txn(compares, success, failure)
        results = ", ".join(shown(kv) for kv in txn.results)
        return f"{str(txn.succeeded).lower()} rev {txn.revision}: {results or 'nothing'}"

    def compare(self, target: str, key: str, operator: str, operand: str) -> Any:
        return (key, target, operator, operand.encode() if target == "value" else int(operand))

    def operation(self, words: list[str]) -> Any:
        verb, key, *rest = words
        if verb == "put":
            return ("put", key, self.value(rest[0]), int(rest[1]) if len(rest) > 1 else 0)
        return ("delete" if verb == "del" else verb, key)

    # -- watches -------------------------------------------------------------------------------------------

    def do_watch(self, line: Line) -> str:
        name, prefix = line.words
        self.watches[name] = self.store.watch(
            prefix,
            start_revision=line.revision,
            selection=self.selection(line),
            notifier=self.notifiers.get(line.options.get("notifier", "")),
            backlog_max=line.number("backlog", 10_000),
        )
        return ""

    def do_poll(self, line: Line) -> str:
        events = self.watches[line.words[0]].poll(line.number("count", 1000))
        return ", ".join(self.event(event) for event in events) or "nothing"

    def event(self, event: Any) -> str:
        if self.is_object_store:
            return f"{event.type} {event.kv.key} @{event.revision}"
        was = "" if event.prev_value is None else f" was {event.prev_value.decode()}"
        return f"{event.type} {event.kv.key} {event.kv.value.decode()} @{event.revision}{was}"

    def do_lines(self, line: Line) -> str:
        lines = self.watches[line.words[0]].poll_encoded(line.number("bytes", 1 << 20))
        return " ".join(lines.decode().split()) or "nothing"

    def do_progress(self, line: Line) -> str:
        return str(self.watches[line.words[0]].progress_revision)

    def do_close(self, line: Line) -> str:
        self.watches[line.words[0]].close()
        return ""

    def do_notifier(self, line: Line) -> str:
        self.notifiers[line.words[0]] = self.store.notifier()
        return ""

    def do_ready(self, line: Line) -> str:
        ids = self.notifiers[line.words[0]].ready()
        return " ".join(name for name, watch in sorted(self.watches.items()) if watch.id in ids) or "nothing"

    # -- time ----------------------------------------------------------------------------------------------

    def do_grant(self, line: Line) -> str:
        now_s = float(line.options["now"])
        return f"lease {self.store.lease_grant(float(line.words[0]), now_s=now_s, lease=line.number('id'))}"

    def do_keepalive(self, line: Line) -> str:
        ttl_s = self.store.lease_keepalive(int(line.words[0]), now_s=float(line.options["now"]))
        return f"ttl {ttl_s:g}"

    def do_revoke(self, line: Line) -> str:
        return f"deleted {self.store.lease_revoke(int(line.words[0]))}"

    def do_advance(self, line: Line) -> str:
        history_s = float(line.options.get("history", 300))
        return f"deleted {self.store.advance(float(line.words[0]), history_s=history_s)}"

    def do_compact(self, line: Line) -> str:
        self.store.compact(int(line.words[0]))
        return ""


def told(error: Exception) -> str:
    match error:
        case errors.KeyExists():
            return "exists"
        case errors.KeyNotFound():
            return "not-found"
        case errors.Conflict():
            return f"conflict({error.actual})"
        case errors.Compacted():
            return f"compacted({error.compact_revision})"
        case errors.FutureRevision():
            return f"future({error.current})"
        case errors.WatchOverflow():
            return f"overflow({error.backlog_max})"
        case errors.LeaseNotFound():
            return f"no-lease({error.lease})"
        case errors.DecodeError():
            return "not-an-object"
        case _:
            return "invalid"


def shown(kv: Any) -> str:
    return "none" if kv is None else str(kv.value.decode())


def split(words: list[str], at: str) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for word in words:
        if word == at:
            groups.append([])
        else:
            groups[-1].append(word)
    return [group for group in groups if group]


def pod(text: str) -> bytes:
    """``NAME,LABEL=VALUE,…;PHASE`` as JSON."""
    rest, _, phase = text.partition(";")
    name, *labels = rest.split(",")
    pairs = ",".join('"{}":"{}"'.format(*label.split("=")) for label in labels)
    status = f',"status":{{"phase":"{phase}"}}' if phase else ""
    meta = f'{{"name":"{name}","labels":{{{pairs}}}}}'
    return f'{{"kind":"Pod","apiVersion":"v1","metadata":{meta}{status}}}'.encode()
