"""The worker: takes items off the queue, claims them, has them handled, and reports the outcome. Nothing else.

Every error ends here: it becomes an outcome, or stops the worker when only the user can help.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from marketeer.domain.errors import (
    ApiUnavailable,
    MarketeerError,
    PermanentError,
    StaleClaim,
    StoreUnavailable,
    TransientError,
    UsageError,
)
from marketeer.domain.outcome import Failed, FailureKind, HandedBack, ItemRef, Outcome, OverBudget
from marketeer.domain.work import WorkItem
from marketeer.engine.api_state import ApiState
from marketeer.engine.handlers import Handled, Handlers
from marketeer.engine.ledger import CapReached
from marketeer.engine.progress import Progress
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store, WorkQueue

HEARTBEATS_A_LEASE = 3

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """`owner` names this process in leases; times are seconds."""

    owner: str
    max_parallel: int
    lease_s: float


class Worker:
    """Run with `run()` in a task group; `stop()` stops claiming, `drain()` then waits for what is in hand.

    `stopped_by` is the error that only the user can mend, once there is one.
    """

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue,
        progress: Progress,
        handlers: Handlers,
        clock: Clock,
        api: ApiState,
        options: WorkerOptions,
    ) -> None:
        self._store = store
        self._queue = queue
        self._progress = progress
        self._handlers = handlers
        self._clock = clock
        self._options = options
        self._slots = asyncio.Semaphore(options.max_parallel)
        self._jobs: set[asyncio.Task[None]] = set()
        self._api = api
        self._stopping = asyncio.Event()
        self.stopped_by: UsageError | None = None

    @property
    def busy(self) -> int:
        """Items in hand."""
        return len(self._jobs)

    @property
    def stopping(self) -> asyncio.Event:
        return self._stopping

    def stop(self, error: UsageError | None = None) -> None:
        self.stopped_by = self.stopped_by or error
        self._stopping.set()

    async def run(self) -> None:
        """Claim and handle until `stop()`; items in hand go on and are waited for by `drain()`."""
        halt = asyncio.ensure_future(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                if not await _won(asyncio.ensure_future(self._slots.acquire()), halt):
                    return
                taken = asyncio.ensure_future(self._queue.get())
                await asyncio.wait((taken, halt), return_when=asyncio.FIRST_COMPLETED)
                if not taken.done():
                    taken.cancel()
                    return
                self._start(taken.result())
        finally:
            halt.cancel()

    def _start(self, item_id: str) -> None:
        job = asyncio.ensure_future(self._work(item_id))
        job.set_name(f"item {item_id}")
        self._jobs.add(job)
        job.add_done_callback(self._finished)

    def _finished(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        self._slots.release()
        if not job.cancelled() and (error := job.exception()) is not None:
            log.error("item_crashed", item=job.get_name(), error=repr(error))
            if isinstance(error, UsageError):
                self.stop(error)

    async def drain(self, grace_s: float) -> int:
        """Wait for the items in hand, then cancel the rest (they are handed back). Returns how many were cancelled."""
        jobs = set(self._jobs)
        if jobs:
            timer = asyncio.ensure_future(self._clock.sleep(grace_s))
            everything = asyncio.ensure_future(asyncio.wait(jobs))
            await asyncio.wait((everything, timer), return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            everything.cancel()
        late = [job for job in jobs if not job.done()]
        for job in late:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        return len(late)

    # -- one item --------------------------------------------------------------------------------------------

    async def _work(self, item_id: str) -> None:
        item = await self._claim(item_id)
        if item is None:
            return
        structlog.contextvars.bind_contextvars(
            item=item.work_item_id, goal_id=item.goal_id, task_id=item.task_id, claim=item.claim
        )
        log.info("item_started", kind=item.kind.value, attempt=item.attempts)
        started = self._clock.monotonic()
        handled = await self._handle_under_lease(item)
        if handled is not None:
            await self._report(item, handled)
        log.info(
            "item_done",
            outcome=type(handled.outcome).__name__ if handled else "dropped",
            duration_s=round(self._clock.monotonic() - started, 3),
        )

    async def _claim(self, item_id: str) -> WorkItem | None:
        item = await self._store.work_item(item_id)
        if item is None:
            return None
        log.debug("item_dequeued", item=item_id)
        return await self._progress.claim(item, owner=self._options.owner, lease_s=self._options.lease_s)

    async def _report(self, item: WorkItem, handled: Handled) -> None:
        try:
            await self._progress.apply(
                item.goal_id, handled.outcome, documents=handled.documents, reviews=handled.reviews
            )
        except StaleClaim as exc:
            # What was paid for is recorded; a lost lease or an ended goal takes no result any more.
            log.warning("late_result_refused", error=str(exc))

    async def _handle_under_lease(self, item: WorkItem) -> Handled | None:
        """The handler's answer, or what its error comes to. None when the lease was lost."""
        work = asyncio.ensure_future(self._handlers.handle(item))
        beat = asyncio.ensure_future(self._keep_lease(item))
        try:
            await asyncio.wait((work, beat), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                log.warning("lease_lost")
                return None
            return work.result()
        except asyncio.CancelledError:
            await _cancelled(work)
            ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
            await asyncio.shield(
                self._report(item, Handled(outcome=HandedBack(item=ref, reason="the process is stopping")))
            )
            raise
        except Exception as exc:  # noqa: BLE001 - the one place where every error of a step ends
            outcome = self._outcome_of(item, exc)
            return Handled(outcome=outcome) if outcome else None
        finally:
            beat.cancel()
            await _cancelled(work)

    async def _keep_lease(self, item: WorkItem) -> None:
        """Returns when the lease is lost: then the work must stop by itself."""
        lease_s = self._options.lease_s
        held_until = self._clock.monotonic() + lease_s
        while self._clock.monotonic() < held_until:
            await self._clock.sleep(lease_s / HEARTBEATS_A_LEASE)
            asked_at = self._clock.monotonic()
            try:
                async with asyncio.timeout(lease_s / HEARTBEATS_A_LEASE):
                    until = self._clock.now() + timedelta(seconds=lease_s)
                    if not await self._store.heartbeat(item, lease_until=until):
                        return
            except (TimeoutError, StoreUnavailable) as exc:
                log.warning("heartbeat_failed", error=str(exc))
                continue
            held_until = asked_at + lease_s

    def _outcome_of(self, item: WorkItem, exc: Exception) -> Outcome | None:
        ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
        match exc:
            case StaleClaim():
                log.warning("claim_stale", error=str(exc))
                return None
            case CapReached():
                return OverBudget(
                    item=ref, scope=exc.scope, reason=str(exc), until=exc.until, ask_usd=exc.ask_usd
                )
            case UsageError():
                log.error("stopped_by_configuration", error=str(exc))
                self.stop(exc)
                return HandedBack(item=ref, reason=str(exc))
            case TransientError():
                return self._transient(ref, exc)
            case PermanentError() | MarketeerError():
                log.warning("item_failed", error=str(exc), error_type=type(exc).__name__)
                return Failed(item=ref, kind=FailureKind.PERMANENT, error=str(exc))
            case _:
                log.error("item_failed_unexpectedly", exc_info=exc)
                error = f"unexpected {type(exc).__name__}: {exc}"
                return Failed(item=ref, kind=FailureKind.PERMANENT, error=error)

    def _transient(self, ref: ItemRef, exc: TransientError) -> Failed:
        down = isinstance(exc, ApiUnavailable) and self._api.is_down
        log.warning("item_failed", error=str(exc), retry_after_s=exc.retry_after_s, api_down=down)
        return Failed(
            item=ref,
            kind=FailureKind.OUTAGE if down else FailureKind.TRANSIENT,
            error=str(exc),
            retry_after_s=exc.retry_after_s,
        )


async def _won(slot: asyncio.Future[Any], halt: asyncio.Future[Any]) -> bool:
    """Wait for a slot; False when the worker was stopped first."""
    await asyncio.wait((slot, halt), return_when=asyncio.FIRST_COMPLETED)
    if halt.done():
        slot.cancel()
        return False
    return True


async def _cancelled(work: asyncio.Future[Handled]) -> None:
    """Cancel a handler and wait until it has cleaned up."""
    if not work.done():
        work.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await work
