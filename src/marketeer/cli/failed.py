"""`marketeer failed`: tasks that failed for good stay to be looked at, done over, or put away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import typer

from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, NoteOption, WorkspaceOption, called, run, user_name
from marketeer.cli.deciding import change
from marketeer.cli.group import command_group
from marketeer.cli.journal import entry_dict, entry_line
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.ledger import Call as ModelCall
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.usage import dollars
from marketeer.ports import Store
from marketeer.runtime import Office, open_reader

MOST = 1_000
HEADER = ("TASK", "WHEN", "TRIES", "WHY")

failed = command_group("failed", "Show tasks that failed for good, have one done over, or put it away.")

TaskArgument = Annotated[str, typer.Argument(metavar="ID", help="The task's id, or its beginning.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    task: Task
    entries: Sequence[JournalEntry]
    calls: Sequence[ModelCall]
    cancelled: Sequence[Task]


@failed.callback()
def _default(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else _list(workspace, as_json=as_json)


@failed.command("list")
def list_(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List what failed for good, the newest first."""
    return _list(workspace, as_json=as_json)


def _list(workspace: str | None, *, as_json: bool) -> int:
    call = called(workspace, as_json=as_json)
    found = run(_failed(call))
    if as_json:
        output.document({"failed": [_task_dict(task) for task in found]})
        return 0
    if not found:
        output.say("Nothing has failed for good.")
        return 0
    for line in text.table([HEADER, *(_row(task) for task in found)]):
        output.say(line)
    output.say(
        f"One of them: {call.command('failed show ID')}; `failed retry ID` does it over, `failed discard ID` "
        "puts it away."
    )
    return 0


async def _failed(call: Call) -> Sequence[Task]:
    async with open_reader(call.settings) as reader:
        return await reader.store.failed_tasks(limit=MOST)


@failed.command()
def show(task: TaskArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show one with its error, its history, its calls, and what it took down with it."""
    call = called(workspace, as_json=as_json)
    found = run(_history(call, task))
    if as_json:
        output.document(_history_dict(found))
        return 0
    for line in _history_lines(call, found):
        output.say(line)
    return 0


async def _history(call: Call, words: str) -> _History:
    async with open_reader(call.settings) as reader:
        task = await _failed_task(reader.store, words)
        entries = await reader.store.journal(goal_id=task.goal_id)
        calls = await reader.store.calls(task.goal_id)
        others = await reader.store.tasks(task.goal_id)
        return _History(
            task=task,
            entries=[entry for entry in entries if entry.task_id == task.task_id],
            calls=[each for each in calls if each.task_id == task.task_id],
            cancelled=_taken_down(task, others),
        )


def _taken_down(task: Task, others: Sequence[Task]) -> Sequence[Task]:
    """What was cancelled because it needed this one, or something that did."""
    lost = {task.task_id}
    found: list[Task] = []
    for other in others:
        if other.status is TaskStatus.CANCELLED and lost.intersection(other.depends_on):
            lost.add(other.task_id)
            found.append(other)
    return found


async def _failed_task(store: Store, words: str) -> Task:
    """Raises UsageError for one that has not failed."""
    task = await store.find_task(words)
    if task.status is not TaskStatus.FAILED:
        msg = f"task {task.task_id!r} is {task.status.value}, not failed: see `marketeer failed`"
        raise UsageError(msg)
    return task


@failed.command()
def retry(
    task: TaskArgument, note: NoteOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Have it done over, and with it what was cancelled because of it."""

    async def ask(office: Office) -> Goal:
        found = await _failed_task(office.store, task)
        return await office.redo(found.task_id, note=note, by=user_name())

    return run(change(called(workspace, as_json=as_json), ask, f"{task} will be done over"))


@failed.command()
def discard(
    task: TaskArgument, note: NoteOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Put it away: it is listed no more. The goal stays as it is."""

    async def ask(office: Office) -> Goal:
        return await office.discard(task, note=note, by=user_name())

    return run(change(called(workspace, as_json=as_json), ask, f"{task} is listed no more"))


# -- words -----------------------------------------------------------------------------------------------------


def _row(task: Task) -> tuple[str, ...]:
    when = f"{task.finished_at:%Y-%m-%d %H:%M} UTC" if task.finished_at else "-"
    return task.task_id, when, str(task.attempts), text.one_line(task.reason or "no reason")


def _task_dict(task: Task) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "goal_id": task.goal_id,
        "skill": task.skill,
        "attempts": task.attempts,
        "pass": task.pass_number,
        "failed_at": task.finished_at.isoformat() if task.finished_at else None,
        "reason": task.reason,
        "superseded_by": task.superseded_by,
    }


def _history_dict(found: _History) -> dict[str, Any]:
    return {
        **_task_dict(found.task),
        "brief": found.task.brief,
        "cancelled": [task.task_id for task in found.cancelled],
        "calls": [
            {
                "call_id": each.call_id,
                "model": each.model,
                "at": each.reserved_at.isoformat(),
                "cost_usd": float(each.cost_usd),
                "stop_reason": each.stop_reason,
                "estimated": each.estimated,
            }
            for each in found.calls
        ],
        "history": [entry_dict(entry) for entry in found.entries],
    }


def _history_lines(call: Call, found: _History) -> list[str]:
    task = found.task
    cost = sum((each.cost_usd for each in found.calls), Decimal(0))
    lines = [f"{task.task_id} failed after {text.counted(task.attempts, 'try', 'tries')}: {task.reason}"]
    lines.append(f"Asked for: {text.one_line(task.brief)}")
    lines.append(f"Calls:     {len(found.calls)}, {dollars(cost)}")
    if found.cancelled:
        lines.append(f"Cancelled with it: {', '.join(each.task_id for each in found.cancelled)}")
    lines += ["", *(entry_line(entry, task.goal_id) for entry in found.entries), ""]
    if task.superseded_by:
        lines.append(f"It was done over as {task.superseded_by}.")
    else:
        again, away = call.command(f"failed retry {task.task_id}"), call.command(f"failed discard {task.task_id}")
        lines.append(f"Do it over: {again}; put it away: {away}")
    return lines
