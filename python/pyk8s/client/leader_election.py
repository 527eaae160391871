"""Leader election by a Lease, with client-go's algorithm and times.

Always true: a candidate never compares its clock with another's: a lease is expired when ``lease_duration_s`` passed
on our own monotonic clock since we last saw it change. At most one holder acts, as long as it stops when `run` says so.
Not here: what leading means (the caller's coroutine).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pyk8s.api.clock import Clock, parse_rfc3339, rfc3339_micro
from pyk8s.api.identity import Identity
from pyk8s.api.status import StatusError
from pyk8s.client.interfaces import Client
from pyk8s.client.well_known import LEASES

Json = dict[str, Any]
log = logging.getLogger(__name__)

LEASE_DURATION_S = 15.0
RENEW_DEADLINE_S = 10.0
RETRY_PERIOD_S = 2.0
JITTER_FACTOR = 1.2


class LeadershipLost(Exception):
    """The lease could not be renewed in time: what leads must have stopped."""


@dataclass(frozen=True, slots=True)
class Times:
    """The three durations, in seconds; lease > renew deadline > retry period."""

    lease_duration_s: float = LEASE_DURATION_S
    renew_deadline_s: float = RENEW_DEADLINE_S
    retry_period_s: float = RETRY_PERIOD_S


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a Lease's spec says."""

    holder: str
    duration_s: int
    acquire_s: float
    renew_s: float
    transitions: int


def record_of(lease: Json) -> LeaseRecord:
    spec = lease.get("spec") or {}
    return LeaseRecord(
        spec.get("holderIdentity") or "",
        int(spec.get("leaseDurationSeconds") or 0),
        parse_rfc3339(spec["acquireTime"]) if spec.get("acquireTime") else 0.0,
        parse_rfc3339(spec["renewTime"]) if spec.get("renewTime") else 0.0,
        int(spec.get("leaseTransitions") or 0),
    )


def next_record(
    previous: LeaseRecord | None, holder: str, *, now_s: float, duration_s: int = int(LEASE_DURATION_S)
) -> LeaseRecord:
    """The record ``holder`` writes when it creates (no previous one), takes over, or renews the lease."""
    if previous is None:
        return LeaseRecord(holder, duration_s, now_s, now_s, 0)
    if previous.holder == holder:
        return LeaseRecord(holder, duration_s, previous.acquire_s, now_s, previous.transitions)
    return LeaseRecord(holder, duration_s, now_s, now_s, previous.transitions + 1)


def spec_of(record: LeaseRecord) -> Json:
    return {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.duration_s,
        "acquireTime": rfc3339_micro(record.acquire_s),
        "renewTime": rfc3339_micro(record.renew_s),
        "leaseTransitions": record.transitions,
    }


class LeaderElector:
    """One candidate for one lease."""

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        clock: Clock,
        identity: Identity,
        host: str,
        namespace: str = "kube-system",
        times: Times = Times(),
        on_event: Callable[[Json, str], None] | None = None,
    ) -> None:
        """``on_event`` (lease, message) is told when leading starts and stops."""
        self._client = client
        self._name, self._namespace = name, namespace
        self._clock, self._identity, self._times = clock, identity, times
        self._on_event = on_event
        self.holder = f"{host}_{identity.uid()}"
        self._lease: Json | None = None
        self._record: LeaseRecord | None = None
        self._observed_s = 0.0

    @property
    def is_leader(self) -> bool:
        return self._record is not None and self._record.holder == self.holder

    @property
    def leader(self) -> str:
        """The holder last seen, "" for none."""
        return self._record.holder if self._record else ""

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, run ``lead`` while it is held, give it up at the end.

        Raises:
            LeadershipLost: after ``lead`` was cancelled because the lease could not be renewed.
        """
        await self._acquire()
        self._tell("became leader")
        work = asyncio.ensure_future(lead())
        renewal = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait((work, renewal), return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_lost = renewal.done() and not renewal.cancelled()
            for task in (work, renewal):
                task.cancel()
            results = await asyncio.gather(work, renewal, return_exceptions=True)
            if not is_lost:
                await self._release()
            self._tell("stopped leading")
        if is_lost:
            raise LeadershipLost(f"{self.holder} lost the lease {self._namespace}/{self._name}")
        if isinstance(results[0], Exception):
            raise results[0]

    async def _acquire(self) -> None:
        while not await self._is_ours_after_try():
            jitter = 1 + JITTER_FACTOR * self._identity.random.random()
            await self._clock.sleep(self._times.retry_period_s * jitter)

    async def _renew(self) -> None:
        """Returns when the lease is lost: held by another, or not renewed within the deadline."""
        renewed_s = self._clock.monotonic_s()
        while True:
            await self._clock.sleep(self._times.retry_period_s)
            if await self._is_ours_after_try():
                renewed_s = self._clock.monotonic_s()
            elif self._clock.monotonic_s() - renewed_s >= self._times.renew_deadline_s:
                return

    async def _is_ours_after_try(self) -> bool:
        try:
            return await self._try_acquire_or_renew()
        except (StatusError, OSError) as error:
            log.info("lease %s/%s: %s", self._namespace, self._name, error)
            return False

    async def _try_acquire_or_renew(self) -> bool:
        if self.is_leader and self._is_valid() and self._lease is not None:
            # The fast path of a leader: what we wrote last is still there, or the update is refused.
            try:
                await self._write(self._lease)
                return True
            except StatusError as error:
                log.info("lease %s/%s: %s; reading it again", self._namespace, self._name, error)
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
        except StatusError as error:
            if error.code != 404:
                raise
            await self._create()
            return True
        self._observe(lease)
        if not self.is_leader and self.leader and self._is_valid():
            return False
        await self._write(lease)
        return True

    def _observe(self, lease: Json) -> None:
        record = record_of(lease)
        if record != self._record:
            self._record, self._observed_s = record, self._clock.monotonic_s()
        self._lease = lease

    def _is_valid(self) -> bool:
        return self._observed_s + self._times.lease_duration_s > self._clock.monotonic_s()

    async def _create(self) -> None:
        record = self._next(None)
        metadata = {"name": self._name, "namespace": self._namespace}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec_of(record),
        }
        self._observe(await self._client.create(LEASES, lease, self._namespace))

    async def _write(self, lease: Json) -> None:
        spec = {**(lease.get("spec") or {}), **spec_of(self._next(record_of(lease)))}
        self._observe(await self._client.update(LEASES, {**lease, "spec": spec}))

    def _next(self, previous: LeaseRecord | None) -> LeaseRecord:
        return next_record(
            previous, self.holder, now_s=self._clock.now_s(), duration_s=int(self._times.lease_duration_s)
        )

    async def _release(self) -> None:
        """Give the lease up, so that the next candidate need not wait for it to expire."""
        if not self.is_leader or self._lease is None or self._record is None:
            return
        now_s = self._clock.now_s()
        spec = spec_of(LeaseRecord("", 1, now_s, now_s, self._record.transitions))
        try:
            self._observe(await self._client.update(LEASES, {**self._lease, "spec": spec}))
        except (StatusError, OSError) as error:
            log.info("lease %s/%s was not given up: %s", self._namespace, self._name, error)

    def _tell(self, what: str) -> None:
        if self._on_event is not None and self._lease is not None:
            self._on_event(self._lease, f"{self.holder} {what}")
