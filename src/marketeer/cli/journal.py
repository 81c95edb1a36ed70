"""`marketeer journal`: every change there was, with who and why, and whether anybody has tampered with the record."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, find_goal, run
from marketeer.cli.errors import FAILED, INTERRUPTED
from marketeer.cli.group import command_group
from marketeer.domain.errors import UsageError
from marketeer.domain.journal import OF_NO_GOAL, JournalEntry
from marketeer.ports import Store
from marketeer.runtime import Reader, open_reader, zone_of

NEWEST = 100
PAGE = 1000
GOAL = "goal"
FOLLOW_LOOK_S = 1.0
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})\s*([mhdw])", re.IGNORECASE | re.ASCII)

journal = command_group("journal", "Show every change with who and why, follow it, or check that nobody altered it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries to show. `after` is an entry id; `since` None means whenever."""

    goal_id: str | None
    after: int
    since: datetime | None


@journal.callback()
def _show(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens from now on.")] = False,
    goal: Annotated[
        str | None,
        typer.Option("--goal", metavar="GOAL", help="One goal, or `budget` or `workspace` for what belongs to none."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From then on: 30m, 12h, 7d or 2w ago, or a date or time."),
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help=f"All of it, not only the newest {NEWEST} entries.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    if ctx.invoked_subcommand:
        return 0
    call = called(workspace, as_json=as_json)
    return run(_shown(call, goal, since, follow=follow, everything=show_all))


async def _shown(call: Call, goal: str | None, since: str | None, *, follow: bool, everything: bool) -> int:
    async with open_reader(call.settings) as reader:
        goal_id = await _journal_id(reader.store, goal) if goal is not None else None
        begin = moment(since, reader.clock.now().astimezone(zone_of(call.settings))) if since is not None else None
        everything = everything or goal_id is not None or begin is not None
        after = 0 if everything else max(0, await reader.store.journal_end() - NEWEST)
        wanted = Wanted(goal_id=goal_id, after=after, since=begin)
        if follow:
            return await _follow(reader, wanted, as_json=call.as_json)
        entries = [entry async for page in _pages(reader.store, wanted) for entry in page]
    if call.as_json:
        output.document({"entries": [entry_dict(entry) for entry in entries]})
        return 0
    _say(entries, wanted)
    if not entries:
        output.note("(nothing has happened that this would show)")
    if after:
        output.note(f"(the newest {NEWEST}; `{call.command('journal --all')}` shows all of it)")
    return 0


async def _journal_id(store: Store, words: str) -> str:
    """Of the goal they mean, or of what belongs to no goal."""
    name = words.strip()
    return name if name in OF_NO_GOAL else (await find_goal(store, name)).goal_id


# -- reading ---------------------------------------------------------------------------------------------------


async def _pages(store: Store, wanted: Wanted) -> AsyncIterator[Sequence[JournalEntry]]:
    """What is there now, oldest first."""
    after = wanted.after
    while entries := await store.journal(goal_id=wanted.goal_id, after=after, since=wanted.since, limit=PAGE):
        yield entries
        after = entries[-1].entry_id


async def _follow(reader: Reader, wanted: Wanted, *, as_json: bool) -> int:
    """Until Ctrl-C, or until whoever reads has gone."""
    # what works loads what logs, and those who only look need neither
    from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
    from marketeer.cli.working import Stopper

    doorbell = SqliteDoorbell(reader.store, reader.clock)
    stopper = Stopper(0.0, doorbell.ring)
    with stopper.listening():
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(doorbell.watch(), name="doorbell")
            while not stopper.asked.is_set():
                seen = doorbell.rings
                async for page in _pages(reader.store, wanted):
                    wanted = replace(wanted, after=page[-1].entry_id)
                    if not _say(page, wanted, as_json=as_json):
                        stopper.asked.set()
                if not stopper.asked.is_set():
                    await doorbell.wait(seen, FOLLOW_LOOK_S)
            watch.cancel()
    return INTERRUPTED


# -- showing ---------------------------------------------------------------------------------------------------


def _say(entries: Sequence[JournalEntry], wanted: Wanted, *, as_json: bool = False) -> bool:
    """One line for each, with `as_json` a document. False, and no more lines, when nobody reads any more."""
    return all(output.say(_json_line(entry) if as_json else entry_line(entry, wanted.goal_id)) for entry in entries)


def _json_line(entry: JournalEntry) -> str:
    return json.dumps(entry_dict(entry))


def entry_line(entry: JournalEntry, goal_id: str | None) -> str:
    """`2026-11-22 18:33:01  ab12cd  copywriting  task_revision  marketeer: the summary is missing`, in local time."""
    when = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}"
    goal = [] if goal_id else [entry.goal_id.rsplit("-", 1)[-1]]
    subject = str(entry.data.get("skill") or entry.task_id or (GOAL if "-" in entry.goal_id else "-"))
    why = f": {text.one_line(entry.why)}" if entry.why else ""
    return text.GAP.join([when, *goal, f"{subject:<25}", f"{entry.what:<20}", f"{entry.who}{why}"])


def entry_dict(entry: JournalEntry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "at": entry.at.isoformat(),
        "goal_id": entry.goal_id,
        "task_id": entry.task_id,
        "what": entry.what,
        "who": entry.who,
        "why": entry.why,
        "data": dict(entry.data),
    }


def moment(words: str, now: datetime) -> datetime:
    """`30m`, `12h`, `7d` or `2w` before `now`, or an ISO date or time, in the zone of `now` unless it names one.

    Raises UsageError for anything else.
    """
    ago = _AGO.fullmatch(words.strip())
    try:
        if ago:
            return now - timedelta(**{UNITS[ago[2].lower()]: int(ago[1])})
        at = datetime.fromisoformat(words.strip())
    except (ValueError, OverflowError) as exc:
        msg = f"--since {words!r} is no moment; give 30m, 12h, 7d or 2w, or a date or time such as {now:%Y-%m-%dT%H:%M}"
        raise UsageError(msg) from exc
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)


# -- checking --------------------------------------------------------------------------------------------------


@journal.command()
def verify(
    goal: Annotated[
        str | None,
        typer.Argument(metavar="[GOAL]", help="The journal of one goal, `budget` or `workspace`; left out, all."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Look for entries that were changed, removed or inserted after they were written; 1 when there are any."""
    return run(_verify(called(workspace, as_json=as_json), goal))


async def _verify(call: Call, goal: str | None) -> int:
    async with open_reader(call.settings) as reader:
        store = reader.store
        goal_ids = await store.journals() if goal is None else [await _journal_id(store, goal)]
        examined = {goal_id: await store.examine_journal(goal_id) for goal_id in goal_ids}
    found = [flaw for _, flaws in examined.values() for flaw in flaws]
    if call.as_json:
        heads = {goal_id: {"entries": head.number, "hash": head.hash} for goal_id, (head, _) in examined.items()}
        output.document({"ok": not found, "journals": heads, "flaws": [asdict(flaw) for flaw in found]})
        return FAILED if found else 0
    for flaw in found:
        output.say(f"{flaw.goal_id}{text.GAP}{flaw.message}")
    count, entries = len(examined), sum(head.number for head, _ in examined.values())
    looked_at = f"{text.counted(entries, 'entry', 'entries')} in {text.counted(count, 'journal')}"
    output.say(f"{looked_at}: {text.counted(len(found), 'flaw') if found else 'all as they were written'}")
    if goal is not None:
        head, _ = examined[goal_ids[0]]
        output.say(f"head {head.hash} after {text.counted(head.number, 'entry', 'entries')}")
    return FAILED if found else 0
