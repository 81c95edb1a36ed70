"""From a stored goal to its end: the work, then the summary or document, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, progress_line
from marketeer.cli.errors import GoalTrouble, innermost
from marketeer.cli.outcome import exit_code
from marketeer.cli.summary import gather, summary
from marketeer.cli.working import EVERYTHING, Desk, Stopper, carry_out, leave_to_others
from marketeer.domain.degradation import Level
from marketeer.domain.errors import MarketeerError, StoreUnavailable, UsageError, WorkspaceBusy
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.submission import Submission
from marketeer.engine.health import pause_words
from marketeer.engine.summary import goal_document
from marketeer.logs import configure_logs
from marketeer.runtime import Office, health_of, open_link, open_office, require_idle

# At rest like this, something other than an answer or new money is missing.
_MOVES_BY_ITSELF = (GoalStatus.PLANNING, GoalStatus.RUNNING)


def begin_logs(call: Call) -> None:
    """From here on work is done, and work is logged."""
    settings = call.settings
    configure_logs(settings.log_level, settings.log_format, settings.secrets(), quiet=not settings.logs_asked_for)


async def begin(call: Call, submission: Submission, *, works: bool = True) -> int:
    """Store the goal and carry it out, or leave it to others. Raises UsageError, before it is stored, where that cannot
    be done."""
    workspace = FileWorkspace(call.settings.workspace_dir)
    async with open_link(call.settings, SystemClock()) as link:
        holder = workspace.worker()
        if works and (holder is None or holder.get("scope") != EVERYTHING):
            require_idle(workspace, shares=link is not None)
        new = not workspace.root.exists()
        make_workspace(workspace)
        if new:
            progress_line(call, f"made a workspace in {text.shown_path(workspace.root)}")
        begin_logs(call)
        async with open_office(call.settings, link=link) as office:
            return await _submit_and_finish(call, office, submission, works=works)


def make_workspace(workspace: FileWorkspace) -> None:
    """Raises UsageError where none can be."""
    try:
        workspace.make()
    except StoreUnavailable as exc:
        msg = f"{exc}; give a folder that can be written with --workspace or WORKSPACE_DIR"
        raise UsageError(msg) from exc


async def _submit_and_finish(call: Call, office: Office, submission: Submission, *, works: bool) -> int:
    after = await office.store.journal_end()
    stopper = Stopper(call.settings.shutdown_grace_s, office.doorbell.ring)
    with stopper.listening():
        goal = await office.submit(submission)
        progress_line(call, f"goal {goal.goal_id}{' (rehearsal)' if goal.rehearsal else ''}")
        desk = Desk(call=call, office=office, stopper=stopper)
        if works:
            return await finish(desk, goal.goal_id, after=after)
        await leave_to_others(desk, goal.goal_id, after=after)
        return await tell(desk, goal.goal_id)


async def finish(desk: Desk, goal_id: str, *, after: int) -> int:
    """Carry the goal out and say how it stands. Raises GoalTrouble for what only the user can mend."""
    try:
        await carry_out(desk, goal_id, after=after)
    except (MarketeerError, BaseExceptionGroup) as exc:
        raise await _trouble(desk, goal_id, exc) from exc
    code = await tell(desk, goal_id)
    await say_what_holds(desk, [await desk.office.store.goal(goal_id)])
    return code


async def tell(desk: Desk, goal_id: str) -> int:
    """The document or the summary, and the exit code."""
    call, store = desk.call, desk.office.store
    facts = await gather(call, store, desk.office.clock, goal_id)
    code = exit_code(facts.goal, facts.tasks, interrupted=desk.stopper.asked.is_set())
    if call.as_json:
        output.document(await goal_document(store, goal_id, desk.office.clock))
    else:
        for line in ["", *summary(call, facts)]:
            output.say(line)
    if desk.stopper.asked.is_set() and not facts.goal.status.is_final:
        output.note(f"marketeer: interrupted; resume with: {call.command(f'resume {goal_id}')}")
    return code


async def say_what_holds(desk: Desk, goals: Sequence[Goal]) -> None:
    """Why goals stand still that wait for nobody's answer: the kill switch, or how the machine does."""
    call, office = desk.call, desk.office
    if desk.stopper.asked.is_set() or all(goal.status.is_final for goal in goals):
        return
    found = await health_of(call.settings, office.store, office.workspace, office.clock, office.schedule_book)
    if found.paused is not None:
        output.note(f"marketeer: {pause_words(found.paused)}; to go on: {call.command('unpause --all')}")
        return
    held = [goal.goal_id for goal in goals if goal.status in _MOVES_BY_ITSELF]
    if held and found.level is not Level.FULL:
        what = f"goal {held[0]}" if len(held) == 1 else text.counted(len(held), "goal")
        why = "; ".join(f"{check.component.value}: {check.reason}" for check in found.behind_level)
        output.note(f"marketeer: {what} held for now: {why}; when that is mended: {call.command('resume')}")


async def _trouble(desk: Desk, goal_id: str, error: BaseException) -> BaseException:
    error = innermost(error)
    if not isinstance(error, MarketeerError):
        return error
    when = "when that process has ended" if isinstance(error, WorkspaceBusy) else "then"
    advice = f"the goal is stored, {when} run `{desk.call.command(f'resume {goal_id}')}`"
    return GoalTrouble(error, advice, await goal_document(desk.office.store, goal_id, desk.office.clock))
