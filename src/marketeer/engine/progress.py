"""Progress: the only writer of goal and task state. Loads a goal, asks `advance`, commits, rings the doorbell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from weakref import WeakValueDictionary

from marketeer.domain.advance import advance
from marketeer.domain.document import Document
from marketeer.domain.errors import Conflict
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import Claimed, Looked, Occurrence
from marketeer.domain.review import Review
from marketeer.domain.snapshot import Change
from marketeer.domain.work import WorkItem, WorkState
from marketeer.logs import get_logger
from marketeer.ports import Clock, Doorbell, Store

MAX_CONFLICTS = 50

log = get_logger(__name__)


class Progress:
    """`on_change` hears of every change this process commits, after the commit; `on_end` of each that ended a goal."""

    def __init__(self, store: Store, clock: Clock, doorbell: Doorbell) -> None:
        self._store = store
        self._clock = clock
        self._doorbell = doorbell
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.on_change: Callable[[Change], Awaitable[None]] | None = None
        self.on_end: Callable[[Goal], Awaitable[None]] | None = None

    async def apply(
        self,
        goal_id: str,
        occurrence: Occurrence,
        *,
        documents: Sequence[Document] = (),
        reviews: Sequence[Review] = (),
    ) -> Change | None:
        """Commit what follows from `occurrence`; None when nothing does.

        Raises StaleClaim for a result that came too late and UsageError for a human's wish that cannot be met.
        """
        lock = self._locks.setdefault(goal_id, asyncio.Lock())
        async with lock:
            change = await self._commit(goal_id, occurrence, documents, reviews)
        if change is not None:
            await self.announce(change)
        return change

    async def announce(self, change: Change) -> None:
        """Tell this process of a committed change: the doorbell, the outbox, and goals that waited for it."""
        for entry in change.entries:
            log.info(entry.what, goal_id=entry.goal_id, task_id=entry.task_id, who=entry.who, why=entry.why)
        self._doorbell.ring()
        if self.on_change is not None:
            await self.on_change(change)
        if any(task.after.status.is_final and task.after.squad is None for task in change.tasks):
            await self.look_at_waiting_goals()
        if self.on_end is not None and change.goal.status.is_final:
            await self.on_end(change.goal)

    async def look_at_waiting_goals(self) -> None:
        """Goals whose dependency in another goal has become final."""
        for goal_id in await self._store.goals_waiting_on_other_goals():
            await self.apply(goal_id, Looked())

    async def claim(self, item: WorkItem, *, owner: str, lease_s: float) -> WorkItem | None:
        """Take an item; None when it cannot be had (any more)."""
        claimed = Claimed(
            item_id=item.work_item_id,
            owner=owner,
            lease_until=self._clock.now() + timedelta(seconds=lease_s),
        )
        change = await self.apply(item.goal_id, claimed)
        if change is None:
            return None
        mine = (i for i in change.items if i.work_item_id == item.work_item_id and i.state is WorkState.CLAIMED)
        return next(mine, None)

    async def _commit(
        self, goal_id: str, occurrence: Occurrence, documents: Sequence[Document], reviews: Sequence[Review]
    ) -> Change | None:
        for _ in range(MAX_CONFLICTS):
            snapshot = await self._store.snapshot(goal_id)
            change = advance(snapshot, occurrence, self._clock.now())
            if change is None:
                return None
            try:
                await self._store.commit(change, documents=documents, reviews=reviews)
            except Conflict:
                log.debug("commit_conflict", goal_id=goal_id)
                continue
            return change
        msg = f"goal {goal_id!r} kept changing under {MAX_CONFLICTS} attempts to write it"
        raise Conflict(msg)
