"""Handlers: one for each kind of work item, from the claimed item to the outcome and the documents it brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from marketeer.domain.document import Document
from marketeer.domain.errors import StaleClaim
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import Claimed, Outcome
from marketeer.domain.review import Review
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import Task
from marketeer.domain.work import WorkItem, WorkKind
from marketeer.engine.director import Director
from marketeer.engine.executor import Executor
from marketeer.engine.progress import Progress
from marketeer.engine.reviewer import Reviewer
from marketeer.ports import Tracer

DIRECTOR = "director"
REVIEWER = "reviewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What an item came to, to be committed together. `change` is what was committed already, with the answer."""

    outcome: Outcome
    documents: Sequence[Document] = ()
    reviews: Sequence[Review] = ()
    change: Change | None = None


class Handlers:
    def __init__(
        self, *, progress: Progress, director: Director, executor: Executor, reviewer: Reviewer, tracer: Tracer
    ) -> None:
        self._progress = progress
        self._tracer = tracer
        self._director = director
        self._executor = executor
        self._reviewer = reviewer

    async def handle(self, item: WorkItem, then: Callable[[], Claimed | None]) -> Handled:
        """Do the step. `then` is the worker's wish for what follows an execution. Raises what the worker's boundary
        translates."""
        snapshot = await self._progress.snapshot(item.goal_id)
        with self._tracer.step(item, snapshot.goal, agent=_agent(snapshot, item)):
            return await self._handle(item, snapshot, then)

    async def _handle(self, item: WorkItem, snapshot: Snapshot, then: Callable[[], Claimed | None]) -> Handled:
        match item.kind:
            case WorkKind.PLAN:
                planned, document = await self._director.plan(item, snapshot.goal)
                return Handled(outcome=planned, documents=[document])
            case WorkKind.EXECUTE:
                task = _task(snapshot, item)
                again = any(t.skill == task.skill and not t.status.is_final for t in snapshot.tasks if t is not task)
                executed, change = await self._executor.run(item, snapshot.goal, task, then, again=again)
                return Handled(outcome=executed, change=change)
            case WorkKind.REVIEW:
                return await self._review(item, snapshot)
            case WorkKind.REPORT:
                reported, documents = await self._director.report(item, snapshot.goal, snapshot.tasks)
                return Handled(outcome=reported, documents=documents)
            case _:
                assert_never(item.kind)

    async def _review(self, item: WorkItem, snapshot: Snapshot) -> Handled:
        goal: Goal = snapshot.goal
        if item.task_id is None:
            return Handled(outcome=self._director.review_barrier(item, goal, snapshot.tasks))
        outcome, document, review = await self._reviewer.run(item, goal, _task(snapshot, item))
        return Handled(outcome=outcome, documents=[document], reviews=[review])


def _agent(snapshot: Snapshot, item: WorkItem) -> str:
    """Whose work it is: a skill's, the reviewer's or the Director's."""
    if item.kind is WorkKind.EXECUTE:
        return _task(snapshot, item).skill
    return REVIEWER if item.kind is WorkKind.REVIEW and item.task_id is not None else DIRECTOR


def _task(snapshot: Snapshot, item: WorkItem) -> Task:
    task = next((t for t in snapshot.tasks if t.task_id == item.task_id), None)
    if task is None or task.generation != item.generation:
        msg = f"{item.work_item_id!r} is about a generation that is over"
        raise StaleClaim(msg)
    return task
