"""The live picture on a terminal: the goal, its phases and tasks, tokens and money; its last state stays on screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from marketeer.cli import text
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.ledger import GoalBill, Spend
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.usage import dollars
from marketeer.ports import Clock, Store

_MARKS: Mapping[TaskStatus, tuple[str, str]] = {
    TaskStatus.PENDING: ("·", "dim"),
    TaskStatus.QUEUED: ("○", ""),
    TaskStatus.RUNNING: ("▶", "cyan"),
    TaskStatus.COMPLETED: ("◐", "cyan"),
    TaskStatus.IN_REVIEW: ("◐", "cyan"),
    TaskStatus.REVISION: ("↻", "yellow"),
    TaskStatus.APPROVED: ("✓", "green"),
    TaskStatus.FAILED: ("✗", "red"),
    TaskStatus.DEFERRED: ("…", "yellow"),
    TaskStatus.BLOCKED: ("?", "yellow"),
    TaskStatus.CANCELLED: ("–", "dim"),
}
_WORDS: Mapping[TaskStatus, str] = {
    TaskStatus.PENDING: "",
    TaskStatus.QUEUED: "queued",
    TaskStatus.RUNNING: "writing",
    TaskStatus.COMPLETED: "written, in review",
    TaskStatus.IN_REVIEW: "in review",
    TaskStatus.REVISION: "sent back",
    TaskStatus.DEFERRED: "waits",
    TaskStatus.BLOCKED: "waits for you",
}


class LiveView:
    """Enter it to show, leave it to let the last picture stand. `characters` are those streamed in, by task id."""

    look_every_s = 0.25

    def __init__(self, store: Store, clock: Clock, goal_id: str, characters: Mapping[str, int]) -> None:
        self._store = store
        self._clock = clock
        self._goal_id = goal_id
        self._characters = characters
        # Redrawn when something changed, by us: a refresh thread of its own would only flicker.
        self._live = Live(console=Console(), auto_refresh=False, vertical_overflow="ellipsis")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._live.vertical_overflow = "visible"
        self._live.stop()

    async def update(self, entries: Sequence[JournalEntry]) -> None:  # noqa: ARG002 - the store says it all
        goal = await self._store.goal(self._goal_id)
        tasks = await self._store.tasks(self._goal_id)
        bill = await self._store.goal_bill(self._goal_id)
        elapsed_s = ((goal.finished_at or self._clock.now()) - goal.created_at).total_seconds()
        self._live.update(picture(goal, tasks, bill, self._characters, elapsed_s), refresh=True)


def picture(
    goal: Goal, tasks: Sequence[Task], bill: GoalBill, characters: Mapping[str, int], elapsed_s: float
) -> Group:
    """All of it, for any width."""
    rows = Table.grid(padding=(0, 1, 0, 0), expand=True)
    rows.add_column(width=1)
    rows.add_column(no_wrap=True, overflow="ellipsis", max_width=28)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    rows.add_column(no_wrap=True, justify="right", max_width=9)
    for index, name in enumerate(goal.phases):
        rows.add_row("", Text(name, style="bold"), "", "")
        for task in tasks:
            if task.phase == index and task.superseded_by is None:
                _add(rows, task, bill.by_task.get(task.task_id, Spend()), characters.get(task.task_id, 0))
    head = Text(text.one_line(goal.description), style="bold", no_wrap=True, overflow="ellipsis")
    return Group(head, _subtitle(goal), rows, _footer(goal, tasks, bill, elapsed_s))


def _add(rows: Table, task: Task, spend: Spend, characters: int) -> None:
    mark, style = _MARKS[task.status]
    cost = dollars(spend.settled_usd) if spend.settled_usd else ""
    state, price = _state(task, characters), Text(cost, style="dim")
    rows.add_row(Text(mark, style=style), Text(task.skill, style=style), state, price)


def _state(task: Task, characters: int) -> Text:
    words = _WORDS.get(task.status, "")
    if task.status is TaskStatus.RUNNING and characters:
        words = f"writing, {characters:,} characters"
    if task.status is TaskStatus.APPROVED:
        words = task.verdict or "approved"
    if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.DEFERRED, TaskStatus.BLOCKED):
        words = text.one_line(task.reason or task.status.value)
    extra = [text.counted(task.revision, "revision")] if task.revision else []
    extra += [f"attempt {task.attempts}"] if task.attempts > 1 else []
    return Text(f"{words} ({', '.join(extra)})" if extra else words, style=_MARKS[task.status][1])


def _subtitle(goal: Goal) -> Text:
    parts = [goal.goal_id, goal.status.value, *([goal.pipeline] if goal.pipeline else [])]
    parts += ["rehearsal"] if goal.rehearsal else []
    return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def _footer(goal: Goal, tasks: Sequence[Task], bill: GoalBill, elapsed_s: float) -> Text:
    current = [task for task in tasks if task.superseded_by is None]
    done = sum(task.status is TaskStatus.APPROVED for task in current)
    cost = f"{'would have cost ' if goal.rehearsal else ''}{dollars(bill.total.settled_usd)}"
    tokens = f"{bill.total.input_tokens:,} tokens in, {bill.total.output_tokens:,} out"
    # Left to right by how much it would be missed on a narrow terminal.
    parts = [f"{done}/{len(current)} approved", cost, f"{elapsed_s:.0f} s", tokens]
    return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")
