"""The outbox: whatever is committed, due and not yet on the queue goes on the queue.

Our own commits are offered at once; the sweep (every 5 s, at the next due time, and when another process commits)
finds the rest, and hands back what a dead worker held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marketeer.domain.errors import StoreUnavailable
from marketeer.domain.goal import Goal
from marketeer.domain.snapshot import Change
from marketeer.domain.work import Scope, WorkItem, WorkState
from marketeer.engine.gate import Gate
from marketeer.engine.progress import Progress
from marketeer.engine.recovery import hand_back
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, Store, WorkQueue

SWEEP_EVERY_S = 5.0
# Sweeps on rings are bundled: a burst of commits costs one.
BUNDLE_S = 0.1
BATCH = 1_000
# Questions wait for hours: they need not be looked at with every ring.
QUESTIONS_EVERY_S = 5.0

log = get_logger(__name__)


class Outbox:
    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue,
        progress: Progress,
        doorbell: Doorbell,
        clock: Clock,
        scope: Scope,
        gate: Gate,
        sweep_every_s: float = SWEEP_EVERY_S,
    ) -> None:
        self._store = store
        self._queue = queue
        self._progress = progress
        self._doorbell = doorbell
        self._clock = clock
        self._gate = gate
        self._sweep_every_s = sweep_every_s
        self._questions_at: float | None = None
        self.scope = scope

    async def offer(self, change: Change) -> None:
        """Put what a change of ours has made ready on the queue."""
        now = self._clock.now()
        live = not (change.goal.status.is_final or change.goal.paused)
        ready = [i for i in change.items if i.state is WorkState.READY and i.is_due(now)]
        mine = [item for item in ready if live and self._may_go(item, rehearsal=change.goal.rehearsal)]
        for item in mine:
            log.debug("item_enqueued", item=item.work_item_id, task_id=item.task_id, priority=item.queue_priority)
        await self._queue.put([(item.delivery_id, item.queue_priority) for item in mine], ours=True)

    def _may_go(self, item: WorkItem, *, rehearsal: bool) -> bool:
        return self._in_scope(item, rehearsal=rehearsal) and self._gate.allows(item.priority, rehearsal=rehearsal)

    def _in_scope(self, item: WorkItem, *, rehearsal: bool) -> bool:
        if self.scope.rehearsals_only and not rehearsal:
            return False
        return self.covers_goal(item.goal_id) or item.task_id in self.scope.task_ids

    def covers_goal(self, goal_id: str) -> bool:
        return self.scope.goal_ids is None or goal_id in self.scope.goal_ids

    def may_matter(self, item: WorkItem) -> bool:
        """Whether it lies in the scope, as far as the item alone can tell."""
        return self._in_scope(item, rehearsal=True)

    def covers(self, goal: Goal) -> bool:
        """Whether all of the goal's items are in scope."""
        return self.covers_goal(goal.goal_id) and (goal.rehearsal or not self.scope.rehearsals_only)

    async def sweep(self) -> None:
        await self._hand_back_expired()
        await self._progress.look_at_waiting_goals()
        await self._look_at_questions()
        await self._queue.put(await self.takeable())

    async def _look_at_questions(self) -> None:
        now = self._clock.monotonic()
        if self._questions_at is None or now - self._questions_at >= QUESTIONS_EVERY_S:
            self._questions_at = now
            await self._progress.look_at_questions()

    async def takeable(self) -> Sequence[tuple[str, int]]:
        """Delivery id and queue priority of what is due and may be taken up now, the most urgent and oldest first."""
        now = self._clock.now()
        if self._gate.is_open:
            return await self._store.ready_deliveries(now=now, scope=self.scope, limit=BATCH)
        ready = await self._store.ready_items(now=now, scope=self.scope, limit=BATCH)
        if not ready:
            return ()
        # What holds real goals may leave rehearsals alone.
        only = replace(self.scope, rehearsals_only=True)
        rehearsals = {i.work_item_id for i in await self._store.ready_items(now=now, scope=only, limit=BATCH)}
        may_go = [i for i in ready if self._gate.allows(i.priority, rehearsal=i.work_item_id in rehearsals)]
        return [(item.delivery_id, item.queue_priority) for item in may_go]

    async def _hand_back_expired(self) -> None:
        for item in await self._store.claimed_items(lease_before=self._clock.now()):
            await hand_back(self._progress, item, "its worker's lease ended")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            seen = self._doorbell.rings
            timeout_s = self._sweep_every_s
            try:
                await self.sweep()
                timeout_s = await self._until_next()
            except StoreUnavailable as exc:
                log.warning("sweep_failed", error=str(exc))
            await self._doorbell.wait(seen, timeout_s)
            await self._clock.sleep(BUNDLE_S)

    async def _until_next(self) -> float:
        now = self._clock.now()
        due_at = await self._store.next_due(now=now, scope=self.scope)
        longest = self._sweep_every_s
        return longest if due_at is None else min(longest, max(0.0, (due_at - now).total_seconds()))
