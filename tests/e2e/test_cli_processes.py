"""Several processes on one workspace: interrupts, a second worker, followers, decisions; and real calls."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import marketeer
from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.settings import load_settings
from marketeer.testing import FakeClaude
from tests.e2e.conftest import GOAL, Cli, wait_for_line
from tests.e2e.harness import end_of
from tests.support.waiting import LIMIT_S

SLOW = {"MARKETEER_REHEARSAL_LATENCY_S": "0.5"}
# Longer than any test waits for an end.
VERY_SLOW = {"MARKETEER_REHEARSAL_LATENCY_S": "600", "SHUTDOWN_GRACE_S": "600"}
KEY = "sk-ant-0123456789"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_cleanly_says_how_to_resume_and_resume_completes(cli: Cli, number: int) -> None:
    with cli.running("start", GOAL, "--rehearse", **SLOW) as process:
        wait_for_line(process, "started")
        process.send_signal(number)
        _, out, err = end_of(process)
    assert process.returncode == 130
    assert "in flight" in err
    resume = re.search(r"resume with: marketeer (resume \S+)$", err, re.MULTILINE)
    assert resume, out
    resumed = cli(*resume[1].split(), "--json")
    assert (resumed.code, resumed.document["status"]) == (0, "completed")
    assert resumed.document["calls"] == sum(len(phase["tasks"]) for phase in resumed.document["phases"])


def test_a_second_interrupt_stops_at_once(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", **VERY_SLOW) as process:
        wait_for_line(process, "started")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "press Ctrl-C again" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        end_of(process)
    assert process.returncode == 130


def test_an_interrupt_still_prints_the_document(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", "--json", **SLOW) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "started" in line)
        process.send_signal(signal.SIGINT)
        _, out, _ = end_of(process)
    assert process.returncode == 130
    assert '"status": "running"' in out


def test_a_second_start_is_refused_with_the_pid_before_its_goal_is_stored(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", **VERY_SLOW) as process:
        wait_for_line(process, "started")
        second = cli("start", "Another goal", "--rehearse")
        status = cli("status", "--json").document
    assert second.code == 2
    assert str(process.pid) in second.complaint
    assert [goal["description"] for goal in status["goals"]] == [GOAL]
    assert status["worker"] == {"pid": process.pid, "scope": status["goals"][0]["goal_id"], "daemon": False}


def test_a_cancel_from_elsewhere_ends_the_work_with_exit_1(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", MARKETEER_REHEARSAL_LATENCY_S="3") as process:
        wait_for_line(process, "started")
        assert cli("cancel", "last").code == 0
        _, out, _ = end_of(process)
    assert process.returncode == 1
    assert "Cancelled" in out


def test_follow_shows_a_goal_worked_on_elsewhere_to_its_end(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", **SLOW) as process:
        wait_for_line(process, "started")
        followed = cli("follow", "last")
        end_of(process)
    assert followed.code == 0
    assert "completed" in followed.out


def test_follow_of_a_goal_nobody_works_on_says_how_to_resume(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", **VERY_SLOW) as process:
        wait_for_line(process, "started")
        process.kill()
    followed = cli("follow", "last")
    assert followed.code == 4
    assert "nobody works on" in followed.complaint
    assert cli("resume").code == 0


def test_start_beside_a_process_that_works_on_everything_follows_it(cli: Cli) -> None:
    with cli.running("start", "Cut churn", "--rehearse", **VERY_SLOW) as process:
        wait_for_line(process, "started")
        process.kill()
    with cli.running("resume", MARKETEER_REHEARSAL_LATENCY_S="1") as worker:
        wait_for_line(worker, "started")
        second = cli("start", "Write a blog post", "--rehearse")
        end_of(worker)
    assert second.code == 0
    assert f"process {worker.pid} works here" in second.out


def test_a_reader_that_leaves_does_not_stop_the_work(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", **SLOW) as process:
        wait_for_line(process, "started")
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=LIMIT_S)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert cli("show", "last", "--json").document["status"] == "completed"


@pytest.fixture
async def api() -> AsyncIterator[FakeClaude]:
    async with FakeClaude(api_key=KEY) as server:
        yield server


async def run(cli: Cli, api: FakeClaude, *arguments: str, key: str = KEY) -> tuple[int, str, str]:
    """A command in a process while the server answers in this one."""
    variables = {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": api.base_url}
    result = await asyncio.to_thread(lambda: cli(*arguments, **variables))
    return result.code, result.out, result.err


async def test_a_real_goal_completes_and_its_bill_is_the_servers(cli: Cli, api: FakeClaude) -> None:
    code, _, err = await run(cli, api, "start", "--pipeline", "Social Content")
    assert (code, KEY in err) == (0, False)
    document = cli("show", "last", "--json").document
    assert (document["status"], document["rehearsal"]) == ("completed", False)
    assert document["calls"] == len(api.bill)
    assert document["cost_usd"] == pytest.approx(float(sum(line["cost_usd"] for line in api.bill)))
    assert cli("status", "--json").document["spend"]["settled_usd"] == pytest.approx(document["cost_usd"])


async def test_a_bad_key_ends_with_one_line_and_the_goal_is_kept(cli: Cli, api: FakeClaude) -> None:
    code, out, err = await run(cli, api, "start", "--pipeline", "Social Content", "--json", key="sk-ant-wrong")
    (complaint,) = [line for line in err.splitlines() if line.startswith("marketeer: ")]
    assert code == 2
    assert "marketeer resume" in complaint
    assert '"error": null' not in out
    resumed = cli("resume", "last")
    assert (resumed.code, "ANTHROPIC_API_KEY" in resumed.complaint) == (2, True)
    assert cli("resume").code == 4
    code, _, _ = await run(cli, api, "resume", "last")
    assert code == 0


async def test_doctor_live_makes_one_call_and_says_what_it_cost(cli: Cli, api: FakeClaude) -> None:
    code, out, _ = await run(cli, api, "doctor", "--live")
    assert (code, len(api.bill), cli.files) == (0, 1, [])
    assert f"${api.bill[0]['cost_usd'].normalize():f}, booked nowhere" in out


async def test_the_live_call_of_a_doctor_is_in_the_ledger_of_its_workspace(cli: Cli, api: FakeClaude) -> None:
    cli("start", "--rehearse", "--pipeline", "Director Morning Review")
    code, out, _ = await run(cli, api, "doctor", "--live")
    (line,) = api.bill
    assert (code, "booked in the ledger" in out) == (0, True)
    told = cli("budget", "--json").document
    assert (told["calls"], told["reserved_usd"]) == (1, 0)
    assert told["settled_usd"] == pytest.approx(float(line["cost_usd"]))
    assert [part["goal_id"] for part in told["by_goal"]] == ["workspace"]
    cli.variables["BUDGET_MONTHLY"] = "0"
    code, out, _ = await run(cli, api, "doctor", "--live")
    assert (code, "budget of $0.00 is spent" in out, len(api.bill)) == (2, True, 1)


async def test_the_library_door_does_what_start_does(tmp_path: Path) -> None:
    result = await marketeer.run_goal(None, pipeline="Social Content", workspace=tmp_path / "w", rehearse=True)
    assert result.completed
    assert result.report_path is not None
    assert result.report_path.is_file()
    assert all(path.is_file() for path in result.output_paths)


async def test_the_library_door_refuses_before_anything_is_written(tmp_path: Path) -> None:
    settings = load_settings(workspace_dir=tmp_path / "w")
    with pytest.raises(UsageError, match="empty"):
        await marketeer.run_goal("  ", settings=settings, rehearse=True)
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        await marketeer.run_goal(GOAL, settings=settings)
    assert not (tmp_path / "w").exists()
