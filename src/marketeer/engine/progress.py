"""Progress: the only writer of goal and task state. Loads a goal, asks `advance`, commits, rings the doorbell."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import NoneType
from typing import Protocol
from weakref import WeakValueDictionary

from marketeer.domain.advance import advance
from marketeer.domain.document import Document
from marketeer.domain.errors import Conflict
from marketeer.domain.gates import USUAL_GATES, Gates
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import MAY_ASK, Executed, Looked, Occurrence, QuestionsLooked, Taker
from marketeer.domain.review import Review
from marketeer.domain.snapshot import Change, Snapshot, after
from marketeer.domain.work import WorkItem
from marketeer.logs import get_logger
from marketeer.ports import Clock, Commit, Doorbell, Store, Tracer

MAX_CONFLICTS = 50
MAX_REMEMBERED = 256

log = get_logger(__name__)


class Claims(Protocol):
    """What whoever brings an occurrence may claim of the steps that follow from it. Asked when their turn has come."""

    def taker(self) -> Taker | None:
        """For whom to claim now; None: for nobody. Asked again when the commit has to be made anew."""
        ...

    def made(self, change: Change) -> None:
        """This is what will be committed."""
        ...

    def committed(self, change: Change) -> None:
        """It is, and nobody else has been told yet."""
        ...


class Progress:
    """`on_change` hears of every change this process commits, after the commit; `on_end` of each that ended a goal,
    `on_late` of a goal that had ended when a result of it came in. `gates` are looked up for what may ask a human."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        doorbell: Doorbell,
        tracer: Tracer,
        *,
        gates: Callable[[], Gates] = lambda: USUAL_GATES,
    ) -> None:
        self._store = store
        self._gates = gates
        self._tracer = tracer
        self._clock = clock
        self._doorbell = doorbell
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()
        self._known: OrderedDict[str, Snapshot] = OrderedDict()
        self._goal_of_token: dict[str, str] = {}
        self.on_change: Callable[[Change], Awaitable[None]] | None = None
        self.on_end: Callable[[Goal], Awaitable[None]] | None = None
        self.on_late: Callable[[Goal], Awaitable[None]] | None = None

    async def apply(
        self,
        goal_id: str,
        occurrence: Occurrence,
        *,
        documents: Sequence[Document] = (),
        reviews: Sequence[Review] = (),
        claims: Claims | None = None,
    ) -> Change | None:
        """Commit what follows from `occurrence`, with `claims` on some steps of it; None when nothing follows.

        Raises StaleClaim for a result that came too late and UsageError for a human's wish that cannot be met.
        """
        asked = _Asked(occurrence=occurrence, documents=documents, reviews=reviews, claims=claims)
        turn = self._turns.setdefault(goal_id, _Turn())
        turn.waiting.append(asked)
        try:
            async with turn.lock:
                if asked in turn.waiting:
                    await self._commit_waiting(goal_id, turn)
        finally:
            if asked in turn.waiting:  # cancelled before its turn
                turn.waiting.remove(asked)
        if isinstance(asked.answer, BaseException):
            raise asked.answer
        if asked.answer is not None:
            await self.announce(asked.answer)
        return asked.answer

    async def settled(self, goal_id: str) -> None:
        """Returns when every change of the goal that was begun before is committed or refused."""
        async with self._turns.setdefault(goal_id, _Turn()).lock:
            return

    async def announce(self, change: Change) -> None:
        """Tell this process of a committed change: the doorbell, the outbox, and goals that waited for it."""
        for entry in change.entries:
            # What happens to a goal is told; what happens to each task is in the journal, and its items have a line.
            say = log.debug if entry.task_id is not None else log.info
            # Without one of its own the task stays that of the item at work.
            task = {"task_id": entry.task_id} if entry.task_id is not None else {}
            say(entry.what, goal_id=entry.goal_id, who=entry.who, why=entry.why, **task)
        self._tracer.committed(change)
        self._doorbell.ring()
        if self.on_change is not None:
            await self.on_change(change)
        if any(task.after.status.is_final and task.after.squad is None for task in change.tasks):
            await self.look_at_waiting_goals()
        if change.begins is not None:
            await self.announce(change.begins)
        if self.on_end is not None and change.goal.status.is_final:
            await self.on_end(change.goal)

    async def came_late(self, goal_id: str) -> None:
        """A result was refused. It may have cost something all the same."""
        goal = await self._store.goal(goal_id)
        if self.on_late is not None and goal.status.is_final:
            await self.on_late(goal)

    async def look_at_waiting_goals(self) -> None:
        """Goals whose dependency in another goal has become final."""
        for goal_id in await self._store.goals_waiting_on_other_goals():
            await self.apply(goal_id, Looked())

    async def look_at_questions(self) -> None:
        """Those that are due to be put again, or have expired."""
        for goal_id in await self._store.due_questions(now=self._clock.now()):
            await self.apply(goal_id, QuestionsLooked())

    async def snapshot(self, goal_id: str) -> Snapshot:
        """The goal as this process last wrote it, or else as the store has it."""
        known = self._known.get(goal_id)
        return known if known is not None else await self._store.snapshot(goal_id)

    def item(self, item_id: str) -> WorkItem | None:
        """An open item of a goal that this process has just written, None when it must be looked up."""
        goal_id = self._goal_of_token.get(item_id.partition(".")[0].partition("-")[0])
        known = self._known.get(goal_id) if goal_id else None
        return next((i for i in known.items if i.work_item_id == item_id), None) if known else None

    @contextlib.contextmanager
    def _forgetting(self, goal_id: str) -> Iterator[None]:
        """Unless the block ends well: then nobody knows what was written."""
        try:
            yield
        except BaseException:
            self._forget(goal_id)
            raise

    def _forget(self, goal_id: str) -> None:
        forgotten = self._known.pop(goal_id, None)
        if forgotten is not None:
            self._goal_of_token.pop(forgotten.goal.token, None)

    def _remember(self, snapshot: Snapshot) -> None:
        """Our own last commit needs no reading back: the goal's version refuses the next one if it is out of date.

        Tasks of other goals change without a trace in this goal's version, so a goal that depends on any is not kept.
        """
        goal_id = snapshot.goal.goal_id
        if snapshot.external or snapshot.goal.status.is_final:
            self._forget(goal_id)
            return
        self._known[goal_id] = snapshot
        self._known.move_to_end(goal_id)
        self._goal_of_token[snapshot.goal.token] = goal_id
        while len(self._known) > MAX_REMEMBERED:
            self._forget(next(iter(self._known)))

    async def _commit_waiting(self, goal_id: str, turn: _Turn) -> None:
        """Commit together what has come in for the goal since the last commit began."""
        group, turn.waiting = turn.waiting, []
        if len(group) == 1:
            await self._commit(goal_id, group)
            return
        ended = asyncio.Event()
        try:
            await asyncio.shield(self._commit(goal_id, group, ended))
        except asyncio.CancelledError:
            await ended.wait()  # others wait for it too
            raise

    async def _commit(self, goal_id: str, group: Sequence[_Asked], ended: asyncio.Event | None = None) -> None:
        try:
            await self._commit_patiently(goal_id, group)
        except BaseException as exc:
            for asked in group:
                asked.answer = exc
            raise
        finally:
            if ended is not None:
                ended.set()

    async def _commit_patiently(self, goal_id: str, group: Sequence[_Asked]) -> None:
        for attempt in range(MAX_CONFLICTS):
            remembered = self._known.get(goal_id) if attempt == 0 else None
            snapshot = remembered or await self._store.snapshot(goal_id)
            try:
                with self._forgetting(goal_id):
                    commits, behind = self._follow(snapshot, group)
                    surprised = any(isinstance(asked.answer, (BaseException, NoneType)) for asked in group)
                    if remembered is not None and surprised:
                        self._forget(goal_id)
                        continue  # what we remember may be older than what another process has written
                    if commits:
                        await self._store.commit_all(commits)
            except Conflict:
                log.debug("commit_conflict", goal_id=goal_id)
                continue
            self._remember(behind)
            for asked in group:
                asked.committed()
            return
        msg = f"goal {goal_id!r} kept changing under {MAX_CONFLICTS} attempts to write it"
        raise Conflict(msg)

    def _follow(self, snapshot: Snapshot, group: Sequence[_Asked]) -> tuple[Sequence[Commit], Snapshot]:
        """What follows from each in turn, and the goal behind all of them. One that cannot be hinders no other."""
        commits = []
        for asked in group:
            gates = self._gates() if isinstance(asked.occurrence, MAY_ASK) else USUAL_GATES
            try:
                commit = asked.advanced(snapshot, self._clock.now(), gates)
            except Exception as exc:  # noqa: BLE001 - raised to whoever asked
                asked.answer = exc
                continue
            asked.answer = commit.change if commit is not None else None
            if commit is not None:
                commits.append(commit)
                snapshot = after(snapshot, commit.change)
        return commits, snapshot


@dataclass(slots=True, kw_only=True, eq=False)
class _Asked:
    """An occurrence that waits for its commit, and then the change that it came to, or its error."""

    occurrence: Occurrence
    documents: Sequence[Document]
    reviews: Sequence[Review]
    claims: Claims | None
    answer: Change | BaseException | None = None

    def advanced(self, snapshot: Snapshot, now: datetime, gates: Gates) -> Commit | None:
        occurrence, documents, reviews = self.occurrence, self.documents, self.reviews
        if snapshot.goal.paused and isinstance(occurrence, Executed) and occurrence.judged is not None:
            # The step in hand is finished, and nothing after it: the review is owed.
            occurrence, documents, reviews = replace(occurrence, judged=None), (), ()
        taker = self.claims.taker() if self.claims is not None else None
        change = advance(snapshot, occurrence, now, taker=taker, gates=gates)
        if change is None:
            return None
        if self.claims is not None:
            self.claims.made(change)
        return Commit(change=change, documents=documents, reviews=reviews)

    def committed(self) -> None:
        if self.claims is not None and isinstance(self.answer, Change):
            self.claims.committed(self.answer)


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Turn:
    """One goal's: who commits now, and what waits for the next commit."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Asked] = field(default_factory=list)
