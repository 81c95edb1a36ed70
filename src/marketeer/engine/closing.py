"""Closing: the report of a goal that was ended before it came to owe one, out of money or out of patience."""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.domain.agreement import Compared
from marketeer.domain.document import Author, Document, DocumentKind, goal_path
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.outcome import Reported
from marketeer.domain.task import Task
from marketeer.engine.library import Library
from marketeer.engine.memory import Memory
from marketeer.engine.progress import Progress
from marketeer.engine.reports import Reports
from marketeer.ports import Clock, Store

ENDED_EARLY = frozenset({GoalStatus.BUDGET_EXHAUSTED, GoalStatus.MAX_ITERATIONS})


class Closing:
    """Finished outputs are kept when a goal is ended early; this says which, and mirrors the report at once."""

    def __init__(self, *, store: Store, progress: Progress, library: Library, clock: Clock) -> None:
        self._store = store
        self._progress = progress
        self._library = library
        self._reports = Reports(store, clock)
        self._memory = Memory(store, library, clock)
        self._clock = clock

    async def report_early_end(self, goal: Goal) -> None:
        """Write the report of a goal in one of the ENDED_EARLY states; does nothing for another, or a second time."""
        if goal.status not in ENDED_EARLY or goal.report_path is not None:
            return
        await self._write(goal)

    async def report_again(self, goal: Goal) -> None:
        """A call that was in flight when the goal was ended early has been booked since: its report counts it too."""
        if goal.status in ENDED_EARLY and goal.report_path is not None:
            await self._write(goal)

    async def _write(self, goal: Goal) -> None:
        tasks = await self._store.tasks(goal.goal_id)
        documents = await closing_documents(goal, tasks, reports=self._reports, memory=self._memory, clock=self._clock)
        reported = Reported(item=None, report_path=documents[0].path)
        await self._progress.apply(goal.goal_id, reported, documents=documents)
        await self._library.mirror_missing()


async def closing_documents(
    goal: Goal,
    tasks: Sequence[Task],
    *,
    reports: Reports,
    memory: Memory,
    clock: Clock,
    page: str | None = None,
    compared: Compared | None = None,
) -> Sequence[Document]:
    """The goal's report, then the learnings as they read now. `page` is what a reading has written, `compared` what
    came of holding its outputs against each other."""
    report = Document(
        path=goal_path(goal_id=goal.goal_id, name="report.md", rehearsal=goal.rehearsal),
        kind=DocumentKind.REPORT,
        content=await reports.report(goal, tasks, page=page, compared=compared),
        author=Author.MACHINE,
        rehearsal=goal.rehearsal,
        created_at=clock.now(),
        goal_id=goal.goal_id,
    )
    learnings = await memory.as_document(rehearsal=goal.rehearsal)
    return [report, *([learnings] if learnings is not None else [])]
