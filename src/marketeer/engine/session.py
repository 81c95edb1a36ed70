"""A working session: takes over what a dead process left, works until its goals are at rest, and stops in stages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from marketeer.domain.errors import ConfigurationError, StoreUnavailable, UsageError
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.outcome import ApiLooked, BudgetLooked, Looked
from marketeer.domain.snapshot import Change
from marketeer.domain.task import WAITS_FOR_BUDGET, Task, TaskStatus
from marketeer.domain.work import Scope
from marketeer.engine.gate import Gate
from marketeer.engine.library import Library
from marketeer.engine.outbox import Outbox
from marketeer.engine.progress import Progress
from marketeer.engine.racing import race
from marketeer.engine.recovery import free_leases, free_reservations
from marketeer.engine.roll import Roll
from marketeer.engine.worker import Worker
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, Store, WorkQueue

LOOK_EVERY_S = 1.0
# Commits ring. This is only for one whose ring was lost.
LOST_RING_S = 5.0
MIRROR_BUNDLE_S = 0.25
# How long the last files wait for another process that is at them.
FILES_TRIES = 50
FILES_AGAIN_S = 0.1

log = get_logger(__name__)


class WatchedDoorbell(Doorbell, Protocol):
    """A doorbell with a loop of its own that hears other processes."""

    async def watch(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What a session needs when other processes work on the same store: its place on the roll, and the turn at the
    workspace's files, which is True for one process at a time."""

    roll: Roll
    turn_at_files: Callable[[], AbstractContextManager[bool]]


