"""Explaining: why a pod is where it is, or nowhere: every attempt, node by node, made again from the store's past.

Always true: what is told of an attempt is what the scheduler decided; what is told of its nodes is found by a fresh
engine, fed with the objects as the scheduler had seen them and with the placements that were on their way.
Not here: the attempts (see `attempts`), reading the store, the API route (the server's), the table (the command's).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import orjson

from pyk8s import core
from pyk8s.core.scheduler_interface import SchedulerEngine
from pyk8s.errors import Compacted, EngineError, FutureRevision
from pyk8s.scheduler.attempts import Attempt, Attempts, Seen
from pyk8s.scheduler.configuration.compile import EMPTY, Compiled, compile_configuration
from pyk8s.scheduler.foreign import ForeignPlugins

Json = dict[str, Any]

KINDS = (
    *("Namespace", "Service", "ReplicationController", "ReplicaSet", "StatefulSet"),
    *("PersistentVolume", "PersistentVolumeClaim", "StorageClass"),
    *("CSINode", "CSIDriver", "CSIStorageCapacity", "VolumeAttachment"),
    *("PodDisruptionBudget", "DeviceClass", "ResourceSlice", "ResourceClaim", "PodGroup"),
)
"""What the engine looks at beside nodes and pods."""
DETAILED_MAX = 5
"""Attempts told in full when all are asked for: each costs an engine, about 1 s at 100,000 nodes."""
FORGOTTEN = "the store has forgotten revision {revision}: the history of a few minutes is kept"
APPROXIMATE = "found in the store's history, as this scheduler keeps no record of it: what was on its way is not known"


class History(Protocol):
    """The store's past. Reads raise Compacted for what is forgotten."""

    def revision(self) -> int: ...

    def oldest(self) -> int:
        """The first revision that is not forgotten."""

    def objects(self, kind: str, revision: int) -> Iterator[tuple[str, bytes]]:
        """Every object of the kind with its key (namespace/name, or name), as JSON."""

    def pod(self, namespace: str, name: str, revision: int) -> bytes | None: ...

    def bound_revision(self, namespace: str, name: str) -> int | None:
        """The revision at which the pod got its node, None when that is forgotten."""


@dataclass(frozen=True, slots=True)
class Question:
    namespace: str
    name: str
    attempt: int | Literal["last", "all"] = "last"
    """Which attempt to tell in full."""
    rows_max: int = 0
    """Nodes to tell of; 0: all."""


class PodNotFound(Exception):
    """There is no such pod, and no attempt for one is remembered."""


class AttemptNotFound(Exception):
    """The pod has no such attempt; the text says which there are."""


