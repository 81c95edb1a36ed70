"""`marketeer start --daemon`: at work on all goals, and gone without a loss when it is told to."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import GOAL, Cli, Here
from tests.e2e.harness import fake_claude, wait_until
from tests.integration import desk
from tests.support.sinks import http_sink
from tests.support.waiting import wait_until as until

ENDS_WITHIN_S = 40


@contextmanager
def daemon(cli: Cli, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """It has begun; what it says goes to `daemon.log`."""
    log = cli.folder / "daemon.log"
    with cli.running_into(log, "start", "--daemon", **{"LOG_LEVEL": "info", **variables}) as process:
        wait_until(lambda: "daemon_started" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield process


def log_of(cli: Cli) -> str:
    return (cli.folder / "daemon.log").read_text()


def events(cli: Cli, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log_of(cli).splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def test_it_works_on_a_goal_that_is_begun_beside_it_and_ends_well_when_told(cli: Cli) -> None:
    with daemon(cli) as process:
        beside = cli("start", "--rehearse", "--json", GOAL)
        assert beside.code == 0
        assert beside.document["status"] == "completed"
        assert f"process {process.pid} works here" in beside.err
        status = cli("status", "--json").document
        assert status["worker"] == {"pid": process.pid, "scope": "all", "daemon": True}
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDS_WITHIN_S) == 0
    assert log_of(cli).splitlines()[-1] == "marketeer: stopped; nothing was in hand"


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, int]]:
    """One that stays as it has begun, for those who only look on: where it works, and its pid."""
    cli = Here(folder=tmp_path_factory.mktemp("idle"))
    with daemon(cli) as process:
        yield cli, process.pid


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(idle: tuple[Cli, int]) -> None:
    cli, pid = idle
    second = cli("start", "--daemon")
    assert second.code == 2
    assert str(pid) in second.complaint


@pytest.mark.parametrize("option", [["Grow the list"], ["--rehearse"], ["--pipeline", "SEO Cycle"], ["--json"]])
def test_it_takes_no_goal_and_no_option_of_one(cli: Cli, option: list[str]) -> None:
    refused = cli("start", "--daemon", *option)
    assert refused.code == 2
    assert "--daemon takes no goal" in refused.err
    assert not (cli.folder / "workspace").exists()


def test_the_recovery_comes_first_and_in_order(idle: tuple[Cli, int]) -> None:
    cli, _ = idle
    wait_until(lambda: len(events(cli, "recovered")) >= 2)
    assert [line["step"] for line in events(cli, "recovered")][:2] == ["leases", "reservations"]


def test_without_a_key_it_says_that_only_rehearsals_are_worked_on(idle: tuple[Cli, int]) -> None:
    cli, _ = idle
    assert "no ANTHROPIC_API_KEY: only rehearsals" in log_of(cli)


def test_a_hang_up_rereads_the_settings_and_keeps_the_old_ones_when_the_new_are_wrong(cli: Cli) -> None:
    with daemon(cli) as process:
        (cli.folder / ".env").write_text("MAX_PARALLEL_AGENTS=no\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the old one stays: MAX_PARALLEL_AGENTS" in log_of(cli))
        (cli.folder / ".env").write_text("MAX_PARALLEL_AGENTS=2\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "changed: MAX_PARALLEL_AGENTS" in log_of(cli))
        assert cli("start", "--rehearse", GOAL).code == 0


def test_a_hang_up_names_a_changed_team_file(cli: Cli) -> None:
    with daemon(cli) as process:
        team = cli.folder / "workspace" / "team"
        team.mkdir(exist_ok=True)
        (team / "pipelines.yaml").write_text("pipelines: 3\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the old one stays" in log_of(cli))
        (team / "pipelines.yaml").write_text("pipelines: []\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "changed: team/pipelines.yaml" in log_of(cli))


def test_a_hang_up_with_a_mistake_in_schedules_or_events_leaves_what_runs_alone(cli: Cli) -> None:
    with daemon(cli, LOG_LEVEL="debug") as process:
        wait_until(lambda: bool(events(cli, "scheduler_began")))
        team = cli.folder / "workspace" / "team"
        team.mkdir(exist_ok=True)
        for name in ("schedules.yaml", "events.yaml"):
            (team / name).write_text("nonsense: 3\n")
            process.send_signal(signal.SIGHUP)
            wait_until(lambda name=name: f"the old one stays: team/{name}" in log_of(cli))
            (team / name).unlink()
        assert not events(cli, "part_failed")


def test_a_second_signal_hands_back_what_is_in_hand_and_the_next_daemon_does_it(cli: Cli, tmp_path: Path) -> None:
    with fake_claude(tmp_path, "--latency-s", "60") as server:
        key = server.environment(MARKETEER_PLANNER="template")
        variables = {name: key[name] for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "MARKETEER_PLANNER")}
        with daemon(cli, LOG_LEVEL="debug", **variables) as process, cli.running("start", GOAL, **variables):
            wait_until(lambda: bool(events(cli, "call_started")))
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: "may finish within 30 s" in log_of(cli))
            process.send_signal(signal.SIGTERM)
            assert process.wait(ENDS_WITHIN_S) == 0
        assert "stopped; handed back 1 step" in log_of(cli)
    with fake_claude(tmp_path) as server:
        key = server.environment(MARKETEER_PLANNER="template")
        variables = {name: key[name] for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "MARKETEER_PLANNER")}
        with daemon(cli, **variables):
            wait_until(lambda: len(events(cli, "call_done")) > 1)
            (handed_back,) = events(cli, "daemon_stopped")[0]["handed_back"]
            assert events(cli, "call_done")[0]["item"] == handed_back


async def test_a_question_is_announced_with_its_receipt_and_no_address_is_shown(cli: Cli) -> None:
    async with http_sink() as sink:
        address = f"json://anna:hunter2@127.0.0.1:{sink.port}/hook"
        variables = {"NOTIFY_URLS": address, "ANTHROPIC_API_KEY": "sk-ant-test-key"}
        with daemon(cli, **variables):
            (cli.folder / "workspace/context").mkdir(exist_ok=True)
            (cli.folder / "workspace/context/product-marketing-context.md").write_text(desk.CONTEXT)
            asked = ("start", "Write to hotels", "--pipeline", desk.GATED, "--priority", "P0")
            beside = await asyncio.to_thread(cli, *asked, **variables)
            assert beside.code == 4, beside.err
            await until(lambda: bool(events(cli, "notices_sent")), timeout_s=ENDS_WITHIN_S)
        told = json.loads(sink.taken[0])
        listed = await asyncio.to_thread(cli, "notify", "list", "--json", **variables)
    assert "waits for you" in told["message"]
    assert "marketeer approve" in told["message"]
    (notice,) = listed.document["notices"]
    assert notice["urgent"]
    assert notice["deliveries"][0]["channel"].startswith("json:")
    assert notice["deliveries"][0]["sent_at"] is not None
    assert "hunter2" not in log_of(cli) + listed.out + listed.err


def test_an_address_nobody_understands_is_a_fault_of_that_part_alone(cli: Cli) -> None:
    with daemon(cli, NOTIFY_URLS="nonsense://hunter2"):
        wait_until(lambda: any(line["part"] == "notices" for line in events(cli, "part_failed")))
        parts = {part["component"]: part for part in cli("health", "--json").document["components"]}
        assert parts["daemon"]["state"] == "degraded"
        assert "NOTIFY_URLS: address 1 (nonsense://...)" in parts["daemon"]["reason"]
        assert cli("start", "--rehearse", "--pipeline", "Morning Review").code == 0
    assert "hunter2" not in log_of(cli)
