"""The scheduler engine's contract: what both twins fulfil; the other engine parts are in `interfaces`.

Always true: time moves only by the ``now_s`` handed in; the same calls give the same decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from pyk8s.core.interfaces import Notifier, Store

PodReference = tuple[str, str, str]
"""(namespace, name, uid) of a pod that a decision concerns."""


class Decision(Protocol):
    """What came of one scheduling attempt."""

    @property
    def uid(self) -> str:
        """The pod's uid, or namespace/name for an object without one."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def outcome(self) -> Literal["scheduled", "unschedulable", "error", "skipped"]:
        """``error``: a plugin failed, ``message`` says how; the pod is tried again after its backoff.

        ``skipped``: the pod is being deleted; it was not tried and has left the queue.
        """

    @property
    def node_name(self) -> str:
        """The chosen node, "" unless scheduled."""

    @property
    def message(self) -> str:
        """Why it was not scheduled, in kube-scheduler's words; "" when it was."""

    @property
    def plugins(self) -> list[str]:
        """The plugins that refused the pod on some node, in the profile's order."""

    @property
    def attempts(self) -> int:
        """Attempts so far, this one included."""

    @property
    def binding(self) -> bytes:
        """The Binding to post, as JSON; b"" unless scheduled."""

    @property
    def writes(self) -> bytes:
        """What must be written before the Binding (PreBind), as a JSON array; b"" when there is nothing.

        For a pod that fits nowhere: what may make it fit later, such as a claim given back.
        Each: ``{"kind", "namespace", "name", "uid", "patch", "subresource"?}``, a merge patch to apply in this order.
        """

    @property
    def nominated_node_name(self) -> str:
        """The node on which room is being made for this unschedulable pod, "" when there is none.

        By this attempt when there are victims, else by an earlier one.
        """

    @property
    def victims(self) -> list[PodReference]:
        """The pods to evict from the nominated node, the most important first."""

    @property
    def cleared(self) -> list[PodReference]:
        """Pods of lower priority that lose their nomination to that node; this pod, when its own came to nothing."""


class NodeTable(Protocol):
    """Some nodes as columns, as a foreign plugin sees them. A snapshot: it may be kept, and does not change."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> memoryview:
        """A read-only column of 64-bit integers, one for each node; costs no copy.

        Names: allocatable_milli_cpu, allocatable_memory_bytes, allocatable_ephemeral_storage_bytes, allocatable_pods,
        requested_milli_cpu, requested_memory_bytes, requested_ephemeral_storage_bytes, non_zero_milli_cpu,
        non_zero_memory_bytes, pod_count. Raises KeyError for others.
        """

    def allocatable(self, resource: str) -> memoryview:
        """As `column`, of any resource by its Kubernetes name; 0 where a node has none of it."""

    def requested(self, resource: str) -> memoryview: ...

    def names(self) -> list[str]: ...

    def label(self, key: str) -> list[str | None]:
        """The label's value on each node."""

    def object(self, row: int) -> bytes:
        """The Node, as JSON."""

    def pods(self, row: int) -> list[tuple[str, str, str, dict[str, str]]]:
        """The pods on a node, assumed ones included: namespace, name, uid, labels.

        Raises ValueError for a plugin that does not say that it reads them: they cost a copy.
        """


class ForeignPlugin(Protocol):
    """A plugin from outside the engine. Pods are JSON as the API serves them.

    The engine holds its lock during a call: a plugin must not call the engine. What it raises fails the attempt, with
    the exception's text as the message.
    """

    @property
    def is_vectorised(self) -> bool:
        """True: `filter` is asked once for all nodes; else for one node at a time, and only those that others admit."""

    @property
    def is_extender(self) -> bool:
        """True: `filter` is asked once about the nodes that all other plugins admit; `pre_filter` only, and before
        `filter` and `score`, whether the pod is this plugin's business (False: no)."""

    @property
    def reads_pods(self) -> bool:
        """True: `NodeTable.pods` answers."""

    def pre_filter(self, pod: bytes) -> str | list[str] | Literal[False] | None:
        """A text refuses the pod, names leave only those nodes, False skips this plugin's filter."""

    def filter(self, pod: bytes, nodes: NodeTable) -> Sequence[str | tuple[str, str] | None]:
        """For each node why it is refused; None where it is not.

        An extender may answer a code as well: ("UnschedulableAndUnresolvable", reason).
        """

    def score(self, pod: bytes, nodes: NodeTable) -> tuple[Sequence[int], Sequence[int]]:
        """The nodes' scores, raw and normalised (0..100)."""

    def reserve(self, pod: bytes, node_name: str) -> str | None:
        """The pod is about to be assumed on the node; a text refuses it."""

    def unreserve(self, pod: bytes) -> None:
        """What was reserved for the pod is given back. It may not raise."""