class Explainer:
    """Answers questions about pods. Takes its time: call it in a thread."""

    def __init__(self, history: History, attempts: Attempts, configuration: Compiled | None = None) -> None:
        """``configuration``: the scheduler's; None: kube-scheduler's defaults."""
        self._history, self._attempts, self._given = history, attempts, configuration

    @cached_property
    def _configuration(self) -> Compiled:
        return self._given if self._given is not None and self._given.config else compile_configuration(EMPTY)

    def explain(self, question: Question) -> Json:
        """The answer, as JSON.

        Raises:
            PodNotFound, AttemptNotFound
        """
        pod = self._pod(question, 0)
        attempts = self._attempts.of(question.namespace, question.name)
        if pod is None and not attempts:
            raise PodNotFound(f'pod "{question.name}" in namespace "{question.namespace}" is not found')
        uid = pod["metadata"]["uid"] if pod else attempts[-1].uid
        rows = [{**attempt.told(), "isOfEarlierPod": attempt.uid != uid} for attempt in attempts]
        for index in self._chosen(question, attempts):
            rows[index]["details"] = self._details(question, attempts[index])
        answer: Json = {"pod": _summary(question, pod, uid), "attempts": rows, "hint": self._hint(pod, attempts)}
        answer["preemptedBy"] = [
            {
                "namespace": a.namespace,
                "name": a.name,
                "uid": a.uid,
                "node": a.nominated_node_name,
                "timeSeconds": a.time_s,
            }
            for a in self._attempts.preempting(uid)
        ]
        if pod and not attempts:
            answer["now"] = self._without_attempts(question, pod)
        return answer

    def _chosen(self, question: Question, attempts: Sequence[Attempt]) -> list[int]:
        """Which attempts to tell in full."""
        if question.attempt == "all":
            return list(range(len(attempts)))[-DETAILED_MAX:]
        if question.attempt == "last":
            return [len(attempts) - 1] if attempts else []
        found = [i for i, attempt in enumerate(attempts) if attempt.number == question.attempt]
        if not found:
            numbers = ", ".join(str(attempt.number) for attempt in attempts) or "none"
            raise AttemptNotFound(f"attempt {question.attempt} is not remembered; there are: {numbers}")
        return found[-1:]

    def _details(self, question: Question, attempt: Attempt) -> Json:
        seen = self._kept(attempt.seen)
        try:
            pod = self._pod(question, seen.pods)
            if pod is None:
                return {"note": f"the pod is not in the store at revision {seen.pods}"}
            engine = self._engine(seen, attempt.time_s, self._on_their_way(attempt), pod)
            answer = self._evaluated(engine, pod)
        except (Compacted, FutureRevision):
            return {"note": FORGOTTEN.format(revision=max(attempt.seen))}
        return self._told(answer, question, attempt.node_name)

    def _kept(self, seen: Seen) -> Seen:
        """Revisions that can still be read. A kind that rests was last seen long ago, and has not changed since."""
        oldest, newest = self._history.oldest(), max(seen)
        return Seen(*(min(max(revision, oldest), newest) for revision in seen))

    def _without_attempts(self, question: Question, pod: Json) -> Json | None:
        """A bound pod before it was bound, a pending one as it would fare now."""
        note, revision = "", self._history.revision()
        try:
            if pod["spec"].get("nodeName"):
                bound = self._history.bound_revision(question.namespace, question.name)
                if bound is None:
                    return None
                note, revision = APPROXIMATE, bound - 1
            seen = Seen(revision, revision, revision)
            before = self._pod(question, revision) or pod
            answer = self._evaluated(self._engine(seen, 0.0, {}, before), before)
        except (Compacted, FutureRevision):
            return None
        told = self._told(answer, question, pod["spec"].get("nodeName") or "")
        return {**told, "revision": revision, "note": note}

    def _pod(self, question: Question, revision: int) -> Json | None:
        found = self._history.pod(question.namespace, question.name, revision)
        return None if found is None else orjson.loads(found)

    def _on_their_way(self, attempt: Attempt) -> dict[str, tuple[str, str]]:
        """Key -> (uid, node) of the pods that were placed, and perhaps not yet bound, when the attempt was made."""
        placed = self._attempts.placed_before(attempt.sequence)
        return {f"{a.namespace}/{a.name}": (a.uid, a.node_name) for a in placed if a.uid != attempt.uid}

    def _engine(self, seen: Seen, time_s: float, placed: Mapping[str, tuple[str, str]], asked: Json) -> SchedulerEngine:
        """A fresh engine that knows what the scheduler knew. Raises Compacted."""
        plugins = ForeignPlugins(self._configuration).of_engine
        engine: SchedulerEngine = core.SchedulerEngine(config=self._configuration.config, plugins=plugins or None)
        engine.advance(time_s)
        for kind in KINDS:
            for _, text in self._history.objects(kind, seen.others):
                _feed(engine.set_object, kind, text)
        for _, text in self._history.objects("Node", seen.nodes):
            _feed(engine.set_node, text)
        own = f"{asked['metadata']['namespace']}/{asked['metadata']['name']}"
        for key, text in self._history.objects("Pod", seen.pods):
            if key != own:
                _feed(engine.set_pod, _placed(text, placed[key]) if key in placed else text)
        return engine

    def _evaluated(self, engine: SchedulerEngine, pod: Json) -> Json:
        spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
        found: Json = orjson.loads(engine.evaluate(orjson.dumps({**pod, "spec": spec})))
        found["weights"] = self._weights(spec.get("schedulerName") or "default-scheduler")
        return found

    def _weights(self, scheduler_name: str) -> dict[str, int]:
        profiles = orjson.loads(self._configuration.config)["profiles"]
        profile = next((p for p in profiles if p["schedulerName"] == scheduler_name), profiles[0])
        return {plugin["name"]: plugin["weight"] for plugin in profile["plugins"]["score"]}

    def _told(self, answer: Json, question: Question, node_name: str) -> Json:
        """The engine's answer by nodes: the candidates, the best first, then the refused."""
        feasible_count, rejected = len(answer["feasible"]), answer["rejected"]
        limit = question.rows_max or max(feasible_count, len(rejected))
        return {
            "message": answer["message"],
            "feasibleCount": feasible_count,
            "rejectedCount": len(rejected),
            "reasons": _reasons(rejected),
            "weights": {name: answer["weights"][name] for name in answer["weighted"]},
            "skippedFilters": answer["skippedFilters"],
            "candidates": _candidates(answer, node_name, limit),
            "candidatesLeftOff": max(0, feasible_count - limit),
            "rejected": rejected[:limit],
            "rejectedLeftOff": max(0, len(rejected) - limit),
            "preemption": answer["preemption"],
        }

    def _hint(self, pod: Json | None, attempts: Sequence[Attempt]) -> str:
        if pod is None:
            return "the pod is gone; its attempts are still remembered"
        spec = pod["spec"]
        name = spec.get("schedulerName") or "default-scheduler"
        if gates := [gate["name"] for gate in spec.get("schedulingGates") or ()]:
            return f"the pod waits for its scheduling gates: {', '.join(gates)}"
        if name not in self._configuration.scheduler_names and not attempts:
            hosted = ", ".join(self._configuration.scheduler_names)
            return f"the pod asks for the scheduler {name!r}, which is not here; here are: {hosted}"
        if attempts:
            return ""
        if spec.get("nodeName"):
            return "no attempt is remembered for this pod; its node may have been named by others, or long ago"
        return "the pod has not been tried yet; this is how it would fare now"


