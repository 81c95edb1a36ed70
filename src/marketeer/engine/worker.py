"""The worker: takes items off the queue, claims them, has them handled, and reports the outcome. Nothing else.

Every error ends here: it becomes an outcome, or stops the worker when only the user can help.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from marketeer.domain.errors import StaleClaim, StoreUnavailable, UsageError
from marketeer.domain.outcome import CameLate, Claimed, Failed, FailureKind, HandedBack, ItemRef, Outcome, Taker
from marketeer.domain.setbacks import CIRCUIT_OPENS_AFTER
from marketeer.domain.snapshot import Change
from marketeer.domain.work import WorkItem, WorkKind, WorkState, item_of_delivery
from marketeer.engine.api_state import ApiState
from marketeer.engine.gate import Gate
from marketeer.engine.handlers import Handled, Handlers
from marketeer.engine.leases import Leases
from marketeer.engine.mishaps import outcome_of
from marketeer.engine.patience import PATIENCE_S, RETRY_EVERY_S, Patience
from marketeer.engine.progress import Progress
from marketeer.engine.racing import race
from marketeer.engine.spare_hands import SpareHands, claimed_in
from marketeer.logs import bound, get_logger
from marketeer.ports import Clock, Store, WorkQueue

ALL_KINDS = frozenset(WorkKind)
FINISHING = frozenset({WorkKind.REVIEW})
STOPPING = "the process is stopping"
NO_HAND = "nobody here has a hand free for it any more"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """`owner` names this process in leases; times are seconds. `masked` takes secrets out of what errors say.
    `patience_s` is how long a store out of reach is waited for (None: for ever). `rehearsals_only`: the queue brings
    other workers' real goals too, and this one has no key."""

    owner: str
    max_parallel: int
    lease_s: float
    masked: Callable[[str], str]
    patience_s: float | None = PATIENCE_S
    rehearsals_only: bool = False


