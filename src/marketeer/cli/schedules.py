"""`marketeer schedules`: what begins by itself and when, what became of each slot, and changing that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.team_files import FileTeam
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run, user_name
from marketeer.cli.group import command_group
from marketeer.cli.schedule_view import (
    cost_line,
    firing_document,
    history_rows,
    list_rows,
    local,
    outlook_document,
    schedule_document,
)
from marketeer.domain.budget import BudgetLevel
from marketeer.domain.firing import Circumstances
from marketeer.domain.goal import Priority
from marketeer.domain.schedule import Overlap, Schedule, parse_missed
from marketeer.domain.submission import Submission
from marketeer.engine.circumstances import look_around
from marketeer.engine.health import budget_state
from marketeer.engine.schedule_book import Book, ScheduleBook
from marketeer.given import chosen
from marketeer.ports import Clock, Store
from marketeer.runtime import load_workspace_routing, load_workspace_team, open_office, open_reader, schedule_book
from marketeer.settings import Settings

if TYPE_CHECKING:  # what reading must not pay for
    from marketeer.runtime.schedule_outlook import Outlook

SHOWN = 20
MOST_SHOWN = 100_000

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A schedule's id, as `schedules list` has it.")]
CountOption = Annotated[int, typer.Option("--count", metavar="N", min=1, max=MOST_SHOWN, help="How many to show.")]

schedules = command_group("schedules", "List what begins by itself and when; run, enable, disable, add or remove one.")


@schedules.callback()
def _alone(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    return 0 if ctx.invoked_subcommand else run(_list(called(workspace, as_json=as_json)))


# -- reading ---------------------------------------------------------------------------------------------------


@schedules.command("list")
def list_schedules(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """List the schedules: when each begins next, what became of its last slot, and the expected cost of a month."""
    return run(_list(called(workspace, as_json=as_json)))


async def _list(call: Call) -> int:
    async with _desk(call) as desk:
        at, now = await _around(desk), desk.clock.now()
        last = {firing.schedule_id: firing for firing in await desk.store.newest_firings(until=now)}
        outlook = await _outlook(desk)
        running = desk.workspace.has_scheduler()
    if call.as_json:
        found = [
            schedule_document(
                each, last.get(each.schedule_id), at, source=desk.source(each.schedule_id), has_scheduler=running
            )
            for each in desk.found.schedules
        ]
        output.document({"schedules": found, "month": outlook_document(outlook), "scheduler": running})
        return 0
    for line in text.table(list_rows(desk.found.schedules, last, at, has_scheduler=running)):
        output.say(line)
    output.say(f"\nTimes are those of each schedule's zone: {', '.join(desk.zones_used)}.")
    if not running:
        output.say(f"* nothing begins by itself now, as no daemon runs: {call.command('start --daemon')}")
    output.say(cost_line(outlook))
    return 0


async def _around(desk: _Desk) -> Circumstances:
    """What would hold a slot that comes now."""

    async def budget_level() -> BudgetLevel:
        return (await budget_state(desk.store, desk.clock, cap_usd=desk.settings.budget_monthly)).level

    return await look_around(
        desk.store, desk.clock, disk=desk.workspace.disk, budget_level=budget_level, rehearsal=False
    )


async def _outlook(desk: _Desk) -> Outlook:
    from marketeer.runtime.schedule_outlook import schedule_outlook

    routing = load_workspace_routing(desk.settings, desk.team)
    return await schedule_outlook(desk.settings, desk.store, desk.clock, desk.team, routing, desk.found.schedules)


@schedules.command("next")
def next_slots(
    schedule_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only of this schedule.", show_default=False)
    ] = None,
    count: CountOption = 10,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the slots to come, the next first."""
    return run(_next(called(workspace, as_json=as_json), schedule_id, count))


async def _next(call: Call, schedule_id: str | None, count: int) -> int:
    async with _desk(call) as desk:
        now = desk.clock.now()
        wanted = [desk.found.find(schedule_id)] if schedule_id is not None else desk.found.schedules
    coming = merge(*(_named_slots(each, now) for each in wanted if each.enabled))
    found = list(islice(coming, count))
    if call.as_json:
        output.document({"slots": [{"schedule": name, "slot": slot.isoformat()} for slot, name in found]})
        return 0
    if not found:
        which = f"{schedule_id!r} is disabled" if schedule_id else "no schedule is enabled"
        output.say(f"Nothing is to come: {which}. To change that: {call.command('schedules enable ID')}")
        return 0
    known = {each.schedule_id: each for each in wanted}
    rows = [(local(slot, known[name].zone), known[name].zone, name, known[name].pipeline) for slot, name in found]
    for line in text.table(rows):
        output.say(line)
    return 0