class Session:
    """Work on one goal (`goal_id`) or on all (None). `owner` names this process in leases and reservations. `company`
    None: nobody else works here, so whatever is claimed or reserved was left by the dead.

    `interrupt()` begins the stop: claim nothing more, let calls in flight finish within the grace, hand back the rest.
    A second one cuts the grace short.
    """

    def __init__(
        self,
        *,
        store: Store,
        progress: Progress,
        library: Library,
        queue: WorkQueue,
        outbox: Outbox,
        worker: Worker,
        gate: Gate,
        doorbell: WatchedDoorbell,
        clock: Clock,
        owner: str,
        grace_s: float,
        warm_up: Callable[[], Awaitable[None]] | None = None,
        company: Company | None = None,
    ) -> None:
        self._store = store
        self._progress = progress
        self._library = library
        self._queue = queue
        self._company = company
        self._outbox = outbox
        self._worker = worker
        self._gate = gate
        self._doorbell = doorbell
        self._clock = clock
        self._owner = owner
        self._grace_s = grace_s
        self._prepare_model = warm_up
        self._hurry = asyncio.Event()
        self.interrupted = False

    @property
    def busy(self) -> int:
        """Items in hand."""
        return self._worker.busy

    @property
    def handed_back(self) -> Sequence[str]:
        """Ids of the items that were cut off in mid-work; whoever works here next begins with them."""
        return self._worker.handed_back

    def interrupt(self) -> None:
        """Safe to call from a signal handler of the loop, any number of times."""
        if self.interrupted:
            self._hurry.set()
        self.interrupted = True
        self._worker.stop()

    async def run(self, goal_id: str | None, *, rests: bool = True) -> None:
        """Until the goal (or every goal) is final or cannot move by itself, or `interrupt()`. Without `rests` only the
        latter ends it.

        The caller holds the working lock, alone or with its company. Raises the UsageError that stopped the worker, if
        one did.
        """
        await self._gate.look()
        await self._take_over()
        await self._widen_scope(goal_id)
        self._progress.on_change = self._heard
        self._gate.on_turn = self._worker.look_again
        self._gate.on_api_back = self._resume_after_outage
        self._queue.on_turn = self._gate.queue_turned
        async with asyncio.TaskGroup() as loops:
            background = [
                loops.create_task(self._supervised(name, loop), name=name)
                for name, loop in (
                    ("warm-up", self._warm_up),
                    ("gate", self._gate.run),
                    ("api", self._gate.ask_api),
                    ("worker", self._worker.run),
                    ("outbox", self._outbox.run),
                    ("doorbell", self._doorbell.watch),
                    ("mirror", self._mirror),
                    ("queue", self._queue.run),
                    *((("roll", self._company.roll.keep),) if self._company else ()),
                )
            ]
            try:
                await (self._until_at_rest(goal_id) if rests else self._worker.stopping.wait())
            finally:
                self._worker.stop()
                await self._drain()
                for loop in background:
                    loop.cancel()
        self._progress.on_change = None
        await self._queue.close()
        await self._mirror_the_rest()
        if self._company is not None:
            await self._company.roll.leave()
        trouble = self._worker.stopped_by or (None if self.interrupted else self._worker.patience.lost)
        if trouble is not None:
            raise trouble

    async def _mirror_the_rest(self) -> None:
        try:
            if self._company is None:
                await self._library.mirror_missing()
                return
            for _ in range(FILES_TRIES):
                if await self._at_files(self._library.mirror_missing):
                    return
                await self._clock.sleep(FILES_AGAIN_S)
        except StoreUnavailable as exc:
            if not self.interrupted:
                raise
            log.warning("files_left_for_the_next_process", error=str(exc))

    async def _warm_up(self) -> None:
        """What the model needs before its first call is done beside the planning."""
        if self._prepare_model is not None:
            with contextlib.suppress(ConfigurationError):  # the first call says it again, where it is reported
                await self._prepare_model()

    async def _supervised(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A full disk or locked database is waited out, not died of; what only the user can mend stops the worker."""
        said = ""
        while True:
            try:
                return await loop()
            except UsageError as exc:
                return self._worker.stop(exc)
            except StoreUnavailable as exc:
                if str(exc) != said:
                    said = str(exc)
                    log.warning("loop_waits_for_the_store", loop=name, error=said)
                await self._clock.sleep(LOOK_EVERY_S)

    async def _take_over(self) -> None:
        """Alone, whoever held a lease or a reservation here before is gone: the working lock is ours. In company only
        time can tell who is: the sweep and the roll do that."""
        if self._company is None:
            await free_leases(self._store, self._progress)
            await free_reservations(self._store, self._clock, owner_not=self._owner)
        else:
            await self._company.roll.call()
        await self._at_files(self._mend_files)
        await self._progress.look_at_questions()
        for goal in await self._store.goals(limit=1_000, unfinished_only=True):
            if self._outbox.covers(goal):
                await self._progress.apply(goal.goal_id, BudgetLooked())
                await self._progress.apply(goal.goal_id, ApiLooked())

    async def _mend_files(self) -> None:
        await self._library.mirror_missing()
        for goal in await self._store.goals(limit=1_000, unfinished_only=True):
            for task in await self._store.tasks(goal.goal_id):
                if task.output_path:
                    await self._library.restore(task.output_path)

    async def _at_files(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it if no other process is at the files: two would overwrite each other's newer versions."""
        if self._company is None:
            await work()
            return True
        with self._company.turn_at_files() as ours:
            if ours:
                await work()
            return ours

    async def _resume_after_outage(self) -> None:
        """What met it is due now, the oldest goal first."""
        unfinished = await self._store.goals(limit=10_000, unfinished_only=True)
        for goal in reversed(unfinished):
            if self._outbox.covers(goal) and not goal.rehearsal:
                await self._progress.apply(goal.goal_id, ApiLooked(back=True))

    async def _widen_scope(self, goal_id: str | None) -> None:
        """A goal that waits for another goal's task works on that task too, and on nothing else of that goal."""
        if goal_id is not None:
            tasks = await self._store.tasks(goal_id)
            self._add_to_scope(goal_id, tasks)

    def _add_to_scope(self, goal_id: str, tasks: Sequence[Task]) -> bool:
        own = {task.task_id for task in tasks}
        prefix = goal_id.rsplit("-", 1)[-1] + "-"
        elsewhere = {d for t in tasks for d in t.depends_on if d not in own and not d.startswith(prefix)}
        scope = self._outbox.scope
        if elsewhere <= scope.task_ids:
            return False
        self._outbox.scope = Scope(
            goal_ids=scope.goal_ids,
            task_ids=scope.task_ids | elsewhere,
            rehearsals_only=scope.rehearsals_only,
        )
        return True

    async def _heard(self, change: Change) -> None:
        self._worker.patience.over()
        goal_ids = self._outbox.scope.goal_ids
        if goal_ids and change.goal.goal_id in goal_ids:
            widened = self._add_to_scope(change.goal.goal_id, [c.after for c in change.tasks])
            if widened:
                await self._outbox.sweep()
        await self._outbox.offer(change)

    async def _mirror(self) -> None:
        """Write committed documents to their files, a moment after the commit."""
        while True:
            seen = self._doorbell.rings
            await self._at_files(self._library.mirror_missing)
            await self._doorbell.wait(seen, LOST_RING_S)
            await self._clock.sleep(MIRROR_BUNDLE_S)

    async def _until_at_rest(self, goal_id: str | None) -> None:
        # In company what we have in hand may be another goal's, which says nothing about ours.
        elsewhere = self._company is not None and goal_id is not None
        while not self._worker.stopping.is_set() and self._worker.patience.lost is None:
            # While items are in hand a look tells nothing.
            if not elsewhere:
                await race(self._worker.idle(), self._clock.sleep(LOOK_EVERY_S), self._worker.stopping.wait())
            seen = self._doorbell.rings
            at_rest = (elsewhere or not self._worker.busy) and await self._looks_at_rest(goal_id)
            # A look takes a moment: it counts only when nothing was begun or committed meanwhile.
            if at_rest and (elsewhere or not self._worker.busy) and self._doorbell.rings == seen:
                return
            if elsewhere or not self._worker.busy:
                await race(self._doorbell.wait(seen, LOOK_EVERY_S), self._worker.stopping.wait())

    async def _looks_at_rest(self, goal_id: str | None) -> bool:
        try:
            return await self._at_rest(goal_id)
        except StoreUnavailable as exc:
            self._worker.patience.met(exc)
            return False

    async def _at_rest(self, goal_id: str | None) -> bool:
        if goal_id is not None:
            return await self._rests(await self._store.goal(goal_id))
        for goal in await self._store.goals(limit=10_000, unfinished_only=True):
            if self._outbox.scope.rehearsals_only and not goal.rehearsal:
                continue
            if not await self._rests(goal):
                return False
        return True

    async def _rests(self, goal: Goal) -> bool:
        """Final, or nothing but a human, an unpause or new money can move it."""
        if goal.status.is_final or goal.status in (GoalStatus.BLOCKED, GoalStatus.PAUSED):
            return True
        now, scope = self._clock.now(), self._outbox.scope
        if await self._outbox.takeable():
            return False
        if await self._store.ready_items(now=now, scope=scope, limit=1):
            if self._gate.no_room is not None:
                self._worker.patience.met(self._gate.no_room)
            return self._gate.waits_for_somebody
        if any(map(self._outbox.may_matter, await self._store.claimed_items(lease_before=None))):
            return False  # of a step that could not be reported: it is handed back when its lease ends
        if await self._progress.apply(goal.goal_id, Looked()) is not None:
            return False  # another goal's task, which it waits for, has changed its state
        snapshot = await self._store.snapshot(goal.goal_id)
        deferred = [t for t in (*snapshot.tasks, *snapshot.external) if t.status is TaskStatus.DEFERRED]
        if deferred:
            return all(task.waits_for == WAITS_FOR_BUDGET for task in deferred)
        # Nothing of ours is under way: it waits for a goal that stands still.
        return await self._store.next_due(now=now, scope=scope) is None

    async def _drain(self) -> None:
        """Calls in flight finish within the grace; what is left is handed back."""
        await race(self._worker.idle(), self._hurry.wait(), self._clock.sleep(self._grace_s))
        late = await self._worker.cut_off()
        if late:
            log.warning("items_handed_back", items=late)
