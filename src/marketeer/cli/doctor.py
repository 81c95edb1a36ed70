"""`marketeer doctor`: what is there, what is missing and what is wrong, each with its remedy."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from marketeer.adapters.system_clock import SystemClock
from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, month_cap, run
from marketeer.domain.budget import month_key
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.errors import MarketeerError
from marketeer.domain.product_context import parse_context
from marketeer.domain.usage import Tier, dollars
from marketeer.runtime import load_workspace_team, open_reader
from marketeer.settings import unknown_variables

LEAST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 200_000_000
OPTION_VARIABLES = ("MARKETEER_PRIORITY", "MARKETEER_BUDGET")
DEFAULT_API = "the public Claude API"


class State(StrEnum):
    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `remedy` is empty when nothing need be done."""

    name: str
    state: State
    found: str
    remedy: str = ""


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Make one small call to the cheapest model and say what it cost.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say in plain words what is missing or wrong here."""
    checks = run(_examine(workspace, as_json=as_json, live=live))
    wrong = [check for check in checks if check.state is State.WRONG]
    if as_json:
        rows: list[dict[str, Any]] = [{**asdict(check), "state": check.state.value} for check in checks]
        output.document({"ok": not wrong, "checks": rows})
    else:
        for line in _lines(checks, wrong):
            output.say(line)
    return 2 if wrong else 0


def _lines(checks: list[Check], wrong: list[Check]) -> list[str]:
    names = max(len(check.name) for check in checks)
    lines = [
        f"{check.state.value:<7}  {check.name:<{names}}  {check.found}{f'; {check.remedy}' if check.remedy else ''}"
        for check in checks
    ]
    keyless = any(check.name == "key" and check.state is State.MISSING for check in checks)
    end = f"{text.counted(len(wrong), 'thing')} to mend." if wrong else "Nothing is wrong."
    return [*lines, "", f"{end} Real goals cannot run without a key; rehearsals can." if keyless else end]


async def _examine(workspace: str | None, *, as_json: bool, live: bool) -> list[Check]:
    checks = [_python()]
    try:
        call = called(workspace, as_json=as_json)
    except MarketeerError as exc:
        return [*checks, Check(name="settings", state=State.WRONG, found=str(exc))]
    checks.append(Check(name="settings", state=State.OK, found="every value is valid"))
    for look in (_workspace, _key, _models, _team_files, _context, _disk):
        checks += _guarded(look.__name__.strip("_").replace("_", " "), look, call)
    checks += [check async for check in _store(call)]
    checks += [check async for check in _queue(call)]
    checks += _others(call)
    if live:
        checks.append(await _live(call))
    return checks


def _guarded(name: str, look: Callable[[Call], Iterator[Check]], call: Call) -> list[Check]:
    try:
        return list(look(call))
    except (MarketeerError, OSError) as exc:
        return [Check(name=name, state=State.WRONG, found=str(exc))]


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= LEAST_PYTHON:
        return Check(name="python", state=State.OK, found=version)
    return Check(name="python", state=State.WRONG, found=version, remedy="install Python 3.11 or newer")


def _workspace(call: Call) -> Iterator[Check]:
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    shown = text.shown_path(place.root)
    if place.root.is_dir():
        yield Check(name="workspace", state=State.OK, found=f"{shown} is there and can be written")
    else:
        remedy = f"run `{call.command('init')}`, or just start: the first goal makes it"
        yield Check(name="workspace", state=State.MISSING, found=f"{shown} does not exist yet", remedy=remedy)


def _key(call: Call) -> Iterator[Check]:
    settings = call.settings
    if settings.anthropic_api_key is None:
        remedy = "set it (or ANTHROPIC_API_KEY_FILE), or use --rehearse"
        yield Check(name="key", state=State.MISSING, found="ANTHROPIC_API_KEY is not set", remedy=remedy)
    else:
        yield Check(name="key", state=State.OK, found="ANTHROPIC_API_KEY is set")
    yield Check(name="server", state=State.OK, found=_masked(settings.anthropic_base_url) or DEFAULT_API)


def _masked(address: str | None) -> str:
    """Without a password that may be part of it."""
    return re.sub(r"//[^/@]*@", "//***@", address or "")


def _models(call: Call) -> Iterator[Check]:
    team = load_workspace_team(call.settings)
    names = [f"{tier.value} is {team.model(tier).model_id}" for tier in Tier]
    yield Check(name="models", state=State.OK, found=f"{', '.join(names)}; all have a price")


def _team_files(call: Call) -> Iterator[Check]:
    team = load_workspace_team(call.settings)
    team.validate()
    own = "with files of your own" if team.has_own_files else "the built-in team"
    count = text.counted(len(team.skill_names()), "skill")
    plans = text.counted(len(team.pipelines()), "pipeline")
    yield Check(name="team files", state=State.OK, found=f"{count} and {plans}, {own}")


def _context(call: Call) -> Iterator[Check]:
    path: Path = call.settings.workspace_dir / CONTEXT_PATH
    if not path.is_file():
        remedy = f"write one with `{call.command('context edit')}`, or let the first goal draft it"
        yield Check(name="context", state=State.MISSING, found="there is no product context", remedy=remedy)
        return
    context = parse_context(path.read_text("utf-8", errors="replace"))
    if context.unknown_sections:
        remedy = f"every deliverable rests on them: `{call.command('context check')}` says whom it costs"
        found = f"unknown or empty: {', '.join(context.unknown_sections)}"
        yield Check(name="context", state=State.MISSING, found=found, remedy=remedy)
    else:
        sections = text.counted(len(context.sections), "section")
        yield Check(name="context", state=State.OK, found=f"{context.product or 'product context'}, {sections}")


def _disk(call: Call) -> Iterator[Check]:
    place = call.settings.workspace_dir.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:,.1f} GB free"
    if free < LEAST_FREE_BYTES:
        yield Check(name="disk", state=State.WRONG, found=found, remedy="make room before work begins")
    else:
        yield Check(name="disk", state=State.OK, found=found)


async def _store(call: Call) -> AsyncIterator[Check]:
    """The database, and what it says of the month's money."""
    budget, spent = call.settings.budget_monthly, Decimal(0)
    place = FileWorkspace(call.settings.workspace_dir)
    if place.exists:
        try:
            budget, spent = await _budget_and_spent(call)
        except MarketeerError as exc:
            yield Check(name="database", state=State.WRONG, found=str(exc))
            return
        yield Check(name="database", state=State.OK, found="opens and answers")
    left = f"{dollars(max(Decimal(0), budget - spent))} of {dollars(budget)} left this month"
    remedy = "" if spent < budget else "raise it with `marketeer budget raise`, or wait for the next month"
    state = State.OK if spent < budget else State.MISSING
    yield Check(name="budget", state=state, found=left, remedy=remedy)


