"""Both engines at once: every call is made on the extension and on its twin, and their answers are compared.

Always true: a call returns what the extension returned, after the twin said the same; else it raises `Divergence`.
Always true: calls are made one at a time, so that both engines see them in one order.
Not here: either engine. Slower than the slower of the two; for tests and for hunting differences.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pyk8s._core as _core
from pyk8s import reference

HANDLES = frozenset({"Store", "Watch", "Notifier", "Selection", "Scheme", "SchedulerEngine"})
"""Classes whose objects are called again; of all others the public attributes are compared."""

_lock = threading.RLock()


class Divergence(AssertionError):
    """The engines disagree: on what call, and what each of them said."""

    def __init__(self, call: str, rust: Any, twin: Any) -> None:
        super().__init__(f"{call}: rust {rust!r}, reference {twin!r}")
        self.call, self.rust, self.twin = call, rust, twin


class Raised:
    """An exception as an answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __repr__(self) -> str:
        return f"raised {self.error!r}"


class Mirrored:
    """An object of either engine and its like in the other."""

    def __init__(self, name: str, rust: Any, twin: Any) -> None:
        self._name, self._rust, self._twin = name, rust, twin

    def __getattr__(self, attribute: str) -> Any:
        label = f"{self._name}.{attribute}"
        if callable(getattr(type(self._rust), attribute, None)):
            return lambda *args, **kwargs: _call(
                label, getattr(self._rust, attribute), getattr(self._twin, attribute), args, kwargs
            )
        return _call(label, lambda: getattr(self._rust, attribute), lambda: getattr(self._twin, attribute), (), {})

    def __str__(self) -> str:
        return str(_call(f"str({self._name})", self._rust.__str__, self._twin.__str__, (), {}))

    def fileno(self) -> int:
        """The extension's descriptor: the twin's becomes readable by the same calls."""
        return int(self._rust.fileno())

    def __del__(self) -> None:
        # The extension closes a watch that nobody holds; its twin holds it in the hub.
        if self._name == "Watch":
            self._twin.close()


class MirroredClass:
    """A class of either engine: its calls, its class methods."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._of_both(lambda kind: kind, args, kwargs)

    def __getattr__(self, attribute: str) -> Any:
        return lambda *args, **kwargs: self._of_both(lambda kind: getattr(kind, attribute), args, kwargs)

    def open(self, path: str, **kwargs: Any) -> Any:
        """The twin keeps its files beside the extension's."""
        rust, twin = getattr(_core, self._name), getattr(reference, self._name)
        return _call(
            f"{self._name}.open", rust.open, lambda at, **kw: twin.open(f"{at}-reference", **kw), (path,), kwargs
        )

    def snapshot_restore(self, snapshot: str, path: str) -> None:
        """Restores the snapshot that the extension saved, for both."""
        rust, twin = getattr(_core, self._name), getattr(reference, self._name)
        label = f"{self._name}.snapshot_restore"
        _call(
            label,
            rust.snapshot_restore,
            lambda file, at: twin.snapshot_restore(file, f"{at}-reference"),
            (snapshot, path),
            {},
        )

    def _of_both(self, part: Callable[[Any], Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rust, twin = part(getattr(_core, self._name)), part(getattr(reference, self._name))
        return _call(self._name, rust, twin, args, kwargs)


def __getattr__(name: str) -> Any:
    if not hasattr(_core, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if isinstance(getattr(_core, name), type):
        globals()[name] = MirroredClass(name)
    else:
        rust, twin = getattr(_core, name), getattr(reference, name)
        globals()[name] = lambda *args, **kwargs: _call(name, rust, twin, args, kwargs)
    return globals()[name]


def _call(
    label: str, rust: Callable[..., Any], twin: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with _lock:
        said = _outcome(rust, *(_side(value, "_rust") for value in (args, kwargs)))
        twin_said = _outcome(twin, *(_side(value, "_twin") for value in (args, kwargs)))
    if isinstance(said, Raised) or isinstance(twin_said, Raised):
        if _told(said) != _told(twin_said):
            raise Divergence(label, said, twin_said)
        raise said.error
    return _joined(label, said, twin_said)


def _outcome(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return call(*args, **kwargs)
    except Exception as error:
        return Raised(error)


def _told(outcome: Any) -> Any:
    """What of an exception must be equal: class and facts; the words too where they are Kubernetes'."""
    if not isinstance(outcome, Raised):
        return "returned"
    return type(outcome.error), str(outcome.error)


def _side(value: Any, side: str) -> Any:
    """Arguments for one engine: mirrored objects give their half."""
    if isinstance(value, Mirrored):
        return getattr(value, side)
    if isinstance(value, tuple | list):
        return type(value)(_side(item, side) for item in value)
    if isinstance(value, dict):
        return {key: _side(item, side) for key, item in value.items()}
    return value


def _joined(label: str, rust: Any, twin: Any) -> Any:
    """The extension's answer, its handles paired with the twin's. Raises Divergence."""
    if type(rust).__name__ in HANDLES:
        return Mirrored(type(rust).__name__, rust, twin)
    if isinstance(rust, list | tuple) and isinstance(twin, list | tuple):
        if len(rust) != len(twin):
            raise Divergence(f"len({label})", rust, twin)
        return type(rust)(_joined(f"{label}[{i}]", *pair) for i, pair in enumerate(zip(rust, twin, strict=True)))
    if isinstance(rust, dict) and isinstance(twin, dict):
        if rust.keys() != twin.keys():
            raise Divergence(f"keys of {label}", rust, twin)
        return {key: _joined(f"{label}[{key!r}]", rust[key], twin[key]) for key in rust}
    if rust is None or isinstance(rust, bool | int | float | str | bytes):
        if rust != twin:
            raise Divergence(label, rust, twin)
        return rust
    for fact in _facts(rust):
        _joined(f"{label}.{fact}", getattr(rust, fact), getattr(twin, fact))
    return rust


def _facts(record: Any) -> list[str]:
    public = (name for name in dir(record) if not name.startswith("_"))
    return [name for name in public if not callable(getattr(record, name))]
