"""The ring of attempts: what it remembers, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyk8s.scheduler.attempts import Attempts, Seen

SEEN = Seen(5, 7, 6)


@dataclass
class Decided:
    name: str
    outcome: str = "scheduled"
    node_name: str = "n"
    message: str = ""
    attempts: int = 1
    victims: list[tuple[str, str, str]] = field(default_factory=list)
    namespace: str = "default"
    plugins: list[str] = field(default_factory=list)
    nominated_node_name: str = ""
    binding: bytes = b""
    writes: bytes = b""
    cleared: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def uid(self) -> str:
        return f"uid-{self.name}"


def recorded(*decisions: Decided, attempts_max: int = 100) -> Attempts:
    attempts = Attempts(attempts_max)
    for decision in decisions:
        attempts.record(decision, now_s=1.0, seen=SEEN)  # type: ignore[arg-type]
    return attempts


def test_attempts_are_found_by_pod_oldest_first() -> None:
    attempts = recorded(Decided("a", "unschedulable", attempts=1), Decided("b"), Decided("a", attempts=2))

    assert [attempt.number for attempt in attempts.of("default", "a")] == [1, 2]
    assert attempts.of("other", "a") == []
    assert attempts.of("default", "a")[0].told()["revision"] == 7


def test_beyond_the_bound_the_oldest_are_forgotten() -> None:
    attempts = recorded(*(Decided(f"p-{i % 7}", attempts=i) for i in range(100)), attempts_max=10)

    remembered = [attempt.number for i in range(7) for attempt in attempts.of("default", f"p-{i}")]
    assert len(attempts) == 10
    assert sorted(remembered) == list(range(90, 100))


def test_a_long_message_is_cut() -> None:
    attempts = recorded(Decided("a", "error", message="x" * 10_000))

    assert len(attempts.of("default", "a")[0].message) == 4096


def test_a_pod_finds_those_that_preempted_it() -> None:
    attempts = recorded(Decided("vip", "unschedulable", victims=[("default", "a", "uid-a")]), Decided("other"))

    assert [attempt.name for attempt in attempts.preempting("uid-a")] == ["vip"]


def test_placements_hold_until_their_binding_fails() -> None:
    attempts = recorded(Decided("a"), Decided("b"), Decided("c", "unschedulable"))
    attempts.take_back(Decided("a"))  # type: ignore[arg-type]
    attempts.record(Decided("d"), now_s=2.0, seen=SEEN)  # type: ignore[arg-type]

    assert [attempt.name for attempt in attempts.placed_before(3)] == ["a", "b"]
    assert [attempt.name for attempt in attempts.placed_before(4)] == ["b"]
    assert attempts.of("default", "a")[0].told()["isBindingFailed"]
