"""Workers on one workspace, with a real Redis that fails and colleagues that die: part of `make prove NAMES=redis`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from marketeer.testing import RedisServer
from proofs import daemons
from proofs.crew import a_crew
from proofs.many_hands import Loss, Outage, die, sleep_through, survive
from tests.e2e.conftest import Cli, Inside
from tests.e2e.harness import SEED, environment, fake_claude, run, wait_until
from tests.support.waiting import LIMIT_S

LEASE_S = "3"
SOLO = ("--pipeline", "Solo")
LOST = "SELECT 1 FROM conditions WHERE name = 'queue_down'"
BUILT_IN = ("--pipeline", "Director Morning Review")


@pytest.mark.parametrize("loss", Loss, ids=[loss.name.lower() for loss in Loss])
def test_goals_complete_whatever_becomes_of_redis(tmp_path: Path, loss: Loss) -> None:
    survive(Outage(loss=loss, at_s=0.5, down_s=1.0), tmp_path)


def test_steps_of_a_killed_worker_are_done_by_another_exactly_once(tmp_path: Path) -> None:
    done = die(tmp_path, goals=1, deaths=2, every_s=1.0, seed=SEED, lease_s=float(LEASE_S))
    assert done.tasks > 1


def test_what_a_sleeping_worker_brings_too_late_is_booked_and_changes_nothing(tmp_path: Path) -> None:
    assert sleep_through(tmp_path, lease_s=float(LEASE_S)) == 1


async def test_daemons_side_by_side_answer_slots_and_webhooks_once_and_do_each_goal_once_though_one_is_killed(
    tmp_path: Path,
) -> None:
    size = daemons.Size(daemons=2, slots=4, events=8, senders=4, kills=1, life_s=(0.5, 1.0), lease_s=float(LEASE_S))
    outcome = await daemons.watch(size, SEED, tmp_path)
    assert (outcome.kills, len(outcome.sent)) == (1, 8)
    assert daemons.proof(outcome).figures


def test_workers_share_what_others_begin_until_they_leave(tmp_path: Path) -> None:
    with a_crew(tmp_path, latency_s=0.1) as crew:
        alone = run("start", *SOLO, "--rehearse", "--no-work", cwd=tmp_path, env=crew.env)
        assert alone.returncode == 4
        assert "nobody works here yet" in alone.stderr
        first, second = crew.hire_all(2, 1)
        crew.wait_until_completed()

        done = run("start", *SOLO, "--rehearse", "--json", cwd=tmp_path, env=crew.env)
        assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "completed")
        listed = json.loads(run("workers", "--json", cwd=tmp_path, env=crew.env).stdout)["workers"]
        assert {(each["pid"], each["parallel"], each["alive"]) for each in listed} == {
            (first.pid, 2, True),
            (second.pid, 1, True),
        }

        shown = run("start", *SOLO, "--rehearse", "--no-work", cwd=tmp_path, env=crew.env)
        assert (shown.returncode, "approved" in shown.stdout) == (0, True)

        # Who knows no Redis follows them, and cannot work beside them.
        without = {name: value for name, value in crew.env.items() if name != "REDIS_URL"}
        followed = run("start", *SOLO, "--rehearse", cwd=tmp_path, env=without)
        assert (followed.returncode, "following it" in followed.stdout) == (0, True)
        refused = run("resume", cwd=tmp_path, env=without)
        assert (refused.returncode, "already works" in refused.stderr) == (2, True)

        first.terminate()
        second.send_signal(signal.SIGINT)
        assert (first.wait(timeout=LIMIT_S), second.wait(timeout=LIMIT_S)) == (0, 0)
        assert "Nobody works here" in run("workers", cwd=tmp_path, env=crew.env).stdout


def test_health_is_limited_while_redis_is_away_and_knows_how_work_flows(tmp_path: Path) -> None:
    def found() -> dict[str, Any]:
        document: dict[str, Any] = json.loads(run("health", "--json", cwd=tmp_path, env=crew.env).stdout)
        return document

    with a_crew(tmp_path, latency_s=0.1) as crew:
        crew.hire()
        crew.submit_all(["Solo"])
        crew.wait_until_completed()
        flow = found()["queue"]
        assert (flow["waiting"], flow["active"], flow["failed"]) == (0, 0, 0)
        assert flow["completed"] >= 1
        assert flow["processing_s"]["p50"] >= 0
        crew.server.kill()
        wait_until(lambda: bool(crew.rows(LOST)))
        away = found()
        (queue,) = (each for each in away["components"] if each["component"] == "queue")
        assert away["level"] == "limited"
        assert "out of reach since" in queue["reason"]
        assert str(crew.server.port) in queue["reason"]
        crew.server.start()
        wait_until(lambda: not crew.rows(LOST))
        assert found()["level"] == "full"
        entries = json.loads(run("journal", "--goal", "workspace", "--json", cwd=tmp_path, env=crew.env).stdout)
        assert [each["what"] for each in entries["entries"]] == ["queue_lost", "queue_back"]


def test_a_redis_that_cannot_be_used_is_named_with_a_remedy_and_nothing_is_begun(cli: Cli) -> None:
    with RedisServer(password="open-sesame") as server:
        host, port = "127.0.0.1", str(server.port)
        wrong = cli("start", *BUILT_IN, "--rehearse", REDIS_HOST=host, REDIS_PORT=port, REDIS_PASSWORD="wrong")
        assert (wrong.code, f"{host}:{port}" in wrong.complaint, "REDIS_PASSWORD" in wrong.complaint) == (2, True, True)
        assert "wrong" not in wrong.complaint
    gone = cli("worker", REDIS_URL=f"redis://:open-sesame@{host}:{port}/0")
    assert (gone.code, f"{host}:{port}" in gone.complaint, "unset REDIS_HOST" in gone.complaint) == (2, True, True)
    assert "open-sesame" not in gone.complaint
    assert cli.files == []


def test_the_doctor_tries_whether_redis_can_be_worked_with(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        inside("start", *BUILT_IN, "--rehearse", "--detach")
        server.command("CONFIG", "SET", "maxmemory", "1")
        sick = inside("doctor")
        assert (sick.code, "has its memory full" in sick.out) == (2, True)


def test_a_worker_without_redis_says_what_to_set(cli: Cli) -> None:
    refused = cli("worker")
    assert (refused.code, "REDIS_HOST" in refused.complaint) == (2, True)
    assert cli("worker", "--concurrency", "0", REDIS_HOST="127.0.0.1").code == 2


def test_real_calls_keep_to_the_pace_whoever_makes_them(tmp_path: Path) -> None:
    with (
        fake_claude(tmp_path, "--latency-s", "0.2") as server,
        a_crew(tmp_path, settings={**server.settings, "MARKETEER_CALLS_AT_ONCE": "1"}) as crew,
    ):
        crew.hire(3)
        done = run("start", "--pipeline", "Conversion Sprint", "--no-work", cwd=tmp_path, env=crew.env)
        assert done.returncode == 0, done.stderr
        calls = crew.rows("SELECT julianday(settled_at) * 86400, latency_s FROM calls ORDER BY settled_at")
    ends = [end for end, _ in calls]
    begins = [end - took for end, took in calls]
    assert len(calls) > 3
    assert all(begin > end - 0.1 for begin, end in zip(begins[1:], ends, strict=False)), "two calls ran at once"


def test_who_does_not_work_with_redis_does_not_pay_for_it(tmp_path: Path) -> None:
    names = ("sys", "marketeer.runtime", "marketeer.cli.start", "marketeer.cli.worker", "marketeer.cli.workers")
    code = f"import {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert not {"redis", "bullmq", "marketeer.logs", "marketeer.engine.session"} & set(loaded.stdout.split())