class Worker:
    """`run()` works until `stop()`, and ends when the last item in hand is done; `cut_off()` hands those back at once.

    `covers` says whether a goal's items are this worker's to take. `stopped_by` is the error that only the user can
    mend, once there is one; `patience` knows of a store out of reach; `handed_back` are the items that were cut off and
    are ready for whoever works here next.
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
        gate: Gate,
        covers: Callable[[str], bool],
        options: WorkerOptions,
    ) -> None:
        self._store = store
        self._queue = queue
        self._progress = progress
        self._handlers = handlers
        self._clock = clock
        self._api = api
        self._gate = gate
        self._covers = covers
        self._options = options
        self._leases = Leases(store, clock, lease_s=options.lease_s)
        self._spare = SpareHands(queue)
        self._waiting: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        # At the queue or at work.
        self._active: set[asyncio.Task[None]] = set()
        self._in_hand: dict[asyncio.Task[None], str] = {}
        self._room = asyncio.Event()
        self._rested = asyncio.Event()
        self.stopping = asyncio.Event()
        self.stopped_by: UsageError | None = None
        self.patience = Patience(clock, options.patience_s)
        self.handed_back: list[str] = []

    @property
    def busy(self) -> int:
        """Items in hand."""
        return len(self._busy)

    def stop(self, error: UsageError | None = None) -> None:
        """Claim nothing more."""
        self.stopped_by = self.stopped_by or error
        self.stopping.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            leases = group.create_task(self._leases.keep(), name="leases")
            for number in range(self._options.max_parallel):
                self._waiting.add(group.create_task(self._slot(), name=f"slot {number + 1}"))
            await self.stopping.wait()
            for slot in self._waiting:
                slot.cancel()
            await self.idle()
            leases.cancel()

    async def _slot(self) -> None:
        """One of the items that may be in hand at once, one after another."""
        slot = asyncio.current_task()
        assert slot is not None  # noqa: S101 - this runs as a task of the group
        while not self.stopping.is_set():
            await self._turn(self._active)
            self._active.add(slot)
            delivery_id = await self._queue.get()
            # Fewer may be allowed by now than were when it went to the queue.
            if len(self._busy) >= self._gate.agents(self._options.max_parallel):
                await self._hand_back_all(self._spare.take_back(), NO_HAND)
            await self._turn(self._busy)
            self._waiting.discard(slot)
            self._busy.add(slot)
            try:
                await self._delivered(slot, delivery_id)
            finally:
                self._in_hand.pop(slot, None)
                self._busy.discard(slot)
                self._active.discard(slot)
                self._rested.set()
                self._room.set()
            self._waiting.add(slot)

    async def _delivered(self, slot: asyncio.Task[None], delivery_id: str) -> None:
        try:
            await self._job(slot, item_of_delivery(delivery_id), self._spare.take(delivery_id))
        finally:
            await self._queue.done(delivery_id)

    async def _turn(self, others: set[asyncio.Task[None]]) -> None:
        """Returns when one more may join these."""
        while len(others) >= self._gate.agents(self._options.max_parallel):
            self._room.clear()
            await self._room.wait()

    def look_again(self) -> None:
        """More or fewer may be at work from now on."""
        self._room.set()

    async def idle(self) -> None:
        """Returns when nothing is in hand."""
        while self._busy:
            self._rested.clear()
            await self._rested.wait()

    async def cut_off(self) -> int:
        """Cancel the items in hand; each books what it may have spent and is handed back, and so is what was handed
        over and nobody has begun. Returns how many were in hand."""
        late = set(self._busy)
        for slot in late:
            slot.cancel()
        await self.idle()
        await self._hand_back_all(self._spare.take_back(), STOPPING)
        return len(late)

    # -- one item --------------------------------------------------------------------------------------------

    async def _job(self, slot: asyncio.Task[None], item_id: str, item: WorkItem | None) -> None:
        """An item, claimed already or not, and whatever this slot takes up through it, one after another."""
        self._in_hand[slot] = item_id
        try:
            if item is None:
                item = await self._claim(item_id)
            while item is not None:
                self._in_hand[slot] = item.work_item_id
                item = await self._work(item)
        except asyncio.CancelledError:
            # What cannot be handed back now is, when its lease ends or the next process starts.
            with contextlib.suppress(StoreUnavailable):
                await asyncio.shield(self._let_go(slot, item))
            raise
        except UsageError as exc:
            self.stop(exc)
        except StoreUnavailable as exc:
            # Not claimed, so the sweep brings it again; or not reported, so it is done again when its lease ends.
            self.patience.met(exc)
        except Exception:
            known = {"goal_id": item.goal_id, "task_id": item.task_id} if item is not None else {}
            log.exception("item_crashed", item=item_id, **known)

    async def _work(self, item: WorkItem) -> WorkItem | None:
        with bound(item=item.work_item_id, goal_id=item.goal_id, task_id=item.task_id, claim=item.claim):
            log.debug("item_started", kind=item.kind.value, attempt=item.attempts)
            started = self._clock.monotonic()
            handled = await self._handle_under_lease(item)
            change = await self._report_patiently(item, handled) if handled is not None else None
            log.info(
                "item_done",
                outcome=type(handled.outcome).__name__ if handled else "dropped",
                duration_s=round(self._clock.monotonic() - started, 3),
            )
        return self._first_of(change)

    def _first_of(self, change: Change | None) -> WorkItem | None:
        """What to go on with, of all that a commit of ours has claimed."""
        return next(iter(claimed_in(change, self._options.owner)), None)

    async def _hand_back_all(self, items: Sequence[WorkItem], reason: str) -> None:
        """What cannot be handed back now is, when its lease ends or the next process starts."""
        with contextlib.suppress(StoreUnavailable):
            for item in items:
                await self._hand_back(item, reason)

    async def _hand_back(self, item: WorkItem, reason: str) -> bool:
        """False when somebody was faster."""
        ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
        return await self._report(item, Handled(outcome=HandedBack(item=ref, reason=reason))) is not None

    async def _let_go(self, slot: asyncio.Task[None], item: WorkItem | None) -> None:
        """Hand back what was cut off anywhere between its claim and the commit of its outcome, which may have given
        this slot another item."""
        if item is not None:
            await self._progress.settled(item.goal_id)
        await self._store.flush()
        # Before it looks: a slot that looks later, at what was given to it meanwhile, must not leave it to this one.
        self._in_hand.pop(slot, None)
        others = set(self._in_hand.values())
        for held in await self._store.claimed_items(lease_before=None):
            if held.owner == self._options.owner and held.work_item_id not in others:
                self._spare.take(held.delivery_id)
                if await self._hand_back(held, STOPPING):  # another slot may have been faster
                    self.handed_back.append(held.work_item_id)

    async def _claim(self, item_id: str) -> WorkItem | None:
        item = self._progress.item(item_id)
        if item is None or item.state is not WorkState.READY:
            item = await self._store.work_item(item_id)
        if item is None:
            log.warning("unknown_item_refused", item=item_id)
            return None
        if item.state is not WorkState.READY:
            return None  # the queue brings an item at least once
        if (self._options.rehearsals_only or not self._gate.is_open) and not await self._may_be_taken_up(item):
            return None
        claimed = Claimed(item_id=item_id, owner=self._options.owner, lease_until=self._lease_end())
        with bound(item=item_id, goal_id=item.goal_id, task_id=item.task_id):
            log.debug("item_dequeued")
            return self._first_of(await self._progress.apply(item.goal_id, claimed))

    async def _may_be_taken_up(self, item: WorkItem) -> bool:
        """What may not stays in the store; the sweep brings it again when it may."""
        goal = await self._store.goal(item.goal_id)
        if self._options.rehearsals_only and not goal.rehearsal:
            return False
        return self._gate.allows(item.priority, rehearsal=goal.rehearsal)

    def _taker(self, item: WorkItem) -> Taker | None:
        """What this worker goes on with at once: finishing goes before beginning, and a goal that is under way before
        another that waits as urgently."""
        if not self._may_judge():
            return None
        room = self._gate.agents(self._options.max_parallel) - len(self._busy)
        may_begin = room >= 0 and self._gate.is_open and self._covers(item.goal_id)
        waiting = self._queue.most_urgent
        if waiting is not None and item.kind is WorkKind.PLAN:
            waiting -= 1  # this goal has only just been planned
        return Taker(
            owner=self._options.owner,
            lease_until=self._lease_end(),
            kinds=ALL_KINDS if may_begin else FINISHING,
            at_least=waiting,
            hands=1 + self._spare.free(room),
        )

    def _lease_end(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._options.lease_s)

    async def _report_patiently(self, item: WorkItem, handled: Handled) -> Change | None:
        """Wait for a store that is out of reach, but not while stopping: what was paid for is recorded already."""
        while True:
            try:
                return await self._report(item, handled)
            except StoreUnavailable as exc:
                self.patience.met(exc)
                if self.stopping.is_set() or self.patience.lost is not None:
                    raise
            await race(self._clock.sleep(RETRY_EVERY_S), self.stopping.wait())

    async def _report(self, item: WorkItem, handled: Handled) -> Change | None:
        outcome = handled.outcome
        if isinstance(outcome, Failed) and item.task_id is not None and outcome.kind is not FailureKind.OUTAGE:
            before = await self._store.failures_in_a_row(item.goal_id, most=CIRCUIT_OPENS_AFTER)
            outcome = replace(outcome, failed_before=before)
        try:
            return await self._apply(item, replace(handled, outcome=outcome))
        except StaleClaim as exc:
            # What was paid for is recorded; a lost lease or an ended goal takes no result any more.
            log.warning("late_result_refused", error=str(exc))
            await self._tell_late(item)
            return None

    async def _apply(self, item: WorkItem, handled: Handled) -> Change | None:
        """Commit it, and with it the claims on what this process goes on with."""
        with self._spare.claiming(self._options.owner, lambda: self._taker(item)) as claims:
            change = await self._progress.apply(
                item.goal_id, handled.outcome, documents=handled.documents, reviews=handled.reviews, claims=claims
            )
        await self._hand_back_all(claims.left, NO_HAND)
        return change

    async def _tell_late(self, item: WorkItem) -> None:
        """In the goal's journal, where a step was taken from us. That a goal was ended stands there already."""
        now = await self._store.work_item(item.work_item_id)
        if now is not None and now.state is not WorkState.VOID and now.claim != item.claim:
            ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
            late = CameLate(item=ref, task_id=item.task_id, by=self._options.owner)
            await self._progress.apply(item.goal_id, late)
        await self._progress.came_late(item.goal_id)

    def _may_judge(self) -> bool:
        return not self.stopping.is_set() and self._gate.lets_finish

    async def _handle_under_lease(self, item: WorkItem) -> Handled | None:
        """The handler's answer, or what its error comes to. None when the item is no longer ours."""
        with self._leases.holding(item) as lease:
            try:
                return await self._handlers.handle(item, self._may_judge)
            except asyncio.CancelledError:
                if not lease.lost:
                    raise
                lease.work.uncancel()
                log.warning("lease_lost")
                await self._tell_late(item)
                return None
            except Exception as exc:  # noqa: BLE001 - the one place where every error of a step ends
                outcome = self._outcome_of(item, exc)
                if isinstance(exc, StoreUnavailable):
                    # No attempt of the task's, and no reason to try again in the same instant.
                    await race(self._clock.sleep(RETRY_EVERY_S), self.stopping.wait())
                return Handled(outcome=outcome) if outcome else None

    def _outcome_of(self, item: WorkItem, exc: Exception) -> Outcome | None:
        if isinstance(exc, UsageError):
            self.stop(exc)
        elif isinstance(exc, StoreUnavailable):
            self.patience.met(exc)
        ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
        return outcome_of(ref, exc, said=self._options.masked(str(exc)), api_is_down=self._api.is_down)
