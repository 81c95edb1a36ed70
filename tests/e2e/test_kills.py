"""kill -9 at any point of a goal loses nothing, doubles nothing and buys no recorded call again: 30 of `make prove`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.migrate import MIGRATIONS
from marketeer.testing.doomed import Point
from proofs.lives import KILLED, Kind, Life, live
from tests.e2e.harness import SEED, Ledger, assert_nothing_lost_or_doubled, environment, run
from tests.integration import desk
from tests.support.waiting import LIMIT_S

GOAL = "Increase signup conversion by 20%"
# Kills of each life, so that none takes longer than a test may.
LIVES = (
    (Kind.REHEARSED, 6),
    (Kind.REHEARSED, 6),
    (Kind.REHEARSED, 6),
    (Kind.SERVED, 4),
    (Kind.SERVED, 4),
    (Kind.PAIRED, 4),
    (Kind.JUDGED, 2),
)


@pytest.mark.parametrize("number", range(len(LIVES)), ids=[f"{kind.name.lower()}-{kills}" for kind, kills in LIVES])
def test_goals_complete_however_often_their_processes_are_killed(tmp_path: Path, number: int) -> None:
    kind, kills = LIVES[number]
    outcome = live(Life(number=number, seed=f"{SEED}-test-{number}", kind=kind, kills=kills), tmp_path)
    assert outcome.kills >= kills


def test_an_answer_that_was_recorded_just_before_the_kill_is_handed_in_without_another_call(tmp_path: Path) -> None:
    """Between the commit that records an answer and the one of all that follows from it there is this moment alone."""
    migrations = len(list(MIGRATIONS.glob("*.sql")))
    # The sixth commit of the work it was, and is looked for from there.
    for number in sorted(range(migrations + 1, migrations + 40), key=lambda number: abs(number - migrations - 6)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert doomed(Point.AFTER_COMMIT, number, folder=folder).returncode == KILLED
        if calls := _calls_of_running_tasks(folder / "workspace"):
            break
    else:
        pytest.fail("no kill fell behind the record of an answer")
    assert run("resume", cwd=folder).returncode == 0
    ledger = assert_nothing_lost_or_doubled(folder / "workspace")
    assert calls <= {call["call_id"] for call in ledger.settled}


def _calls_of_running_tasks(workspace: Path) -> set[str]:
    ledger = Ledger(workspace)
    running = {task["task_id"] for task in ledger.tasks if task["status"] == "running"}
    return {call["call_id"] for call in ledger.settled if call["task_id"] in running}


@pytest.mark.parametrize("point", Point)
def test_a_doomed_process_dies_at_its_point_and_nowhere_else(tmp_path: Path, point: Point) -> None:
    """Else the kills above would prove less than they say."""
    died = doomed(point, 1, folder=tmp_path)
    assert died.returncode == KILLED
    left = [path.name for path in (tmp_path / "workspace").rglob("*.md*")]
    assert bool(left) is (point in (Point.HALF_A_FILE, Point.BEFORE_RENAME, Point.AFTER_RENAME))
    assert any(name.endswith(".md") for name in left) is (point is Point.AFTER_RENAME)


def test_a_doomed_process_whose_point_never_comes_ends_as_ever(tmp_path: Path) -> None:
    ended = doomed(Point.BEFORE_COMMIT, 10_000, folder=tmp_path)
    assert (ended.returncode, "Made:" in ended.stdout) == (0, True)
    assert int(ended.stderr.splitlines()[-1]) > 10


def doomed(point: Point, number: int, *, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "marketeer.testing.doomed", point.value, str(number)]
    desk.add_small_plans(folder / "workspace")
    return subprocess.run(
        [*command, "start", "--pipeline", desk.SOLO, "--rehearse"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
