"""kill -9 at any instant of a goal loses nothing, doubles nothing and buys no recorded call again."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.e2e.harness import SEED, Server, assert_nothing_lost_or_doubled, environment, fake_claude, kill_after, run

REHEARSED_KILLS = 14
SERVED_KILLS = 6
LATENCY_S = 0.06
GOAL = "Increase signup conversion by 20%"
PARALLEL = 3


def instants(count: int, *, longest_s: float, salt: str) -> list[float]:
    """Seeded moments from before the first commit to about the end."""
    chance = random.Random(f"{SEED}-{salt}")  # noqa: S311 - moments to kill at, not secrets
    return [round(chance.uniform(0.05, longest_s), 3) for _ in range(count)]


@pytest.mark.parametrize("after_s", instants(REHEARSED_KILLS, longest_s=1.3, salt="rehearsed"))
def test_a_killed_rehearsal_completes_after_resume(tmp_path: Path, after_s: float) -> None:
    env = environment(MARKETEER_REHEARSAL_LATENCY_S=str(LATENCY_S))
    killed = kill_after(after_s, "start", GOAL, "--rehearse", cwd=tmp_path, env=env)
    finish(tmp_path, env, "--rehearse")
    ledger = assert_nothing_lost_or_doubled(tmp_path / "workspace")
    assert len(ledger.estimated) <= (PARALLEL if killed else 0)


@pytest.mark.parametrize("after_s", instants(SERVED_KILLS, longest_s=3.2, salt="served"))
def test_a_killed_goal_completes_after_resume_and_its_bill_covers_the_servers(tmp_path: Path, after_s: float) -> None:
    with fake_claude(tmp_path, "--latency-s", str(LATENCY_S)) as server:
        env = server.environment()
        kill_after(after_s, "start", GOAL, cwd=tmp_path, env=env)
        finish(tmp_path, env)
        assert_the_bill_covers(server, tmp_path)


def finish(folder: Path, env: dict[str, str], *options: str) -> None:
    """What a user does after a crash: resume; or start again, when the goal had not been stored yet."""
    goals = json.loads(run("status", "--json", cwd=folder, env=env).stdout)["goals"]
    again = run("resume", cwd=folder, env=env) if goals else run("start", GOAL, *options, cwd=folder, env=env)
    assert again.returncode == 0, again.stderr


def assert_the_bill_covers(server: Server, folder: Path) -> None:
    ledger = assert_nothing_lost_or_doubled(folder / "workspace")
    asked = len(server.requests)
    assert asked <= len(ledger.settled) + len(ledger.estimated), "a call was made that nobody booked"
    assert asked <= len(ledger.settled) + PARALLEL
