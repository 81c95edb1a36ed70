"""`start --detach`: a goal is stored for whoever works here."""

from __future__ import annotations

import sqlite3

from tests.e2e.conftest import GOAL, Cli, Inside
from tests.e2e.harness import end_of


def test_a_detached_goal_is_stored_with_its_plan_owed_and_its_id_is_all_that_is_printed(inside: Inside) -> None:
    done = inside("start", "--detach", "--rehearse", "--priority", "P0", GOAL)
    goal_id = done.out.strip()
    assert done.code == 0
    assert "nobody works here" in done.err
    assert f"marketeer resume {goal_id}" in done.err
    shown = inside("show", goal_id, "--json").document
    assert (shown["status"], shown["priority"], shown["rehearsal"]) == ("planning", "P0", True)
    with sqlite3.connect(inside.folder / "workspace" / "marketeer.db") as database:
        assert database.execute("SELECT kind FROM work_items").fetchall() == [("plan",)]
    database.close()
    assert inside("resume", goal_id).code == 0


def test_with_json_it_prints_the_goals_document(inside: Inside) -> None:
    done = inside("start", "--detach", "--rehearse", "--json", GOAL)
    assert (done.code, done.document["status"]) == (0, "planning")
    assert inside("show", "last", "--json").document["goal_id"] == done.document["goal_id"]


def test_it_needs_no_key_because_this_process_does_not_work(inside: Inside) -> None:
    assert inside("start", "--detach", GOAL).code == 0


def test_it_checks_what_is_asked_as_start_does_and_then_stores_nothing(inside: Inside) -> None:
    for words in ((" ",), (GOAL, "--priority", "P9"), (GOAL, "--budget", "lots"), (GOAL, "--dry-run"), ()):
        refused = inside("start", "--detach", *words)
        assert (refused.code, refused.out) == (2, "")
    assert not (inside.folder / "workspace").exists()


def test_it_says_that_a_daemon_takes_the_goal_up(cli: Cli) -> None:
    with cli.running("start", "--daemon") as daemon:
        assert daemon.stderr is not None
        assert any("webhooks and goals" in line for line in daemon.stderr)
        stored = cli("start", "--detach", "--rehearse", "--pipeline", "Social Content")
        assert f"process {daemon.pid} works here and takes it up" in stored.err
        followed = cli("follow", stored.out.strip())
        daemon.terminate()
        end_of(daemon)
    assert (followed.code, daemon.returncode) == (0, 0)