class SchedulerEngine(Protocol):
    """kube-scheduler's queue, cache and cycle: nodes and pods go in, decisions come out.

    Objects are JSON as the API serves them. Time moves only by the ``now_s`` handed in. Every scheduled pod is assumed
    on its node until `set_pod` shows it bound, `forget` gives it back, or `remove_pod` takes it away.
    """

    def __init__(
        self,
        *,
        config: bytes = b"",
        seed: int = 0,
        is_indexed: bool = True,
        plugins: Mapping[str, ForeignPlugin] | None = None,
    ) -> None:
        """
        Args:
            config: a compiled configuration (see `pyk8s.scheduler.configuration`), as JSON; b"" for the defaults.
            seed: of the generator that chooses among nodes with equal scores.
            is_indexed: False looks at every node for every decision, with the same answers; the reference always does.
            plugins: the foreign plugins that the configuration names.

        Raises:
            DecodeError: not a compiled configuration; names the field.
        """

    def set_node(self, node: bytes) -> None:
        """A node as it is now; wakes the pods it may help. Heartbeats cost a parse and nothing else.

        Raises:
            DecodeError: not a Node, or a quantity that is none; nothing has changed.
        """

    def remove_node(self, name: str) -> None: ...

    def set_pod(self, pod: bytes) -> None:
        """A pod as it is now: pending ones of this scheduler are queued, bound ones count on their node, others leave.

        Raises DecodeError, as `set_node`.
        """

    def remove_pod(self, uid: str) -> None:
        """A pod that is gone; frees what it held. Unknown uids are fine."""

    def set_object(self, kind: str, obj: bytes) -> None:
        """Any other object that scheduling looks at, as it is now; kinds it does not look at are ignored.

        Kinds: Namespace, Service, ReplicationController, ReplicaSet, StatefulSet, PersistentVolume,
        PersistentVolumeClaim, StorageClass, CSINode, CSIDriver, CSIStorageCapacity, VolumeAttachment,
        PodDisruptionBudget, DeviceClass, ResourceSlice, ResourceClaim, PodGroup.
        Raises DecodeError, as `set_node`.
        """

    def remove_object(self, kind: str, key: str) -> None:
        """An object that is gone. ``key`` is namespace/name, or name for kinds without namespaces."""

    def schedule_one(self, now_s: float) -> Decision | None:
        """Take the next pod and decide; None when none is ready."""

    def schedule(self, now_s: float, max_count: int = 100) -> Sequence[Decision]:
        """Up to ``max_count`` attempts, in the queue's order."""

    def forget(self, uid: str) -> bool:
        """The binding failed: the node is free again and the pod backs off. False when it was not in flight.

        Or the pod's victims could not be evicted: it waits for them no more, and keeps its nomination.
        """

    def advance(self, now_s: float) -> None:
        """Move time on: ends backoffs, and waits in the unschedulable set of more than five minutes."""

    def next_deadline_s(self) -> float | None:
        """When `schedule` should next be called; the present when a pod is ready, None when only news can help."""

    def evaluate(self, pod: bytes) -> bytes:
        """How the pod would fare now, node by node; changes nothing.

        Returns:
            JSON: chosen (or null), message, feasible (node names), rejected ({node, plugin, code, reasons}),
            skippedFilters, raw and weighted ({plugin: scores per feasible node}), final (their sums; empty when
            fewer than two nodes were feasible), preemption (null when it was not tried, else {nominated, victims:
            [namespace/name], candidates: [{node, victims, violations}], notEligible}).
        """

    def evaluate_group(self, pods: Sequence[bytes]) -> bytes:
        """How a group would fare, its pods placed one after another; changes nothing.

        Returns:
            JSON: result ("bound", "unschedulable" or "waiting"), pods (one answer of `evaluate` each, in order; none
            while the group waits for more of its pods).
        """

    def counts(self) -> dict[str, int]:
        """active, backoff, unschedulable, gated, nodes, bound (assumed ones included), assumed."""


class Step(Protocol):
    """What one `AttachedScheduler.step` came to."""

    @property
    def attempt_count(self) -> int: ...
    @property
    def bound_count(self) -> int:
        """Bindings that have been committed since the last step was told."""

    @property
    def decisions(self) -> list[Decision]:
        """What the caller has to carry out: refusals, preemptions, and placements with writes before their Binding."""

    @property
    def failures(self) -> list[tuple[Decision, str]]:
        """Placements that could not be committed, and why; their pods back off and are tried again."""


class AttachedScheduler(Protocol):
    """A scheduler inside the store's process: reads its changes, commits bindings in batches, without a client.

    A client sees what ``POST …/binding`` does: nodeName, the node's topology labels, the condition PodScheduled,
    one watch event a pod, the event Scheduled. Bindings of one step are committed while the next one decides.
    """

    def __init__(
        self,
        engine: SchedulerEngine,
        store: Store,
        *,
        prefixes: Mapping[str, str],
        event_template: bytes = b"",
        seed: int = 0,
        notifier: Notifier | None = None,
    ) -> None:
        """
        Args:
            prefixes: kind -> range of its objects in the store; Pod and Node are needed, Event for events.
            event_template: an Event as stored, with ``{name}``, ``{namespace}``, ``{pod}``, ``{uid}``, ``{version}``,
                ``{node}``, ``{event_uid}`` and ``{now}`` where those belong; b"" writes no events.
            seed: of the uids of events.
            notifier: is told when there is something to take in.
        """

    def take_in(self, now_s: float, max_count: int = 100_000) -> int:
        """Read what has changed in the store; returns the number of changes.

        Raises CompactedError when it fell too far behind: attach a new engine.
        """

    def step(self, now_s: float, max_count: int = 1000) -> Step:
        """`take_in`, then up to ``max_count`` attempts; the bindings go out, those of the step before are in."""

    def settle(self, now_s: float) -> Step:
        """Wait for the bindings on their way; makes no attempt."""

    def bind(self, decision: Decision, now_s: float) -> str:
        """Commit one placement whose writes have been made; "" or why not (it is forgotten then)."""

    def close(self) -> None:
        """Settle, and stop reading. Safe to call twice."""