def _named_slots(schedule: Schedule, after: datetime) -> Iterator[tuple[datetime, str]]:
    return ((slot, schedule.schedule_id) for slot in schedule.slots(after))


@schedules.command()
def history(
    schedule_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only of this schedule.", show_default=False)
    ] = None,
    count: CountOption = SHOWN,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what became of past slots, newest first: the goal that began, or why none did."""
    return run(_history(called(workspace, as_json=as_json), schedule_id, count))


async def _history(call: Call, schedule_id: str | None, count: int) -> int:
    async with _desk(call) as desk:
        found = await desk.store.firings(schedule_id, limit=count)
        if schedule_id is not None and not found:
            desk.found.find(schedule_id)
        zone = await desk.book.default_zone()
    if call.as_json:
        output.document({"firings": [firing_document(firing) for firing in found]})
        return 0
    if not found:
        output.say("No slot has come yet while a daemon ran here.")
        return 0
    zones = {schedule.schedule_id: schedule.zone for schedule in desk.found.schedules}
    for line in text.table(list(history_rows(found, zones, zone))):
        output.say(line)
    return 0


# -- doing -----------------------------------------------------------------------------------------------------


@schedules.command("run")
def run_now(
    schedule_id: IdArgument,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Offline and free, with the built-in model.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Begin a schedule's goal now, beside its slots."""
    return run(_run(called(workspace, as_json=as_json), schedule_id, rehearse))


async def _run(call: Call, schedule_id: str, rehearse: bool) -> int:
    from marketeer.cli.working import covers
    from marketeer.engine.summary import goal_document

    async with _changing(call) as desk:
        schedule = desk.found.find(schedule_id)
    async with open_office(call.settings) as office:
        pipeline = office.team.find_pipeline(schedule.pipeline).name
        office.require_model(rehearsal=rehearse)
        goal = await office.submit(
            Submission(description=f"Run {pipeline}", rehearsal=rehearse, pipeline=pipeline, priority=schedule.priority)
        )
        worker = office.workspace.worker() or {}
        document = await goal_document(office.store, goal.goal_id, office.clock)
    if call.as_json:
        output.document(document)
    else:
        output.say(f"{schedule_id} has begun as {goal.goal_id}; its slots stay as they are")
    note = f"now run: {call.command(f'resume {goal.goal_id}')}"
    if covers(worker, goal.goal_id):
        note = f"process {worker.get('pid')} works here and takes it up"
    (output.note if call.as_json else output.say)(note)
    return 0