def _feed(call: Any, *arguments: Any) -> None:
    """What the engine cannot read it has not known then either."""
    try:
        call(*arguments)
    except EngineError:
        return


def _placed(text: bytes, place: tuple[str, str]) -> bytes:
    """A pod as the scheduler had assumed it, while the store did not know yet."""
    pod = orjson.loads(text)
    uid, node_name = place
    if pod["metadata"]["uid"] != uid or pod["spec"].get("nodeName"):
        return text
    pod["spec"]["nodeName"] = node_name
    return orjson.dumps(pod)


def _candidates(answer: Json, node_name: str, limit: int) -> list[Json]:
    """The feasible nodes with their scores; the highest first, and the chosen one before its equals."""
    feasible, totals = answer["feasible"], answer["final"]

    def rank(row: int) -> tuple[int, bool]:
        return (-totals[row] if totals else 0, feasible[row] != node_name)

    def told(row: int) -> Json:
        scores = {plugin: _score(answer, plugin, row) for plugin in answer["raw"]}
        is_chosen = feasible[row] == node_name
        return {
            "node": feasible[row],
            "isChosen": is_chosen,
            "total": totals[row] if totals else None,
            "scores": scores,
        }

    return [told(row) for row in sorted(range(len(feasible)), key=rank)[:limit]]


def _score(answer: Json, plugin: str, row: int) -> Json:
    weighted = answer["weighted"][plugin][row]
    normalised = weighted // answer["weights"][plugin]
    return {"raw": answer["raw"][plugin][row], "normalised": normalised, "weighted": weighted}


def _reasons(rejected: Sequence[Json]) -> list[Json]:
    """How many nodes were refused for what, the most frequent first."""
    counts = Counter((row["plugin"], reason, row["code"]) for row in rejected for reason in row["reasons"])
    told = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"plugin": plugin, "reason": reason, "code": code, "nodes": n} for (plugin, reason, code), n in told]


def _summary(question: Question, pod: Json | None, uid: str) -> Json:
    spec, status = (pod or {}).get("spec", {}), (pod or {}).get("status", {})
    return {
        "namespace": question.namespace,
        "name": question.name,
        "uid": uid,
        "isGone": pod is None,
        "schedulerName": spec.get("schedulerName") or None,
        "node": spec.get("nodeName") or None,
        "phase": status.get("phase") or None,
        "nominatedNode": status.get("nominatedNodeName") or None,
    }
