"""What a human decides: answers, redo, cancel, pause. Each is one commit; whoever works here hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer

from marketeer.cli import output
from marketeer.cli.common import (
    LAST,
    Call,
    GoalArgument,
    JsonOption,
    NoteOption,
    RequiredNote,
    WorkspaceOption,
    called,
    find_goal,
    run,
    user_name,
)
from marketeer.cli.working import covers
from marketeer.domain.approval import Decision
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.engine.summary import goal_document
from marketeer.runtime import Office, open_office, open_reader

ApprovalArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A question's id, or its beginning; `marketeer approvals` lists them.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="TASK",
        help="Answer for this task alone: its skill, id or number; ID may then be the goal's. May be repeated.",
    ),
]
MaybeGoal = Annotated[
    str | None,
    typer.Argument(metavar="[GOAL]", help="A goal's id, its beginning or its last part; `last` is the newest."),
]
EverythingOption = Annotated[
    bool, typer.Option("--all", help="Everything, in every process that works here now or later.")
]
TaskArgument = Annotated[
    str, typer.Argument(metavar="TASK", help="A task's id, or its beginning; `marketeer show GOAL` lists them.")
]


def approve(
    approval: ApprovalArgument,
    note: NoteOption = None,
    edited: Annotated[
        bool, typer.Option("--edited", help="What is approved is the output's file as you have changed it.")
    ] = False,
    only: OnlyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Answer a question with yes."""
    call = called(workspace, as_json=as_json)
    if only:
        if edited:
            msg = "--edited is about one output and --only about parts of a goal; give one of them"
            raise UsageError(msg)
        return _decide_part(call, approval, only, Decision.APPROVE, note)
    return _decide(call, approval, Decision.APPROVE, note, edited=edited)


def revise(
    approval: ApprovalArgument, note: RequiredNote, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Answer a question by asking for one more revision."""
    return _decide(called(workspace, as_json=as_json), approval, Decision.REVISE, note)


def reject(
    approval: ApprovalArgument,
    note: NoteOption = None,
    only: OnlyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Answer a question with no."""
    call = called(workspace, as_json=as_json)
    if only:
        return _decide_part(call, approval, only, Decision.REJECT, note)
    return _decide(call, approval, Decision.REJECT, note)


def redo(task: TaskArgument, note: RequiredNote, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Have a finished task done over."""

    async def ask(office: Office) -> Goal:
        return await office.redo(task, note=note, by=user_name())

    return run(change(called(workspace, as_json=as_json), ask, f"{task} will be done over"))


def cancel(goal: GoalArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """End a goal now; what is finished is kept."""

    async def ask(office: Office) -> Goal:
        found = await find_goal(office.store, goal)
        return await office.cancel(found.goal_id, by=user_name())

    return run(change(called(workspace, as_json=as_json), ask, "cancelled; finished outputs are kept"))


def pause(
    goal: MaybeGoal = None,
    everything: EverythingOption = False,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="With --all: a word to whoever asks.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Hold a goal, or with --all everything: nothing new is begun."""
    call = called(workspace, as_json=as_json)
    if _is_everything(goal, everything=everything):
        return run(_pause_everything(call, paused=True, why=why))
    return run(change(call, _pausing(goal or "", paused=True), "paused"))


def unpause(
    goal: MaybeGoal = None,
    everything: EverythingOption = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let a paused goal go on, or with --all everything."""
    call = called(workspace, as_json=as_json)
    if _is_everything(goal, everything=everything):
        return run(_pause_everything(call, paused=False, why=None))
    return run(change(call, _pausing(goal or "", paused=False), "no longer paused"))


def _is_everything(goal: str | None, *, everything: bool) -> bool:
    """Raises UsageError unless exactly one of the two is given."""
    if everything is (goal is not None):
        msg = "give either a goal or --all"
        raise UsageError(msg)
    return everything


async def _pause_everything(call: Call, *, paused: bool, why: str | None) -> int:
    async with open_reader(call.settings):
        pass  # There must be a workspace already: a decision never makes one.
    async with open_office(call.settings) as office:
        changed = await office.pause_everything(paused=paused, by=user_name(), why=why)
        worker = office.workspace.worker()
        waiting = await office.store.goals(limit=1, unfinished_only=True)
    if call.as_json:
        output.document({"paused": paused, "changed": changed})
        return 0
    as_before = "" if changed else " already"
    if paused:
        output.say(
            f"everything is{as_before} paused: no process begins anything; calls in flight finish and are booked"
        )
        output.say(f"to go on: {call.command('unpause --all')}")
    else:
        output.say(
            "nothing was paused as a whole" if as_before else "no longer paused; goals paused one by one stay so"
        )
        if worker is None and waiting:
            output.say(f"now run: {call.command('resume')}")
    return 0


def _pausing(text: str, *, paused: bool) -> Callable[[Office], Awaitable[Goal]]:
    async def ask(office: Office) -> Goal:
        found = await find_goal(office.store, text)
        return await office.pause(found.goal_id, paused=paused, by=user_name())

    return ask


_WORDS = {Decision.APPROVE: "approved", Decision.REVISE: "sent back for revision", Decision.REJECT: "rejected"}


def _decide(call: Call, approval_id: str, decision: Decision, note: str | None, *, edited: bool = False) -> int:
    async def ask(office: Office) -> Goal:
        return await office.decide(approval_id, decision, note=note, by=user_name(), edited=edited)

    return run(change(call, ask, f"{approval_id} {_WORDS[decision]}{' as edited' if edited else ''}"))


def _decide_part(call: Call, text: str, only: Sequence[str], decision: Decision, note: str | None) -> int:
    async def ask(office: Office) -> Goal:
        about = (await find_goal(office.store, text)).goal_id if text.casefold() == LAST else text
        return await office.decide_part(about, only, decision, note=note, by=user_name())

    return run(change(call, ask, f"{text} {_WORDS[decision]} for {', '.join(only)}"))


async def change(call: Call, ask: Callable[[Office], Awaitable[Goal]], done: str) -> int:
    """Commit it, say so, and say what to run when nobody works here to go on with it."""
    async with open_reader(call.settings):
        pass  # There must be a workspace already: a decision never makes one.
    async with open_office(call.settings) as office:
        goal = await ask(office)
        if call.as_json:
            output.document(await goal_document(office.store, goal.goal_id, office.clock))
        else:
            output.say(f"{done} (goal {goal.goal_id}: {goal.status.value})")
        worked_on = covers(office.workspace.worker() or {}, goal.goal_id)
        if not worked_on and not goal.status.is_final and goal.status is not GoalStatus.PAUSED:
            (output.note if call.as_json else output.say)(f"now run: {call.command(f'resume {goal.goal_id}')}")
    return 0
