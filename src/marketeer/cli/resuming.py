"""`resume` and `follow`: going on with what was begun, here or by watching who works on it."""

from __future__ import annotations

from typing import Annotated

import typer

from marketeer.adapters.system_clock import SystemClock
from marketeer.cli import finishing, output
from marketeer.cli.common import (
    Call,
    GoalArgument,
    JsonOption,
    WorkspaceOption,
    called,
    find_goal,
    progress_line,
    run,
)
from marketeer.cli.outcome import WAITS_FOR_HUMAN, at_rest, exit_code, worst
from marketeer.cli.summary import gather, questions
from marketeer.cli.views import progress_view
from marketeer.cli.working import Desk, Stopper, carry_out_all, covers
from marketeer.cli.working import follow as follow_goal
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.goal import Goal
from marketeer.engine.summary import goal_document
from marketeer.runtime import Office, open_link, open_office, open_reader, require_idle

MANY = 10_000


def resume(
    goal: Annotated[
        str | None, typer.Argument(metavar="GOAL", help="One goal; left out, every unfinished goal.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Go on with an unfinished goal, or with all of them."""
    call = called(workspace, as_json=as_json)
    return run(_resume(call, goal))


async def _resume(call: Call, text_of_goal: str | None) -> int:
    async with open_reader(call.settings) as reader:
        # Says what is wrong before anything is touched: no workspace, no such goal, no key.
        goal = await find_goal(reader.store, text_of_goal) if text_of_goal is not None else None
        if goal is None or not covers(reader.workspace.worker() or {}, goal.goal_id):
            require_idle(reader.workspace, shares=call.settings.redis_address() is not None)
    async with (
        open_link(call.settings, SystemClock()) as link,
        open_office(call.settings, link=link) as office,
    ):
        stopper = Stopper(call.settings.shutdown_grace_s, office.doorbell.ring)
        desk = Desk(call=call, office=office, stopper=stopper)
        with stopper.listening():
            if goal is None:
                return await _resume_all(desk)
            if not goal.status.is_final:
                _require_key(call, office, goal)
            finishing.begin_logs(call)
            return await finishing.finish(desk, goal.goal_id, after=await office.store.journal_end())


def _require_key(call: Call, office: Office, goal: Goal) -> None:
    if not goal.rehearsal and not office.has_model:
        msg = (
            f"goal {goal.goal_id!r} is a real one and there is no ANTHROPIC_API_KEY; "
            f"set it (or ANTHROPIC_API_KEY_FILE) and run `{call.command(f'resume {goal.goal_id}')}` again"
        )
        raise ConfigurationError(msg)
    office.require_model(rehearsal=goal.rehearsal)


async def _resume_all(desk: Desk) -> int:
    call, office = desk.call, desk.office
    finishing.begin_logs(call)
    unfinished = await office.store.goals(limit=MANY, unfinished_only=True)
    keyless = [goal for goal in unfinished if not goal.rehearsal and not office.has_model]
    # Even with nothing to do: a dead process may have left files unwritten.
    await carry_out_all(desk, after=await office.store.journal_end())
    worked_on = [goal for goal in unfinished if goal not in keyless]
    codes = [await _tell_briefly(desk, goal) for goal in worked_on]
    for goal in keyless:
        progress_line(call, f"{goal.goal_id} is a real goal and waits for ANTHROPIC_API_KEY")
    if not unfinished:
        progress_line(call, "nothing to resume: every goal is finished")
    await finishing.say_what_holds(desk, [await office.store.goal(goal.goal_id) for goal in worked_on])
    if call.as_json:
        documents = [await goal_document(office.store, goal.goal_id, office.clock) for goal in unfinished]
        output.document({"goals": documents, "error": None})
    if desk.stopper.asked.is_set():
        output.note(f"marketeer: interrupted; resume with: {call.command('resume')}")
    return worst([*codes, *([WAITS_FOR_HUMAN] if keyless else [])])


async def _tell_briefly(desk: Desk, goal: Goal) -> int:
    facts = await gather(desk.call, desk.office.store, desk.office.clock, goal.goal_id)
    stands = f"{facts.goal.goal_id}: {facts.goal.status.value}"
    progress_line(desk.call, f"{stands}; {facts.goal.error}" if facts.goal.error else stands)
    for line in questions(desk.call, facts.questions, goal_id=facts.goal.goal_id):
        progress_line(desk.call, line)
    return exit_code(facts.goal, facts.tasks, interrupted=desk.stopper.asked.is_set())


def follow(goal: GoalArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Watch a goal that another process works on."""
    call = called(workspace, as_json=as_json)
    return run(_follow(call, goal))


async def _follow(call: Call, text_of_goal: str) -> int:
    async with open_reader(call.settings) as reader:
        goal = await find_goal(reader.store, text_of_goal)
    async with open_office(call.settings) as office:
        stopper = Stopper(call.settings.shutdown_grace_s, office.doorbell.ring)
        desk = Desk(call=call, office=office, stopper=stopper)
        with stopper.listening():
            await _watch(desk, goal.goal_id)
            code = await finishing.tell(desk, goal.goal_id)
        stands: Goal = await office.store.goal(goal.goal_id)
        if not stopper.asked.is_set() and not at_rest(stands, await office.store.tasks(goal.goal_id)):
            go_on = call.command(f"resume {goal.goal_id}")
            output.note(f"marketeer: nobody works on {goal.goal_id}; go on with: {go_on}")
        return code


async def _watch(desk: Desk, goal_id: str) -> None:
    office = desk.office
    with progress_view(desk.call, office.store, office.clock, goal_id, {}) as view:
        await follow_goal(desk, goal_id, view, after=0)
