"""`marketeer budget`: the month's money from every side, to the micro-dollar, and raising it."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.budget import month_key
from marketeer.domain.goal import GoalStatus, Priority
from tests.e2e.conftest import Cli
from tests.integration import desk
from tests.support.builders import a_call, a_reservation

CUTS = ("by_day", "by_goal", "by_skill", "by_model", "by_kind")


def exact(amount: Any) -> Decimal:
    return Decimal(str(amount)).quantize(Decimal("0.000001"))


async def some_goals(cli: Cli, **settings: Any) -> list[str]:
    async with desk.an_office(cli.folder, desk.Clerk(), clock=SystemClock(), **settings) as office:
        goals = [await desk.finish(office, pipeline) for pipeline in (desk.FUNNEL, desk.SOLO)]
        await desk.finish(office, rehearsal=True)
        return [goal.goal_id for goal in goals]


async def test_every_cut_adds_up_to_the_ledger_to_the_micro_dollar(cli: Cli) -> None:
    goals = await some_goals(cli)
    told = cli("budget", "--json").document
    rows = list(csv.DictReader(io.StringIO(cli("budget", "--csv", "-").out)))
    total = sum(Decimal(row["cost_usd"]) for row in rows)
    assert exact(told["settled_usd"]) == total > 0
    assert told["calls"] == len(rows)
    for cut in CUTS:
        assert sum(exact(part["settled_usd"]) for part in told[cut]) == total, cut
        assert sum(part["calls"] for part in told[cut]) == len(rows), cut
        for name in ("input_tokens", "output_tokens"):
            assert sum(part[name] for part in told[cut]) == told[name], cut
    assert {part["goal_id"] for part in told["by_goal"]} == {row["goal_id"] for row in rows} == set(goals)
    assert exact(told["left_usd"]) == 100 - total
    assert (told["level"], told["cap_usd"], told["reserved_usd"]) == ("normal", 100, 0)


async def test_a_csv_file_has_a_line_for_every_paid_call_and_none_of_a_rehearsal(cli: Cli) -> None:
    await some_goals(cli)
    cli("budget", "--csv", "ledger.csv")
    rows = list(csv.DictReader(io.StringIO((cli.folder / "ledger.csv").read_text(encoding="utf-8"))))
    assert [row["kind"] for row in rows] == ["execute"] * 5
    assert {row["attempt"] for row in rows} == {"1"}
    refused = cli("budget", "--csv", "nowhere/ledger.csv")
    assert refused.code == 2
    assert "cannot be written" in refused.err


async def test_the_page_of_the_day_is_in_the_workspace_when_a_goal_has_ended(cli: Cli) -> None:
    await some_goals(cli)
    (page,) = [file.read_text(encoding="utf-8") for file in (cli.folder / "workspace" / "metrics").glob("*-budget.md")]
    told = cli("budget", "--json").document
    assert f"- **Spent:** ${exact(told['settled_usd'])} of $100" in page
    assert all(part["goal_id"] in page for part in told["by_goal"])


async def test_forecasts_are_graded_once_goals_are_finished(cli: Cli) -> None:
    await some_goals(cli)
    record = cli("budget", "--json").document["forecasts"]
    assert record["goals"] == 2
    assert record["error"] >= abs(record["bias"]) > 0
    assert "off by" in cli("budget").out


async def test_a_raise_holds_at_once_and_is_journaled(cli: Cli) -> None:
    await some_goals(cli, budget_monthly=Decimal(10))
    assert cli("budget", "raise", "2.5").code == 0
    told = cli("budget", "--json").document
    assert (told["cap_usd"], told["raised_usd"]) == (12.5, 2.5)
    entries = cli("journal", "--all", "--json").document["entries"]
    assert [entry["what"] for entry in entries if entry["goal_id"] == "budget"] == ["budget_set", "budget_raised"]
    assert cli("status", "--json").document["spend"]["budget_usd"] == 12.5


@pytest.mark.parametrize("amount", ["0", "-1", "much", "0.0000001"])
async def test_a_raise_by_nothing_is_refused(cli: Cli, amount: str) -> None:
    assert cli("init").code == 0
    assert cli("budget", "raise", "--", amount).code == 2


def test_there_is_no_budget_where_there_is_no_workspace(cli: Cli) -> None:
    for words in (["budget"], ["budget", "raise", "5"]):
        told = cli(*words)
        assert told.code == 2
        assert not (cli.folder / "workspace").exists()


async def test_a_level_says_what_still_runs_and_how_to_raise_it(cli: Cli) -> None:
    async with desk.an_office(cli.folder, desk.Clerk(), clock=SystemClock(), budget_monthly=Decimal(10)) as office:
        goal = await desk.submit(office)
        await office.cancel(goal.goal_id, by="ada")
        held = a_reservation("before", "9.1", goal_id=goal.goal_id, task_id=None, reserved_at=office.clock.now())
        await office.store.settle(a_call(held, "9.1"))
        waiting = await desk.finish(office, priority=Priority.P2)
        assert waiting.status is GoalStatus.WAITING
    told = cli("budget").out
    assert "Level throttle: only P0 and P1 goals go on" in told
    assert "budget raise" in told


async def test_a_dry_run_judges_a_skill_by_what_it_has_cost_before(cli: Cli) -> None:
    async with desk.an_office(cli.folder, desk.Clerk(), clock=SystemClock()) as office:
        for _ in range(3):
            await desk.finish(office)
        spent = (await office.store.month_spend(month_key(office.clock.now()))).settled_usd
    desk.add_small_plans(cli.folder / "workspace")
    asked = ("start", "Look at our numbers", "--pipeline", desk.SOLO, "--dry-run")
    told = cli(*asked, "--json").document
    assert exact(told["cost_expected_usd"]) == pytest.approx(spent / 3, abs=Decimal("0.000001"))
    assert told["cost_low_usd"] <= told["cost_expected_usd"] <= told["cost_high_usd"]
    assert "judged by what their skill has cost" in cli(*asked).out