@schedules.command()
def enable(schedule_id: IdArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Let a schedule begin goals again; also one of a file that was removed."""
    return run(_enable(called(workspace, as_json=as_json), schedule_id, enabled=True))


@schedules.command()
def disable(schedule_id: IdArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Keep a schedule from beginning goals; its slots are noted as disabled."""
    return run(_enable(called(workspace, as_json=as_json), schedule_id, enabled=False))


async def _enable(call: Call, schedule_id: str, *, enabled: bool) -> int:
    async with _changing(call) as desk:
        changed = await desk.book.enable(schedule_id, enabled=enabled, by=user_name())
    word = "enabled" if enabled else "disabled"
    if call.as_json:
        output.document({"schedule": schedule_id, "enabled": enabled, "changed": changed})
    else:
        output.say(f"{schedule_id} is {word}" if changed else f"{schedule_id} is {word} already")
    return 0


@schedules.command()
def add(
    schedule_id: Annotated[str, typer.Argument(metavar="ID", help="Its id: small letters, digits and dashes.")],
    cron: Annotated[str, typer.Option("--cron", metavar="CRON", help='When, such as "0 6 * * 1-5": see crontab(5).')],
    pipeline: Annotated[str, typer.Option("--pipeline", metavar="NAME", help="What begins; see `pipelines`.")],
    priority: Annotated[
        str | None, typer.Option("--priority", metavar="P0..P3", help="Default: the pipeline's.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", metavar="ZONE", help="Such as Europe/Berlin. Default: the workspace's.")
    ] = None,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="WORD", help="While an earlier goal of it runs: skip, queue-one, allow.")
    ] = Overlap.SKIP.value,
    missed: Annotated[
        str,
        typer.Option("--missed", metavar="WORDS", help="Slots missed while down: skip, once within 6h, all up to 5."),
    ] = "once within 6h",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Add a schedule; it is kept in the workspace's database, and no file is changed."""
    call = called(workspace, as_json=as_json)
    return run(_add(call, _Wanted(schedule_id, cron, pipeline, priority, zone, overlap, missed)))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A schedule as it was typed."""

    schedule_id: str
    cron: str
    pipeline: str
    priority: str | None
    zone: str | None
    overlap: str
    missed: str


async def _add(call: Call, wanted: _Wanted) -> int:
    async with _changing(call) as desk:
        found = desk.team.find_pipeline(wanted.pipeline)
        schedule = Schedule(
            schedule_id=wanted.schedule_id,
            cron=" ".join(wanted.cron.split()),
            zone=wanted.zone or await desk.book.default_zone(),
            pipeline=found.name,
            priority=chosen(Priority, wanted.priority, "priority") if wanted.priority else found.priority,
            overlap=chosen(Overlap, wanted.overlap, "overlap"),
            missed=parse_missed(wanted.missed),
        )
        await desk.book.add(schedule, own_zone=wanted.zone is not None, by=user_name())
        at, running = await _around(desk), desk.workspace.has_scheduler()
    if call.as_json:
        output.document(schedule_document(schedule, None, at, source="command", has_scheduler=running))
        return 0
    output.say(f"{schedule.schedule_id} begins {schedule.pipeline} ({schedule.priority.value})")
    output.say(f"next: {local(schedule.next_slot(at.now), schedule.zone)} {schedule.zone}")
    if not running:
        output.say(f"nothing begins by itself before a daemon runs: {call.command('start --daemon')}")
    return 0


@schedules.command()
def remove(schedule_id: IdArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Take a schedule off the list; `enable` brings back one that stands in a file."""
    return run(_remove(called(workspace, as_json=as_json), schedule_id))


async def _remove(call: Call, schedule_id: str) -> int:
    async with _changing(call) as desk:
        in_file = desk.source(schedule_id) != "command"
        await desk.book.remove(schedule_id, by=user_name())
    if call.as_json:
        output.document({"schedule": schedule_id, "removed": True})
        return 0
    output.say(f"{schedule_id} is removed; goals that it has begun go on")
    if in_file:
        output.say(f"it stands in a file still, and comes back with: {call.command(f'schedules enable {schedule_id}')}")
    return 0


# -- the place -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """What reading needs, with the schedules in force."""

    settings: Settings
    workspace: FileWorkspace
    store: Store
    clock: Clock
    team: FileTeam
    book: ScheduleBook
    found: Book

    def source(self, schedule_id: str) -> str:
        """Where it stands: in a file, or in the database because a command has added it."""
        return "command" if schedule_id in self.found.added else "file"

    @property
    def zones_used(self) -> list[str]:
        return sorted({schedule.zone for schedule in self.found.schedules})


@asynccontextmanager
async def _desk(call: Call) -> AsyncIterator[_Desk]:
    """Raises UsageError when there is no workspace."""
    workspace = FileWorkspace(call.settings.workspace_dir)
    if workspace.root.is_dir() and not workspace.exists:
        # Made by `init`, and nobody has worked in it yet: the files are all there is to tell.
        store = SqliteStore(None)
        await store.open()
        try:
            yield await _with_book(call.settings, workspace, store, SystemClock())
        finally:
            await store.close()
        return
    async with open_reader(call.settings) as reader:
        yield await _with_book(call.settings, workspace, reader.store, reader.clock)


async def _with_book(settings: Settings, workspace: FileWorkspace, store: Store, clock: Clock) -> _Desk:
    team = load_workspace_team(settings, checked=False)
    book = schedule_book(settings, store, clock, team)
    return _Desk(
        settings=settings,
        workspace=workspace,
        store=store,
        clock=clock,
        team=team,
        book=book,
        found=await book.read(),
    )


@asynccontextmanager
async def _changing(call: Call) -> AsyncIterator[_Desk]:
    """The same, with a database that changes can be kept in."""
    workspace = FileWorkspace(call.settings.workspace_dir)
    if not workspace.root.is_dir():
        async with open_reader(call.settings):
            pass  # says what to do
    workspace.make()
    store = SqliteStore(workspace.database_path)
    await store.open()
    try:
        yield await _with_book(call.settings, workspace, store, SystemClock())
    finally:
        await store.close()
