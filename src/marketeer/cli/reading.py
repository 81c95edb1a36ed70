"""Commands that only read: status, show, approvals, pipelines. They import nothing that works."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, showing, task_view, text
from marketeer.cli.choice_view import choices_of
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, find_goal, run
from marketeer.cli.conditions import condition_line
from marketeer.cli.summary import questions
from marketeer.domain.approval import Approval, ApprovalStatus
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.errors import UsageError
from marketeer.domain.ledger import Spend
from marketeer.domain.task import Task
from marketeer.domain.usage import dollars
from marketeer.engine.status_view import ALL_GOALS, SHOWN_GOALS, approval_dict, empty_status, status_document
from marketeer.ports import Store
from marketeer.runtime import load_workspace_team, open_reader

ShownArgument = Annotated[
    str,
    typer.Argument(
        metavar="GOAL", help="A goal's id, its beginning or its last part; `last` is the newest. Or a task's id."
    ),
]
# The end of its goal's id, and its place in the plan.
_TASK = re.compile(r"[a-z0-9]{8}-\d{2,}(-|\Z)")


def status(
    show_all: Annotated[bool, typer.Option("--all", help=f"Every goal, not only the last {SHOWN_GOALS}.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show goals and their progress, what waits on you, and spend against the budget."""
    call = called(workspace, as_json=as_json)
    content = run(_status(call, ALL_GOALS if show_all else SHOWN_GOALS))
    if as_json:
        output.document(content)
    else:
        _say_lines(_status_lines(call, content))
    return 0


async def _status(call: Call, limit: int) -> dict[str, Any]:
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    budget_usd = call.settings.budget_monthly
    if not place.exists:
        return empty_status(SystemClock(), budget_usd=budget_usd)
    async with open_reader(call.settings) as reader:
        worker = place.worker()
        return await status_document(reader.store, reader.clock, limit=limit, budget_usd=budget_usd, worker=worker)


def _status_lines(call: Call, content: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    if not content["goals"]:
        lines.append(f'No goals here yet; begin one with: {call.command("start")} "Increase signup conversion by 20%"')
    else:
        header = ("GOAL", "STATUS", "DONE", "COST", "WHAT")
        lines += text.table([header, *(_status_row(goal) for goal in content["goals"])])
        if any(goal["rehearsal"] for goal in content["goals"]):
            lines.append("(In brackets: what a rehearsal would have cost.)")
    if content["approvals"]:
        lines += ["", "Waiting for you (marketeer approvals shows how to answer):"]
        rows = [(item["approval_id"], text.one_line(item["question"])) for item in content["approvals"]]
        lines += text.table(rows, indent="  ")
    for condition in content["conditions"]:
        lines += ["", condition_line(call, _condition(condition))]
    if content["worker"]:
        lines += ["", _worker_line(content["worker"])]
    spend = content["spend"]
    reserved = f", {dollars(spend['reserved_usd'])} reserved" if spend["reserved_usd"] else ""
    budget = dollars(spend["budget_usd"])
    return [*lines, "", f"Spent in {spend['month']}: {dollars(spend['settled_usd'])} of {budget}{reserved}"]


def _condition(content: dict[str, Any]) -> Condition:
    return Condition(
        name=ConditionName(content["name"]),
        since=datetime.fromisoformat(content["since"]),
        who=content["who"],
        why=content["why"],
    )


def _worker_line(worker: dict[str, Any]) -> str:
    pid = worker["pid"]
    who = f"The daemon, process {pid}," if worker["daemon"] else f"Process {pid}"
    return f"{who} is at work here ({_scope(worker['scope'])})."


def _scope(scope: object) -> str:
    return "on all goals" if scope == "all" else f"on {scope}"


def _status_row(goal: dict[str, Any]) -> tuple[str, ...]:
    cost = dollars(goal["cost_usd"])
    return (
        goal["goal_id"],
        goal["status"],
        f"{goal['tasks_completed']}/{goal['tasks_total']}",
        f"({cost})" if goal["rehearsal"] else cost,
        f"{'[rehearsal] ' if goal['rehearsal'] else ''}{text.one_line(goal['description'])}",
    )


def show(goal: ShownArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show one goal: plan, tasks, reviews, cost and journal.

    Of a task, by its id: each verdict on it, with the scores, reasons, quotations and findings it rests on."""
    return run(_show(called(workspace, as_json=as_json), goal))


async def _show(call: Call, asked: str) -> int:
    async with open_reader(call.settings) as reader:
        if (task := await _task_called(reader.store, asked.strip())) is not None:
            return await _show_task(call, reader.store, task)
        goal = await find_goal(reader.store, asked)
        if call.as_json:
            from marketeer.engine.summary import goal_document

            output.document(await goal_document(reader.store, goal.goal_id, reader.clock))
        else:
            _say_lines(await showing.goal_lines(call, reader.store, reader.clock, goal.goal_id))
    return 0


async def _task_called(store: Store, asked: str) -> Task | None:
    """A goal's id may look like a task's, but not the other way round."""
    if not _TASK.match(asked):
        return None
    try:
        return await store.find_task(asked)
    except UsageError:
        return None


async def _show_task(call: Call, store: Store, task: Task) -> int:
    spend = (await store.goal_bill(task.goal_id)).by_task.get(task.task_id, Spend())
    reviews = [review for review in await store.reviews(task.goal_id) if review.task_id == task.task_id]
    if call.as_json:
        from marketeer.engine.summary import review_dict, task_dict

        shown = {"goal_id": task.goal_id, "task": task_dict(task, spend), "reviews": [*map(review_dict, reviews)]}
        output.document(shown)
    else:
        goal = await store.goal(task.goal_id)
        _say_lines(task_view.task_lines(call, task, spend, reviews, rehearsal=goal.rehearsal))
        choices = await choices_of(store, goal, [task])
        _say_lines([line for chosen in choices.values() for line in ("", *chosen)])
    return 0


def approvals(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List the questions that wait on you."""
    return run(_approvals(called(workspace, as_json=as_json)))


async def _approvals(call: Call) -> int:
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    asked: Sequence[Approval] = ()
    if place.exists:
        async with open_reader(call.settings) as reader:
            asked = await reader.store.approvals(status=ApprovalStatus.OPEN)
    if call.as_json:
        output.document({"approvals": [approval_dict(approval) for approval in asked]})
    elif not asked:
        output.say("Nothing waits for you.")
    else:
        _say_lines(questions(call, asked, goal_id=None)[1:])
    return 0


def pipelines(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List the named plans that `start --pipeline` takes."""
    team = load_workspace_team(called(workspace, as_json=as_json).settings)
    rows = [
        {
            "name": pipe.name,
            "aliases": list(pipe.aliases),
            "category": pipe.category.value,
            "priority": pipe.priority.value,
            "recurring": pipe.recurring,
            "description": pipe.description,
            "phases": [
                {"name": phase.name, "skills": [step.skill for step in phase.steps if step.skill]}
                for phase in pipe.phases
            ],
        }
        for pipe in team.pipelines()
    ]
    if as_json:
        output.document({"pipelines": rows})
    else:
        listed = [(str(row["name"]), str(row["category"]), str(row["description"])) for row in rows]
        _say_lines(text.table([("PIPELINE", "CATEGORY", "WHAT IT DOES"), *listed]))
    return 0


def _say_lines(lines: Sequence[str]) -> None:
    for line in lines:
        output.say(line)
