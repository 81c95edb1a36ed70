"""`marketeer budget`: what the month's money went for and what is left of it; raising it; the ledger as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run, user_name
from marketeer.cli.group import command_group
from marketeer.domain.budget import MonthBudget, what_runs
from marketeer.domain.errors import UsageError
from marketeer.domain.ledger import Call as LedgerCall
from marketeer.domain.ledger import Spend
from marketeer.domain.usage import dollars
from marketeer.engine.budget_view import BudgetView, budget_dict, budget_view
from marketeer.given import money
from marketeer.ports import Store
from marketeer.runtime import open_office, open_reader

SHOWN_ROWS = 10
PAGE = 2_000
STDOUT = "-"
COLUMNS = (
    *("call_id", "goal_id", "task_id", "work_item_id", "kind", "skill", "model", "tier", "attempt"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"),
    *("cost_usd", "saved_by_cache_usd", "estimated", "latency_s", "stop_reason", "request_id"),
    *("reserved_at", "settled_at"),
)

budget = command_group("budget", "Show what was spent of the month's money and on what; raise it; export the ledger.")


@budget.callback()
def _show(
    ctx: typer.Context,
    csv_file: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Write every paid call into FILE as CSV; - is standard output."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    if ctx.invoked_subcommand:
        return 0
    call = called(workspace, as_json=as_json)
    if csv_file is not None:
        return run(_export(call, csv_file))
    view = run(_view(call))
    if as_json:
        output.document(budget_dict(view))
    else:
        for line in budget_lines(call, view):
            output.say(line)
    return 0


@budget.command("raise")
def raise_(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="US dollars on top of this month's budget.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Add to this month's budget; what waited for money goes on."""
    call = called(workspace, as_json=as_json)
    by_usd = money(amount, "AMOUNT")
    if by_usd <= 0:
        msg = f"AMOUNT {amount!r} raises nothing; give US dollars above 0"
        raise UsageError(msg)
    raised = run(_raise(call, by_usd))
    if as_json:
        output.document({"month": raised.month, "cap_usd": float(raised.cap_usd), "raised_usd": float(by_usd)})
    else:
        output.say(f"The budget of {raised.month} is {dollars(raised.cap_usd)} now.")
        output.say(f"What waited for it goes on where a process works here, else with: {call.command('resume')}")
    return 0


async def _raise(call: Call, by_usd: Decimal) -> MonthBudget:
    FileWorkspace(call.settings.workspace_dir).check()
    async with open_reader(call.settings):
        pass  # says what to do when there is nothing here yet, rather than making it
    async with open_office(call.settings) as office:
        return await office.raise_month_cap(by_usd, by=user_name())


async def _view(call: Call) -> BudgetView:
    async with open_reader(call.settings) as reader:
        return await budget_view(reader.store, reader.clock.now(), usual_cap_usd=call.settings.budget_monthly)


def budget_lines(call: Call, view: BudgetView) -> list[str]:
    budget, bill = view.budget, view.bill
    total = bill.total
    level = budget.level(total.settled_usd)
    reserved = f", {dollars(total.reserved_usd)} reserved" if total.reserved_usd else ""
    spent = f"{dollars(total.settled_usd)} of {dollars(budget.cap_usd)} spent"
    lines = [
        f"Budget of {budget.month}: {spent}{reserved}, {dollars(view.left_usd)} left.",
        f"Level {level.value}" + (f": {what_runs(level)} until the next month or a raise." if level.rank else "."),
        f"If it goes on like this the month comes to {dollars(view.projected_usd)}.",
    ]
    if total.saved_usd:
        lines.append(f"The prompt cache has saved {dollars(total.saved_usd)}.")
    if total.estimated_usd:
        lines.append(f"{dollars(total.estimated_usd)} of it are estimates, of calls whose end was not seen.")
    if view.forecasts is not None:
        lines.append(f"Forecasts: {view.forecasts.in_words()}.")
    for title, parts in (
        ("DAY", bill.by_day),
        ("GOAL", bill.by_goal),
        ("SKILL", bill.by_skill),
        ("MODEL", bill.by_model),
        ("KIND", bill.by_kind),
    ):
        lines += _table(title, parts)
    if level.rank:
        lines += ["", f"To raise it: {call.command('budget raise AMOUNT')}"]
    return lines


def _table(title: str, parts: Mapping[str, Spend]) -> list[str]:
    """The dearest, the newest of days."""
    if not parts:
        return []
    items = list(parts.items())
    shown = items[-SHOWN_ROWS:] if title == "DAY" else items[:SHOWN_ROWS]
    rows = [(title, "COST", "CALLS", "TOKENS IN", "TOKENS OUT")]
    rows += [
        (
            name or "(none)",
            dollars(part.settled_usd),
            f"{part.calls}",
            f"{part.input_tokens:,}",
            f"{part.output_tokens:,}",
        )
        for name, part in shown
    ]
    lines = ["", *text.table(rows)]
    if len(items) > SHOWN_ROWS:
        lines.append(f"({len(items) - SHOWN_ROWS} more; `marketeer budget --json` has all)")
    return lines


# -- CSV -------------------------------------------------------------------------------------------------------


async def _export(call: Call, name: str) -> int:
    async with open_reader(call.settings) as reader:
        with _sheet(name) as sheet:
            written = await _fill(sheet, reader.store)
    if name != STDOUT:
        output.note(f"{text.counted(written, 'call')} written to {text.shown_path(Path(name))}")
    return 0


async def _fill(sheet: _Sheet, store: Store) -> int:
    sheet.add(COLUMNS)
    place = written = 0
    while page := await store.real_calls(after=place, limit=PAGE):
        place = page[-1][0]
        for _, entry in page:
            sheet.add(csv_row(entry))
        written += len(page)
    sheet.flush()
    return written


class _Sheet:
    """Rows of CSV, handed on a page at a time."""

    def __init__(self, write: Any) -> None:
        self._write = write
        self._page = io.StringIO()
        self._rows = csv.writer(self._page, lineterminator="\n")

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.writerow(row)
        if self._page.tell() > 64_000:
            self.flush()

    def flush(self) -> None:
        self._write(self._page.getvalue())
        self._page.seek(0)
        self._page.truncate()


@contextmanager
def _sheet(name: str) -> Iterator[_Sheet]:
    if name == STDOUT:
        yield _Sheet(output.raw)
        return
    try:
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            yield _Sheet(file.write)
    except OSError as exc:
        msg = f"{name!r} cannot be written ({exc.strerror}); give another FILE, or - for standard output"
        raise UsageError(msg) from exc


def csv_row(entry: LedgerCall) -> tuple[Any, ...]:
    usage = entry.usage
    return (
        *(entry.call_id, entry.goal_id, entry.task_id, entry.work_item_id, entry.kind.value, entry.skill),
        *(entry.model, entry.tier.value, entry.attempt),
        *(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens),
        *(usage.cache_write_5m_tokens, usage.cache_write_1h_tokens),
        *(entry.cost_usd, entry.saved_usd, int(entry.estimated), entry.latency_s, entry.stop_reason, entry.request_id),
        *(entry.reserved_at.astimezone(UTC).isoformat(), entry.settled_at.astimezone(UTC).isoformat()),
    )