async def _queue(call: Call) -> AsyncIterator[Check]:
    """The Redis that is configured, whether we may work with it, and the name that others find our queue by."""
    if call.settings.redis_address() is None:
        yield Check(name="queue", state=State.OK, found="embedded: one process works here at a time")
        return
    from marketeer.runtime import open_link

    try:
        async with open_link(call.settings, SystemClock()) as link:
            where, name = link.where if link is not None else "", "not named yet"
            if link is not None and FileWorkspace(call.settings.workspace_dir).exists:
                async with open_reader(call.settings) as reader:
                    name = await reader.store.workspace_id()
                await link.enter(call.settings.marketeer_redis_prefix, name)
    except MarketeerError as exc:
        yield Check(name="queue", state=State.WRONG, found=str(exc))
        return
    found = f"Redis at {where} answers; BullMQ queue {name!r}, prefix {call.settings.marketeer_redis_prefix!r}"
    yield Check(name="queue", state=State.OK, found=found)


async def _budget_and_spent(call: Call) -> tuple[Decimal, Decimal]:
    """The month's cap, and what is spent or held of it."""
    async with open_reader(call.settings) as reader:
        month = month_key(reader.clock.now())
        spend = await reader.store.month_spend(month)
        return await month_cap(reader.store, call.settings, month), spend.settled_usd + spend.reserved_usd


def _others(call: Call) -> Iterator[Check]:
    unknown = unknown_variables(OPTION_VARIABLES)
    if unknown:
        remedy = "nothing reads them: correct the spelling or remove them"
        yield Check(name="variables", state=State.WRONG, found=f"unknown: {', '.join(unknown)}", remedy=remedy)
    if call.settings.database_url is not None:
        found = "DATABASE_URL is set, but this version works without it and does not use it yet"
        yield Check(name="not used", state=State.OK, found=found)


async def _live(call: Call) -> Check:
    from marketeer.cli.live_check import live_call  # it works, and loads what works

    try:
        return Check(name="live call", state=State.OK, found=await live_call(call.settings, SystemClock()))
    except MarketeerError as exc:
        return Check(name="live call", state=State.WRONG, found=str(exc))
