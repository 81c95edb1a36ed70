"""The queue of many workers: BullMQ's own scripts, driven by us.

BullMQ's `Worker` ends silently when a handler is cancelled, gives up its locks before its jobs when it closes, and
waits 15 seconds after an error. What makes a queue BullMQ is its scripts and keys, so we use those of the official
package and write the loops ourselves: one fetches, one keeps the locks, one takes up what dead workers held.

The store stays the truth. A job is an id and a priority; all that Redis may lose, the outbox puts back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bullmq import Job, Queue
from redis.exceptions import ResponseError

from marketeer.adapters.bullmq_queue.link import LONGEST_WAIT_S, TROUBLE, RedisLink, not_cancelled
from marketeer.ports import Clock

JOB_NAME = "step"
# A dead worker's jobs are taken up when their locks end. The store's leases decide who may work; this only dispatches.
LOCK_S = 8.0
RENEW_EVERY_S = 2.0
STALLED_EVERY_S = 3.0
# Our store counts attempts. BullMQ must never fail a job of its own accord.
NEVER = 1_000_000
# What was offered lately is not offered again: every process sweeps, and each sweep brings everything that is ready.
OFFERED_FOR_S = 5.0
BATCH = 500
# BullMQ takes a job without a priority before all others.
FIRST_PRIORITY = 1
# How BullMQ orders: priority times this, and a counter.
PRIORITY_STEP = 2**32
HEAD_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    job: Any
    token: str


class BullmqQueue:
    """See ports.WorkQueue. The link has entered its workspace's space. `rehearsals_only`: the queue of those who do
    nothing else."""

    def __init__(self, link: RedisLink, clock: Clock, *, rehearsals_only: bool = False) -> None:
        self.on_turn: Callable[[str | None], None] | None = None
        self._link = link
        link.on_turn = self._turned
        self._clock = clock
        name = queue_name(link.name, rehearsals_only=rehearsals_only)
        self._queue = Queue(name, {"connection": link.brisk, "prefix": link.prefix})
        self._backend = self._queue.backend
        self._me = uuid4().hex
        self._fetched = 0
        self._offered: dict[str, float] = {}
        self._waiting = 0
        self._wanted = asyncio.Event()
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._held: dict[str, _Held] = {}
        self._head: int | None = None

    # -- putting ---------------------------------------------------------------------------------------------

    async def put(self, entries: Sequence[tuple[str, int]], *, ours: bool = False) -> None:
        """While Redis is out of reach nothing is put; whoever is told that it is back offers it again."""
        now = self._clock.monotonic()
        self._offered = {entry: at for entry, at in self._offered.items() if now - at < OFFERED_FOR_S}
        first: dict[str, int] = {}
        for entry, priority in entries:
            if entry not in self._offered:
                first.setdefault(entry, priority)
        fresh = sorted(first.items(), key=lambda entry: entry[1])
        if ours:
            fresh = self._keep(fresh, now)
        for start in range(0, len(fresh), BATCH):
            if self._link.is_up:
                await self._put_batch(fresh[start : start + BATCH], now)

    def _keep(self, entries: list[tuple[str, int]], now: float) -> list[tuple[str, int]]:
        """Hand them to those who wait here: that nobody gets anything means that nothing waits in Redis either. Returns
        what is left. A task and its like then stay where their prompt is warm, and no time is lost on the way."""
        if not self._link.is_up:
            return entries
        idle = self.idle
        for entry, _ in entries[:idle]:
            self._offered[entry] = now
            self._ready.put_nowait(entry)
        return entries[idle:]

    async def _put_batch(self, entries: Sequence[tuple[str, int]], now: float) -> None:
        try:
            async with self._link.brisk.pipeline(transaction=False) as asked:
                for entry, _ in entries:
                    asked.exists(self._backend.toKey(entry))
                known = await asked.execute()
            missing = [_job(*entry) for entry, there in zip(entries, known, strict=True) if not there]
            if missing:
                await self._queue.addBulk(missing)
        except TROUBLE as exc:
            self._link.failed(exc)
            return
        self._offered.update((entry, now) for entry, _ in entries)
        known = [self._head] if self._head is not None else []
        self._head = min([*known, *(priority for _, priority in entries)])

    def _turned(self, trouble: str | None) -> None:
        # Redis may have lost whatever was offered.
        self._offered.clear()
        if self.on_turn is not None:
            self.on_turn(trouble)

    @property
    def most_urgent(self) -> int | None:
        return self._head

    # -- taking ----------------------------------------------------------------------------------------------

    async def get(self) -> str:
        self._waiting += 1
        self._wanted.set()
        try:
            return await self._ready.get()
        finally:
            self._waiting -= 1

    @property
    def idle(self) -> int:
        return max(0, self._waiting - self._ready.qsize())

    def hand(self, delivery_id: str) -> bool:
        if not self.idle:
            return False
        self._ready.put_nowait(delivery_id)
        return True

    async def done(self, delivery_id: str) -> None:
        held = self._held.pop(delivery_id, None)
        if held is None or not self._link.is_up:
            return  # BullMQ brings it once more, and the store says that it is over
        try:
            await self._backend.moveToCompleted(held.job, None, True, held.token, fetch_next=False)
        except TROUBLE as exc:
            self._heard(exc)
        except TypeError:
            # BullMQ's way to say that the lock or the job is gone: Redis was emptied, or we slept too long.
            return

    async def close(self) -> None:
        """What was fetched and not taken goes back at once."""
        while not self._ready.empty():
            held = self._held.pop(self._ready.get_nowait(), None)
            with suppress(*TROUBLE, TypeError):
                if held is not None and self._link.is_up:
                    await self._backend.retryJob(held.job.id, True, held.token)

    # -- the loops -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._link.run(), name="redis")
            loops.create_task(self._fetch(), name="fetch")
            loops.create_task(self._look_ahead(), name="head")
            loops.create_task(self._keep_locks(), name="locks")
            loops.create_task(self._take_up_stalled(), name="stalled")

    async def _fetch(self) -> None:
        """One job at a time, and only while somebody waits for one: what lies in our hands nobody else can take."""
        while not_cancelled():
            await self._wanted.wait()
            if self._waiting <= self._ready.qsize():
                self._wanted.clear()
                continue
            await self._link.wait_until_up()
            try:
                if not await self._take():
                    await self._link.patient.bzpopmin(self._backend.keys["marker"], LONGEST_WAIT_S)
            except TROUBLE as exc:
                self._heard(exc)
                await self._clock.sleep(0.1)

    async def _take(self) -> bool:
        self._fetched += 1
        token = f"{self._me}:{self._fetched}"
        data, job_id, *_ = await self._backend.moveToActive(token, {"lockDuration": int(LOCK_S * 1000)})
        if not data or not job_id:
            return False
        self._held[job_id] = _Held(job=Job.fromJSON(self._queue, data, job_id), token=token)
        self._offered.pop(job_id, None)
        self._head = None
        self._ready.put_nowait(job_id)
        return True

    async def _look_ahead(self) -> None:
        """While we hold something: what we end with next may have to give way to what waits here."""
        while not_cancelled():
            await self._clock.sleep(HEAD_EVERY_S)
            if not self._held or not self._link.is_up:
                self._head = None
                continue
            try:
                first = await self._link.brisk.zrange(self._backend.keys["prioritized"], 0, 0, withscores=True)
            except TROUBLE as exc:
                self._heard(exc)
                continue
            self._head = int(first[0][1]) // PRIORITY_STEP - FIRST_PRIORITY if first else None

    async def _keep_locks(self) -> None:
        while not_cancelled():
            await self._clock.sleep(RENEW_EVERY_S)
            held = list(self._held.items())
            if not held or not self._link.is_up:
                continue
            try:
                ids, tokens = [job_id for job_id, _ in held], [each.token for _, each in held]
                await self._backend.extendLocks(ids, tokens, int(LOCK_S * 1000))
            except TROUBLE as exc:
                self._heard(exc)

    async def _take_up_stalled(self) -> None:
        while not_cancelled():
            await self._clock.sleep(STALLED_EVERY_S)
            if not self._link.is_up:
                continue
            try:
                await self._backend.moveStalledJobsToWait(NEVER, int(STALLED_EVERY_S * 1000))
            except TROUBLE as exc:
                self._heard(exc)

    def _heard(self, exc: BaseException) -> None:
        """A script that was refused says nothing of the connection."""
        if not isinstance(exc, ResponseError):
            self._link.failed(exc)


def queue_name(workspace_id: str, *, rehearsals_only: bool) -> str:
    """By which other BullMQ programs find it."""
    return f"{workspace_id}-rehearsals" if rehearsals_only else workspace_id


def _job(item_id: str, priority: int) -> dict[str, Any]:
    options = {"jobId": item_id, "priority": priority + FIRST_PRIORITY, "removeOnComplete": True, "removeOnFail": True}
    return {"name": JOB_NAME, "data": {"item": item_id}, "opts": options}
