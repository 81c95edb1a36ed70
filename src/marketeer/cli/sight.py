"""How the machine does: `metrics` and `health`. They read, and import nothing that works."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from marketeer.adapters.workspace import FileWorkspace, daemon_pid
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, month_cap, run
from marketeer.domain.budget import budget_level, month_key
from marketeer.domain.degradation import Level, what_it_does
from marketeer.domain.errors import MarketeerError, UsageError
from marketeer.domain.health import BudgetState, Health
from marketeer.domain.metrics import Metrics
from marketeer.engine.health import look_at_health, pause_words, without_store
from marketeer.engine.metrics_view import SKILL_COLUMNS, facts, metrics_document, skill_rows
from marketeer.ports import Clock, Store
from marketeer.runtime import open_reader

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
            return await health_of(call, reader.store, place, reader.clock)
    except MarketeerError as exc:
        return await without_store(str(exc), disk=place.disk)


async def health_of(call: Call, store: Store, place: FileWorkspace, clock: Clock) -> Health:
    """Of an open workspace."""
    worker = place.worker()
    return await look_at_health(
        store,
        clock,
        disk=place.disk,
        budget=lambda: _budget(call, store, clock),
        has_key=call.settings.anthropic_api_key is not None,
        worked_on=worker is not None,
        daemon_pid=daemon_pid(worker),
    )


async def _budget(call: Call, store: Store, clock: Clock) -> BudgetState:
    month = month_key(clock.now())
    cap_usd, spend = await month_cap(store, call.settings, month), await store.month_spend(month)
    level = budget_level(settled_usd=spend.settled_usd, cap_usd=cap_usd)
    return BudgetState(level=level, settled_usd=spend.settled_usd, cap_usd=cap_usd)


def health_document(found: Health) -> dict[str, Any]:
    paused = found.paused
    return {
        "level": found.level.value,
        "effect": what_it_does(found.level),
        "components": [
            {"component": check.component.value, "state": check.state.value, "reason": check.reason}
            for check in found.checks
        ],
        "paused": {"since": paused.since.isoformat(), "by": paused.who, "why": paused.why} if paused else None,
    }


def _say_health(call: Call, found: Health) -> None:
    output.say(f"Level {found.level.value}: {what_it_does(found.level)}.")
    if found.paused is not None:
        output.say(f"{pause_words(found.paused)}; to go on: {call.command('unpause --all')}")
    output.say()
    rows = [(check.component.value, check.state.value, check.reason) for check in found.checks]
    for line in text.table([("PART", "STATE", "WHY"), *rows]):
        output.say(line)
