"""Ctrl-C, SIGTERM and SIGHUP at any instant: exit 130, calls booked, nothing begun after, resume completes."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketeer.adapters.workspace import FileWorkspace
from tests.e2e.harness import (
    SEED,
    Ledger,
    assert_nothing_lost_or_doubled,
    command,
    end_of,
    environment,
    fake_claude,
    run,
    wait_until,
)

GOAL = "Increase signup conversion by 20%"
PARALLEL = 3
# What a slow call takes; less than half of it on the busiest machine, and a fraction of a second on an idle one.
SLOW_S = 60
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def instants(count: int, *, from_s: float, to_s: float, salt: str) -> list[tuple[float, signal.Signals]]:
    chance = random.Random(f"{SEED}-{salt}")  # noqa: S311 - moments, no secrets
    return [(round(chance.uniform(from_s, to_s), 3), SIGNALS[number % len(SIGNALS)]) for number in range(count)]


@contextmanager
def started(*options: str, cwd: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`start` in a process group of its own, so that whatever it leaves behind can be found."""
    with subprocess.Popen(
        command("start", GOAL, *options),
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until_stored(workspace: Path) -> None:
    """The earliest moment at which there is something to interrupt."""
    wait_until(lambda: _count(workspace, "SELECT count(*) FROM goals"))


def _count(workspace: Path, sql: str) -> int:
    try:
        with closing(sqlite3.connect(f"file:{workspace / 'marketeer.db'}?mode=ro", uri=True)) as connection:
            return int(connection.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def heard_at(process: subprocess.Popen[str]) -> datetime:
    """A moment at which the process has heard its signal: it has said so, or ended."""
    assert process.stderr is not None
    next((line for line in process.stderr if "stopping" in line), "")
    return datetime.now(UTC)


def check_stopped(process: subprocess.Popen[str], workspace: Path, *, heard_at: datetime) -> Ledger:
    """Nothing is in hand any more: no process, lock, lease, reservation, half-written file, or new step."""
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert FileWorkspace(workspace).worker() is None
    assert _count(workspace, "SELECT count(*) FROM work_items WHERE state = 'claimed'") == 0
    assert list(workspace.rglob("*.tmp")) == []
    ledger = Ledger(workspace)
    assert ledger.reservations == []
    begun = [e for e in ledger.journal if e["what"] in ("task_running", "plan_started", "report_started")]
    late = [e for e in begun if datetime.fromisoformat(e["at"]) > heard_at]
    assert late == []
    return ledger


@pytest.mark.parametrize(("after_s", "number"), instants(4, from_s=0.0, to_s=1.2, salt="rehearsed"))
def test_an_interrupted_rehearsal_leaves_nothing_in_hand_and_resume_completes(
    tmp_path: Path, after_s: float, number: signal.Signals
) -> None:
    env = environment(MARKETEER_REHEARSAL_LATENCY_S="0.15")
    workspace = tmp_path / "workspace"
    with started("--rehearse", cwd=tmp_path, env=env) as process:
        until_stored(workspace)
        interrupt_after(process, after_s, number)
        heard = heard_at(process)
        _, _, err = end_of(process)
    ledger = check_stopped(process, workspace, heard_at=heard)
    finished = ledger.goals[0]["finished_at"] is not None
    assert process.returncode in ((0, 130) if finished else (130,)), err
    assert ledger.estimated == []
    again = run("resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert_nothing_lost_or_doubled(workspace)


@pytest.mark.parametrize(("after_s", "number"), instants(2, from_s=0.3, to_s=3.5, salt="served"))
def test_an_interrupted_goal_books_its_calls_in_flight_and_resume_buys_only_the_rest(
    tmp_path: Path, after_s: float, number: signal.Signals
) -> None:
    workspace = tmp_path / "workspace"
    with fake_claude(tmp_path, "--latency-s", "0.25") as server:
        with started(cwd=tmp_path, env=server.environment()) as process:
            until_stored(workspace)
            interrupt_after(process, after_s, number)
            heard = heard_at(process)
            _, _, err = end_of(process)
        ledger = check_stopped(process, workspace, heard_at=heard)
        finished = ledger.goals[0]["finished_at"] is not None
        assert process.returncode in ((0, 130) if finished else (130,)), err
        # Within the grace each answer arrives: none is guessed at.
        assert len(server.requests) == len(ledger.settled) == len(ledger.calls)
        assert run("resume", cwd=tmp_path, env=server.environment()).returncode == 0
        ledger = assert_nothing_lost_or_doubled(workspace)
        assert len(server.requests) == len(ledger.calls)


def interrupt_after(process: subprocess.Popen[str], seconds: float, number: signal.Signals) -> None:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(number)


@pytest.mark.parametrize("after_s", [0.08, 0.3])
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_while_the_program_still_starts_ends_it_quietly(
    tmp_path: Path, after_s: float, number: signal.Signals
) -> None:
    with started("--rehearse", cwd=tmp_path, env=environment(MARKETEER_REHEARSAL_LATENCY_S="30")) as process:
        interrupt_after(process, after_s, number)
        interrupt_after(process, 0.5, number)
        _, _, err = end_of(process)
    if "Traceback" in err and ", in main\n" not in err:
        return  # before the program is there a signal does what it does to every Python process
    # Behind its last line too.
    assert process.returncode in (130, -number), err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_interrupt_ends_a_slow_call_in_a_moment_and_books_it_as_an_estimate(
    tmp_path: Path, number: signal.Signals
) -> None:
    workspace = tmp_path / "workspace"
    with (
        fake_claude(tmp_path, "--latency-s", str(SLOW_S)) as server,
        started(cwd=tmp_path, env=server.environment(SHUTDOWN_GRACE_S=str(SLOW_S))) as process,
    ):
        # Reserved is what is about to be sent; the request is on its way a moment later.
        wait_until(lambda: _count(workspace, "SELECT count(*) FROM reservations"))
        interrupt_after(process, 1.5, number)
        assert process.stderr is not None
        assert "press Ctrl-C again" in process.stderr.readline()
        process.send_signal(number)
        signalled, heard = time.monotonic(), heard_at(process)
        end_of(process)
        assert time.monotonic() - signalled < SLOW_S / 2
    assert process.returncode == 130
    ledger = check_stopped(process, workspace, heard_at=heard)
    assert 1 <= len(ledger.estimated) <= PARALLEL
    assert ledger.settled == []
    assert all(call["cost_microusd"] > 0 for call in ledger.estimated)
    with fake_claude(tmp_path) as server:
        assert run("resume", cwd=tmp_path, env=server.environment()).returncode == 0
    assert_nothing_lost_or_doubled(workspace)
