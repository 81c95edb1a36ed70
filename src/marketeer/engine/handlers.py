"""Handlers: one for each kind of work item, from the claimed item to the outcome and the documents it brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from marketeer.domain.changing import changed
from marketeer.domain.document import Document
from marketeer.domain.errors import StaleClaim
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import ItemRef, Outcome, Reviewed
from marketeer.domain.review import Review
from marketeer.domain.snapshot import Snapshot
from marketeer.domain.task import Task
from marketeer.domain.work import WorkItem, WorkKind, work_item_id
from marketeer.engine.best_of import Chooser
from marketeer.engine.director import Director
from marketeer.engine.executor import Done
from marketeer.engine.progress import Progress
from marketeer.engine.reviewer import Reviewer
from marketeer.logs import get_logger
from marketeer.ports import Tracer

DIRECTOR = "director"
REVIEWER = "reviewer"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What an item came to, to be committed together."""

    outcome: Outcome
    documents: Sequence[Document] = ()
    reviews: Sequence[Review] = ()


class Handlers:
    def __init__(
        self, *, progress: Progress, director: Director, chooser: Chooser, reviewer: Reviewer, tracer: Tracer
    ) -> None:
        self._progress = progress
        self._tracer = tracer
        self._director = director
        self._chooser = chooser
        self._reviewer = reviewer

    async def handle(self, item: WorkItem, may_judge: Callable[[], bool]) -> Handled:
        """Do the step, and after an execution its review too if that `may` be done then. Raises what the worker's
        boundary translates."""
        snapshot = await self._progress.snapshot(item.goal_id)
        with self._tracer.step(item, snapshot.goal, agent=_agent(snapshot, item)):
            return await self._handle(item, snapshot, may_judge)

    async def _handle(self, item: WorkItem, snapshot: Snapshot, may_judge: Callable[[], bool]) -> Handled:
        match item.kind:
            case WorkKind.PLAN:
                planned, documents = await self._director.plan(item, snapshot.goal)
                return Handled(outcome=planned, documents=documents)
            case WorkKind.EXECUTE:
                task = _task(snapshot, item)
                again = any(t.skill == task.skill and not t.status.is_final for t in snapshot.tasks if t is not task)
                done = await self._chooser.run(item, snapshot.goal, task, again=again)
                return (
                    await self._judged(item, snapshot.goal, task, done)
                    if may_judge()
                    else Handled(outcome=done.executed)
                )
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
        task = _task(snapshot, item)
        judged = await self._reviewer.judge(item, goal, task)
        found = judged.judgement
        outcome = Reviewed(
            item=ItemRef(item_id=item.work_item_id, claim=item.claim),
            findings=found.findings,
            waived=found.waived,
            asked_for=found.asked_for,
            opinion=found.opinion,
            note=found.note,
        )
        page = await self._chooser.with_choice(goal, task, judged.document)
        return Handled(outcome=outcome, documents=[page], reviews=[judged.review])

    async def _judged(self, item: WorkItem, goal: Goal, task: Task, done: Done) -> Handled:
        """The output is recorded by now, so that its review can cost nothing: one that fails is owed, and fails as a
        step of its own, where a human hears of it. So is one that a model has to be asked for."""
        executed = done.executed
        review_id = work_item_id(task.task_id, WorkKind.REVIEW, task.generation)
        step = changed(item, work_item_id=review_id, kind=WorkKind.REVIEW, claim=1)
        try:
            with self._tracer.step(step, goal, agent=REVIEWER):
                judged = await self._reviewer.at_once(
                    goal, task, executed.output_path, executed.output_version, made_from=done.inputs
                )
        except Exception as exc:  # noqa: BLE001 - see above
            log.warning("review_put_off", task_id=task.task_id, error_type=type(exc).__name__)
            return Handled(outcome=executed)
        if judged is None:
            return Handled(outcome=executed)
        outcome = changed(executed, judged=judged.judgement)
        page = await self._chooser.with_choice(goal, task, judged.document)
        return Handled(outcome=outcome, documents=[page], reviews=[judged.review])


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
