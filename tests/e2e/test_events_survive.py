"""kill -9 around an event loses and doubles nothing, and one id takes effect once from however many processes."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.runtime import open_office
from marketeer.settings import load_settings
from marketeer.testing.doomed import Point
from proofs.lives import KILLED
from tests.e2e.harness import environment, run, wait_until
from tests.support.events import raw_event
from tests.support.waiting import LIMIT_S

# Three of these start a goal each: the others rest, are too small or are mapped to nothing.
EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "drop-1": ("traffic_drop", {"percentageDrop": 30}),
    "drop-2": ("traffic_drop", {"percentageDrop": 40}),
    "small": ("conversion_drop", {"percentageDrop": 3}),
    "post": ("new_blog_post", {}),
    "rival": ("competitor_launch", {}),
    "test": ("ab_test_significant", {}),
}
STARTED = {"drop-1": "SEO Cycle", "post": "Content Production", "rival": "Competitive Response"}

SENDER = """
import asyncio, json, sys
from pathlib import Path
from marketeer.runtime import open_office
from marketeer.settings import load_settings

EVENT = {"id": "same", "type": "traffic_drop", "timestamp": "2026-11-22T12:00:00Z", "source": "tests",
         "data": {"percentageDrop": 50}}

async def main(go):
    async with open_office(load_settings()) as office:
        bus = office.event_bus()
        await bus.rules()
        print("ready", flush=True)
        while not go.exists():
            await asyncio.sleep(0.002)
        receipts = await asyncio.gather(*(bus.receive(EVENT) for _ in range(10)))
        decided = await bus.process()
        print(json.dumps({"new": sum(not one.duplicate for one in receipts), "decided": decided,
                          "outlooks": sorted({str(one.outlook) for one in receipts})}))

asyncio.run(main(Path(sys.argv[1])))
"""

DECIDER = """
import asyncio, sys
from marketeer.testing.doomed import Doom, Point, foresee

foresee(Doom(Point(sys.argv[1]), int(sys.argv[2])))

from marketeer.runtime import open_office
from marketeer.settings import load_settings

async def main():
    async with open_office(load_settings()) as office:
        await office.event_bus().process()

asyncio.run(main())
"""


def doomed(*command: str, cwd: Path) -> int:
    """How a command ended that kills itself."""
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment(), capture_output=True, timeout=LIMIT_S, check=False
    ).returncode


async def new_workspace(folder: Path) -> Path:
    """With its database, so that the first commit of a command is the command's own."""
    workspace = folder / "workspace"
    workspace.mkdir()
    store = SqliteStore(workspace / "marketeer.db")
    await store.open()
    await store.close()
    return workspace


def rows(workspace: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def owed(workspace: Path) -> int:
    return len(rows(workspace, "SELECT 1 FROM events WHERE decided_at IS NULL"))


def send_and_be_killed(workspace: Path, event_id: str, point: Point, *, kept: int) -> None:
    """As a sender does that hears nothing: again, with the same id."""
    event_type, data = EVENTS[event_id]
    pairs = [f"--data={name}={value}" for name, value in data.items()]
    command = ("events", "send", event_type, *pairs, "--id", event_id)
    killed = doomed("-m", "marketeer.testing.doomed", point.value, "1", *command, cwd=workspace.parent)
    assert (killed, len(rows(workspace, "SELECT 1 FROM events"))) == (KILLED, kept)
    answer = run(*command, "--json", cwd=workspace.parent)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["duplicate"] is (point is Point.AFTER_COMMIT)


async def send_the_rest(workspace: Path) -> None:
    async with open_office(load_settings(workspace_dir=workspace)) as office:
        bus = office.event_bus()
        for event_id, (event_type, data) in EVENTS.items():
            await bus.receive(raw_event(id=event_id, type=event_type, data=data))


@contextmanager
def a_daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "marketeer", "start", "--daemon"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.kill()


def test_killed_while_sending_and_while_deciding_every_event_takes_effect_once(tmp_path: Path) -> None:
    workspace = asyncio.run(new_workspace(tmp_path))
    decider = tmp_path / "decider.py"
    decider.write_text(DECIDER)
    send_and_be_killed(workspace, "drop-1", Point.BEFORE_COMMIT, kept=0)
    send_and_be_killed(workspace, "drop-2", Point.AFTER_COMMIT, kept=2)
    asyncio.run(send_the_rest(workspace))
    assert owed(workspace) == len(EVENTS)
    # The first commit is the month's cap, every other one an effect.
    for point, number, left in ((Point.BEFORE_COMMIT, 2, 6), (Point.AFTER_COMMIT, 1, 5), (Point.BEFORE_COMMIT, 3, 3)):
        assert doomed(str(decider), point.value, str(number), cwd=tmp_path) == KILLED
        assert owed(workspace) == left
    with a_daemon(tmp_path) as process:
        wait_until(lambda: owed(workspace) == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    goals = {row["goal_id"]: row["pipeline"] for row in rows(workspace, "SELECT goal_id, pipeline FROM goals")}
    started = {row["event_id"]: goals[row["goal_id"]] for row in rows(workspace, "SELECT * FROM event_goals")}
    assert started == STARTED
    assert len(goals) == len(STARTED)
    entries = rows(workspace, "SELECT data FROM journal WHERE what LIKE 'event_started_%'")
    told = Counter(json.loads(row["data"])["event_id"] for row in entries)
    assert told == Counter(EVENTS.keys())
    assert rows(workspace, "SELECT count(*) AS n FROM event_cooldowns") == [{"n": len(STARTED)}]
    plans = rows(workspace, "SELECT goal_id FROM work_items WHERE kind = 'plan'")
    assert sorted(row["goal_id"] for row in plans) == sorted(goals)


def test_thirty_of_one_id_from_three_processes_take_effect_once(tmp_path: Path) -> None:
    workspace = asyncio.run(new_workspace(tmp_path))
    script, go = tmp_path / "sender.py", tmp_path / "go"
    script.write_text(SENDER)
    senders = [
        subprocess.Popen(
            [sys.executable, str(script), str(go)], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    try:
        for sender in senders:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "ready\n"
        go.touch()
        said = [json.loads(sender.communicate(timeout=LIMIT_S)[0]) for sender in senders]
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()
    assert sum(one["new"] for one in said) == 1
    assert sum(one["decided"] for one in said) == 1
    assert {one for answers in said for one in answers["outlooks"]} == {"('starts a goal: SEO Cycle (P1)',)"}
    assert len(rows(workspace, "SELECT 1 FROM goals")) == 1
    assert len(rows(workspace, "SELECT 1 FROM events WHERE decided_at IS NOT NULL")) == 1
