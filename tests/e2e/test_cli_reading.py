"""Commands that read, `init`, `doctor`, the summaries in `--help`, and how fast all of them begin."""

from __future__ import annotations

import asyncio
import resource
from datetime import UTC, datetime, timedelta

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.cli.app import COMMANDS, load_command
from marketeer.domain.roll import WorkerEntry
from tests.e2e.conftest import GOAL, Cli, Inside

# The limits hold on a quiet machine; a test must not fail on a busy one.
GENEROUS = 3


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_in_the_overview_is_the_commands_own(name: str) -> None:
    command = load_command(name)
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]
    for param in command.params:
        assert getattr(param, "help", None), f"{name}: {param.name} has no help text"


def test_help_lists_every_command_and_exit_code(cli: Cli) -> None:
    for arguments in ((), ("--help",)):
        result = cli(*arguments)
        assert result.code == 0
        assert all(f"  {name} " in result.out for name in COMMANDS)
        assert "130" in result.out
    assert "--dry-run" in cli("start", "--help").out


def test_status_of_an_empty_folder_is_empty_and_says_how_to_begin(cli: Cli) -> None:
    document = cli("status", "--json").document
    assert (document["goals"], document["approvals"], document["worker"]) == ([], [], None)
    assert document["spend"]["budget_usd"] == 100.0
    result = cli("status")
    assert (result.code, "marketeer start" in result.out) == (0, True)
    assert cli.files == []


def test_status_lists_goals_newest_first_and_counts_no_rehearsal_as_spent(cli: Cli) -> None:
    for goal in ("First goal about pricing", "Second goal about churn"):
        cli("start", goal, "--rehearse")
    document = cli("status", "--json").document
    first, second = document["goals"]
    assert (first["description"], second["description"]) == ("Second goal about churn", "First goal about pricing")
    assert first["status"] == "completed"
    assert 0 < first["tasks_completed"] == first["tasks_total"]
    assert first["cost_usd"] > 0
    assert document["spend"]["settled_usd"] == 0
    shown = cli("status").out
    assert "rehearsal" in shown
    assert all(len(line) <= 120 for line in shown.splitlines())


def test_show_names_every_task_review_and_document(cli: Cli) -> None:
    document = cli("start", GOAL, "--rehearse", "--json").document
    result = cli("show", document["goal_id"])
    tasks = [task for phase in document["phases"] for task in phase["tasks"]]
    assert result.code == 0
    assert all(task["task_id"] in result.out and task["output_path"] in result.out for task in tasks)
    assert "review 1: APPROVE" in result.out
    assert "Journal" in result.out


def test_init_makes_a_workspace_and_never_overwrites(cli: Cli) -> None:
    assert cli("init", "--example").code == 0
    context = cli.folder / "workspace/context/product-marketing-context.md"
    assert "Fieldnod" in context.read_text("utf-8")
    assert (cli.folder / "workspace/.gitignore").is_file()
    context.write_text("# Mine\n", "utf-8")
    again = cli("init", "--example")
    assert (again.code, "left as it is" in again.out) == (0, True)
    assert context.read_text("utf-8") == "# Mine\n"


def test_the_example_company_is_used_as_it_is(cli: Cli) -> None:
    cli("init", "--example")
    document = cli("start", GOAL, "--rehearse", "--json").document
    skills = [task["skill"] for phase in document["phases"] for task in phase["tasks"]]
    assert document["status"] == "completed"
    assert "product-marketing-context" not in skills


def test_doctor_calls_a_missing_key_missing_and_a_bad_setting_wrong(cli: Cli) -> None:
    healthy = cli("doctor", "--json")
    states = {check["name"]: check["state"] for check in healthy.document["checks"]}
    assert (healthy.code, healthy.document["ok"]) == (0, True)
    assert (states["key"], states["team files"]) == ("missing", "ok")
    assert "Real goals cannot run" in cli("doctor").out
    sick = cli("doctor", MARKETEER_TYPO="1")
    assert (sick.code, "MARKETEER_TYPO" in sick.out) == (2, True)
    assert cli("doctor", REDIS_PORT="x").code == 2
    assert cli.files == []


def test_doctor_makes_no_live_call_that_the_budget_does_not_allow(cli: Cli) -> None:
    result = cli("doctor", "--live", BUDGET_MONTHLY="0.001", ANTHROPIC_API_KEY="sk-ant-test")
    assert result.code == 2
    assert "BUDGET_MONTHLY" in result.out
    assert "sk-ant-test" not in result.out


def test_pipelines_and_skills_are_listed(cli: Cli) -> None:
    names = [pipeline["name"] for pipeline in cli("pipelines", "--json").document["pipelines"]]
    assert "Content Production" in names
    assert len(cli("skills", "--json").document["skills"]) == 26
    assert "copywriting" in cli("skills").out


@pytest.mark.parametrize(
    ("arguments", "limit_s"), [(("--help",), 0.3), (("status",), 0.7), (("start", GOAL, "--dry-run"), 0.7)]
)
def test_start_up_is_quick(outside: Cli, arguments: tuple[str, ...], limit_s: float) -> None:
    outside(*arguments)
    assert min(processor_s(outside, *arguments) for _ in range(3)) < limit_s * GENEROUS


def test_a_rehearsal_makes_its_first_call_quickly(outside: Cli) -> None:
    """All of it within what the way to the first call may take."""
    rehearsal = ("start", "--pipeline", "Social Content", "--rehearse")
    assert min(processor_s(outside, *rehearsal) for _ in range(2)) < 0.9 * GENEROUS


def processor_s(outside: Cli, *arguments: str) -> float:
    """What a command takes of a processor: on a machine that others work on too, the clock says little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert outside(*arguments).code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_workers_lists_who_works_here_and_who_has_gone_silent(inside: Inside) -> None:
    async def enroll() -> None:
        store, now = SqliteStore(inside.folder / "workspace" / "marketeer.db"), datetime.now(UTC)
        await store.open()
        for pid, silent_s in ((11, 0), (12, 300)):
            seen_at = now - timedelta(seconds=silent_s)
            await store.worker_seen(
                WorkerEntry(
                    owner=f"here:{pid}:x",
                    host="here",
                    pid=pid,
                    parallel=pid,
                    lease_s=10,
                    started_at=now - timedelta(hours=1),
                    seen_at=seen_at,
                )
            )
        await store.close()

    assert inside("init", "--example").code == 0
    asyncio.run(enroll())
    lines = {line.split()[0]: line for line in inside("workers").out.splitlines()}
    assert ("nothing" in lines["11"], "dead, or asleep" in lines["11"]) == (True, False)
    assert "5 min" in lines["12"]
    assert "dead, or asleep" in lines["12"]
