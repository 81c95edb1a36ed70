"""`marketeer plan`: read a goal's plan, and say yes, no or otherwise to one that waits for you."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from marketeer.cli import output, text
from marketeer.cli.common import (
    LAST,
    Call,
    GoalArgument,
    JsonOption,
    NoteOption,
    WorkspaceOption,
    called,
    find_goal,
    run,
    user_name,
)
from marketeer.cli.deciding import change
from marketeer.cli.editing import edited, given_text
from marketeer.cli.group import command_group
from marketeer.cli.plan_view import plan_dict, plan_lines
from marketeer.domain.approval import Decision
from marketeer.domain.document import goal_path
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Goal
from marketeer.domain.plan_page import PROPOSAL
from marketeer.runtime import Office, open_office, open_reader

DRAFT = "plan.draft.yaml"
MaybeGoal = Annotated[
    str, typer.Argument(metavar="[GOAL]", help="A goal's id, its beginning or its last part; the newest if left out.")
]

plan = command_group("plan", "Show a goal's plan; approve, edit or reject one that waits for you.")


@plan.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else show(workspace=workspace, as_json=as_json)


@plan.command()
def show(goal: MaybeGoal = LAST, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show a goal's plan: who made it and why, its phases, tasks and briefs."""
    return run(_show(called(workspace, as_json=as_json), goal))


async def _show(call: Call, wanted: str) -> int:
    from marketeer.runtime.plan_desk import shown

    async with open_reader(call.settings) as reader:
        goal = await find_goal(reader.store, wanted)
        found = await shown(reader.store, reader.workspace, goal)
    if call.as_json:
        output.document(plan_dict(found))
    else:
        for line in plan_lines(call, found):
            output.say(line)
    return 0


@plan.command()
def approve(
    goal: GoalArgument, note: NoteOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Let the goal begin by the plan that waits."""

    async def ask(office: Office) -> Goal:
        found = await find_goal(office.store, goal)
        return await office.plan_desk().approve(found, by=user_name(), note=note)

    return run(change(called(workspace, as_json=as_json), ask, "the plan is approved"))


@plan.command()
def reject(
    goal: GoalArgument, note: NoteOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """Cancel the goal whose plan waits; to have it otherwise, edit the plan."""

    async def ask(office: Office) -> Goal:
        question = await office.plan_desk().question(await find_goal(office.store, goal))
        return await office.decide(question.approval_id, Decision.REJECT, note=note, by=user_name())

    return run(change(called(workspace, as_json=as_json), ask, "the plan is rejected"))


@plan.command()
def edit(
    goal: GoalArgument,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Take the plan from this file, `-` for stdin, without an editor."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Change the plan that waits, in your editor or from a file; it goes on waiting."""
    return run(_edit(called(workspace, as_json=as_json), goal, file))


async def _edit(call: Call, wanted: str, file: str | None) -> int:
    async with open_reader(call.settings):
        pass  # There must be a workspace already: a decision never makes one.
    async with open_office(call.settings) as office:
        goal, desk = await find_goal(office.store, wanted), office.plan_desk()
        await desk.question(goal)
        before = await desk.waiting(goal)
        content = given_text(file) if file is not None else edited(before.content if before else "", PROPOSAL)
        try:
            stored = await desk.edit(goal, content, "stdin" if file == "-" else file or PROPOSAL)
        except UsageError as exc:
            if file is not None:
                raise
            kept = await _keep(office, goal, content)
            msg = f"{exc}; what you wrote is kept: `{call.command(f'plan edit {goal.token} --file {kept}')}`"
            raise UsageError(msg) from exc
    place = text.shown_path(Path(call.settings.workspace_dir) / stored.path)
    if call.as_json:
        output.document({"goal_id": goal.goal_id, "path": stored.path, "version": stored.version, "error": None})
    else:
        output.say(f"stored as version {stored.version} of {place}; it waits for you")
        output.say(f"to begin by it: {call.command(f'plan approve {goal.token}')}")
    return 0


async def _keep(office: Office, goal: Goal, content: str) -> str:
    path = goal_path(goal_id=goal.goal_id, name=DRAFT, rehearsal=goal.rehearsal)
    await office.workspace.write(path, content.encode())
    return shlex.quote(text.shown_path(office.workspace.root / path))
