"""How the machine does: `metrics` and `health`. They read, and import nothing that works."""

from __future__ import annotations

from typing import Annotated

import typer

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run
from marketeer.domain.degradation import Level, what_it_does
from marketeer.domain.errors import MarketeerError, UsageError
from marketeer.domain.health import Health
from marketeer.domain.metrics import Metrics
from marketeer.engine.health import health_document, pause_words, without_store
from marketeer.engine.metrics_view import SKILL_COLUMNS, facts, metrics_document, skill_rows
from marketeer.runtime import health_of, load_workspace_team, open_reader, schedule_book

NOT_WELL = 1


def metrics(
    as_prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print Prometheus' text format, for its textfile collector.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show counts, times, tokens and cost of real goals, and how each skill does."""
    if as_prometheus and as_json:
        msg = "--json and --prometheus are two formats: give one of them"
        raise UsageError(msg)
    call = called(workspace, as_json=as_json)
    found = run(_metrics(call))
    if as_json:
        output.document(metrics_document(found))
    elif as_prometheus:
        from marketeer.adapters.prometheus import exposition

        output.say(exposition(found).rstrip("\n"))
    else:
        _say_metrics(found)
    return 0


async def _metrics(call: Call) -> Metrics:
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    if not place.exists:
        return Metrics()
    async with open_reader(call.settings) as reader:
        return await reader.store.metrics(now=reader.clock.now())


def _say_metrics(found: Metrics) -> None:
    if not found.numbers:
        output.say("Nothing to count yet: no real goal has begun here (rehearsals are never counted).")
        return
    for line in text.table(list(facts(found))):
        output.say(line)
    rows = skill_rows(found)
    if rows:
        output.say()
        for line in text.table([SKILL_COLUMNS, *rows]):
            output.say(line)


def health(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show how each part does and what goes on; exit code 1 when little or nothing does."""
    call = called(workspace, as_json=as_json)
    found = run(_health(call))
    if as_json:
        output.document(health_document(found))
    else:
        _say_health(call, found)
    return NOT_WELL if found.level in (Level.MINIMAL, Level.OFFLINE) else 0


async def _health(call: Call) -> Health:
    place = FileWorkspace(call.settings.workspace_dir)
    place.check()
    if not place.exists:
        return await without_store("no database yet; `marketeer init` or `marketeer start` makes one", disk=place.disk)
    try:
        async with open_reader(call.settings) as reader:
            team = load_workspace_team(call.settings, checked=False)
            book = schedule_book(call.settings, reader.store, reader.clock, team)
            return await health_of(call.settings, reader.store, place, reader.clock, book)
    except MarketeerError as exc:
        return await without_store(str(exc), disk=place.disk)


def _say_health(call: Call, found: Health) -> None:
    output.say(f"Level {found.level.value}: {what_it_does(found.level)}.")
    if found.paused is not None:
        output.say(f"{pause_words(found.paused)}; to go on: {call.command('unpause --all')}")
    output.say()
    rows = [(check.component.value, check.state.value, check.reason) for check in found.checks]
    for line in text.table([("PART", "STATE", "WHY"), *rows]):
        output.say(line)
