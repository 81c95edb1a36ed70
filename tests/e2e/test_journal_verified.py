"""`marketeer journal verify`: nothing done to a journal goes unnoticed, and nothing the product does looks like it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import marketeer
from marketeer.adapters.sqlite.migrate import MIGRATIONS
from tests.e2e.conftest import Cli, wait_for_line
from tests.e2e.harness import end_of, environment
from tests.integration import desk

LONG_AGO = "2020-01-01T00:00:00.000000Z"
ROUNDS = 15
WRITERS = ("ada", "bob", "eve", "killed")
# Pauses and unpauses a goal, as fast as it can, in the name of its second argument. The one to be killed never ends.
WRITER = f"""
import asyncio, sys
from pathlib import Path
from marketeer.domain.errors import UsageError
from marketeer.runtime import open_office
from marketeer.settings import load_settings

async def main(workspace, who, *goal_ids):
    async with open_office(load_settings(workspace_dir=Path(workspace))) as office:
        print("ready", flush=True)
        for number in range(10**9 if who == "killed" else {ROUNDS}):
            for goal_id in goal_ids:
                try:
                    await office.pause(goal_id, paused=number % 2 == 0, by=who)
                except UsageError:
                    pass  # another was first

asyncio.run(main(*sys.argv[1:]))
"""


def execute(workspace: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection, connection:
        return connection.execute(sql, values).fetchall()


def forced(workspace: Path, sql: str, *values: object) -> None:
    """As somebody would who has the file and knows SQL: the triggers go first."""
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql, values)


async def rehearsed(cli: Cli) -> str:
    desk.add_small_plans(cli.folder / "workspace")
    result = await marketeer.run_goal(None, pipeline=desk.SOLO, workspace=cli.folder / "workspace", rehearse=True)
    return result.goal_id


def verified(cli: Cli, *arguments: str) -> list[tuple[str, int]]:
    """The flaws found: (kind, number of the entry)."""
    result = cli("journal", "verify", "--json", *arguments)
    assert result.code == (1 if result.document["flaws"] else 0)
    assert result.document["ok"] is not bool(result.document["flaws"])
    return [(flaw["kind"], flaw["number"]) for flaw in result.document["flaws"]]


TAMPERING: dict[str, tuple[str, list[tuple[str, int]]]] = {
    "who did it": ("UPDATE journal SET who = 'ada' WHERE goal_id = ? AND number = 3", [("changed", 3)]),
    "when": (
        "UPDATE journal SET at = '2026-01-01T00:00:00.000000Z' WHERE goal_id = ? AND number = 1",
        [("changed", 1)],
    ),
    "an entry in between": ("DELETE FROM journal WHERE goal_id = ? AND number = 4", [("removed", 4)]),
    "the first entries": ("DELETE FROM journal WHERE goal_id = ? AND number < 4", [("removed", 1)]),
    "the last entry": (
        "DELETE FROM journal WHERE entry_id = (SELECT max(entry_id) FROM journal WHERE goal_id = ?)",
        [("removed", -1)],
    ),
    "all of it": ("DELETE FROM journal WHERE goal_id = ?", [("removed", 1)]),
    "a forged approval": (
        (
            "INSERT INTO journal (goal_id, at, what, who, data, number, hash)"
            " SELECT goal_id, at, 'approval_approved', 'ada', '{}', 5, hash FROM journal WHERE goal_id = ? LIMIT 1"
        ),
        [("inserted", 5)],
    ),
    "a further entry": (
        "INSERT INTO journal (goal_id, at, what, who, data, number, hash) VALUES (?, '2026', 'x', 'ada', '{}', 0, '')",
        [("inserted", 0)],
    ),
    "the head": ("UPDATE journal_heads SET hash = 'ff' WHERE goal_id = ?", [("changed", -1)]),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two goals, made once."""
    folder = tmp_path_factory.mktemp("journals")
    for _ in range(2):
        desk.add_small_plans(folder / "workspace")
        done = Cli(folder=folder)("start", "--pipeline", desk.SOLO, "--rehearse")
        assert done.code == 0, done.err
    return folder / "workspace" / "marketeer.db"


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_done_to_a_journal_is_named(kept: Path, tmp_path: Path, what: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with closing(sqlite3.connect(kept)) as source, closing(sqlite3.connect(workspace / "marketeer.db")) as copy:
        source.backup(copy)
    cli = Cli(folder=tmp_path)
    (goal_id, last), _ = execute(workspace, "SELECT goal_id, number FROM journal_heads ORDER BY goal_id")
    sql, expected = TAMPERING[what]
    forced(workspace, sql, goal_id)
    result = cli("journal", "verify", "--json")
    flaws = [(flaw["kind"], flaw["number"]) for flaw in result.document["flaws"]]
    assert flaws == [(kind, last if number == -1 else number) for kind, number in expected]
    assert {flaw["goal_id"] for flaw in result.document["flaws"]} == {goal_id}
    assert result.code == 1


async def test_a_journal_left_alone_is_sound_and_verify_says_so_in_words(cli: Cli) -> None:
    first, second = await rehearsed(cli), await rehearsed(cli)
    assert verified(cli) == verified(cli, first) == []
    result = cli("journal", "verify")
    assert (result.code, "2 journals: all as they were written" in result.out) == (0, True)
    workspace = cli.folder / "workspace"
    (head,) = execute(workspace, "SELECT hash FROM journal_heads WHERE goal_id = ?", second)[0]
    assert f"head {head}" in cli("journal", "verify", "last").out
    forced(workspace, "UPDATE journal SET why = 'other words' WHERE goal_id = ? AND number = 2", second)
    assert verified(cli, first) == []
    result = cli("journal", "verify")
    assert (result.code, f"{second}  entry 2 (" in result.out, "1 flaw" in result.out) == (1, True, True)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE journal SET who = 'ada'", "cannot be changed"),
        ("DELETE FROM journal", "cannot be removed"),
        ("DELETE FROM journal WHERE number = 1", "cannot be removed"),
        (
            "INSERT INTO journal (goal_id, at, what, who, data) VALUES ('g', 't', 'w', 'h', '{}')",
            "NOT NULL constraint failed: journal.number",
        ),
    ],
)
def test_the_database_itself_refuses_to_change_the_journal(kept: Path, sql: str, why: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=why):
        execute(kept.parent, sql)


async def test_backup_restore_and_pruning_leave_journals_that_can_be_verified(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    goals = [await rehearsed(cli) for _ in range(5)]
    assert cli("backup", "copy.tar.gz").code == 0
    assert cli("restore", "copy.tar.gz", "--workspace", "elsewhere").code == 0
    assert verified(cli, "--workspace", "elsewhere") == []
    execute(workspace, "UPDATE goals SET finished_at = ?", LONG_AGO)
    before = dict(execute(workspace, "SELECT goal_id, number FROM journal_heads"))
    pruned = cli("prune", "--older-than", "90d", "--json").document
    assert pruned["goals"] > 0
    assert verified(cli) == []
    stubs = execute(workspace, "SELECT goal_id, number, data FROM journal WHERE what = 'goal_pruned'")
    assert len(stubs) == pruned["goals"]
    assert all(number == before[goal_id] + 1 for goal_id, number, _ in stubs)
    assert pruned["rows"]["journal"] == sum(before[goal_id] for goal_id, _, _ in stubs)
    gone = stubs[0][0]
    assert gone in goals
    forced(workspace, "UPDATE journal SET data = replace(data, '\"tasks\"', '\"task\"') WHERE goal_id = ?", gone)
    assert verified(cli) == [("changed", before[gone] + 1)]


def test_a_database_from_before_the_chain_is_chained_when_it_is_opened(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    workspace.mkdir()
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection:
        connection.executescript((MIGRATIONS / "0001_initial.sql").read_text() + "PRAGMA user_version = 1;")
        rows = [(f"g{n % 3}", f"2026-11-22T12:00:0{n}.000000Z", f"what{n}", None, "{}") for n in range(9)]
        sql = "INSERT INTO journal (goal_id, at, what, who, why, data) VALUES (?, ?, ?, 'ada', ?, ?)"
        connection.executemany(sql, rows)
        connection.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'journal'")
        connection.commit()
    document = cli("journal", "verify", "--json").document
    assert (document["ok"], [head["entries"] for head in document["journals"].values()]) == (True, [3, 3, 3])
    told = cli("journal", "--json", "--all").document["entries"]
    assert [entry["what"] for entry in told] == [f"what{n}" for n in range(9)]
    assert execute(workspace, "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") == [(40,)]
    forced(workspace, "UPDATE journal SET what = 'other' WHERE entry_id = 5")
    assert verified(cli) == [("changed", 2)]


def race(workspace: Path, script: Path, *goal_ids: str) -> list[int]:
    """Four writers at once, the last of them killed; their exit codes."""
    command = [sys.executable, str(script), str(workspace)]
    writers = [
        subprocess.Popen([*command, name, *goal_ids], env=environment(), stdout=subprocess.PIPE, text=True)
        for name in WRITERS
    ]
    for writer in writers:
        wait_for_line(writer, "ready")
    writers[-1].send_signal(signal.SIGKILL)
    for writer in writers:
        end_of(writer)
    return [writer.returncode for writer in writers]


async def test_three_processes_write_one_chain_even_when_a_fourth_is_killed(tmp_path: Path) -> None:
    async with desk.an_office(tmp_path, None) as office:
        ids = [(await desk.submit(office, rehearsal=True)).goal_id for _ in range(2)]
    workspace, script = tmp_path / "workspace", tmp_path / "writer.py"
    script.write_text(WRITER)
    assert race(workspace, script, *ids) == [0, 0, 0, -signal.SIGKILL]
    result = Cli(folder=tmp_path)("journal", "verify", "--json")
    assert (result.code, result.document["flaws"]) == (0, [])
    who = {name for (name,) in execute(workspace, "SELECT DISTINCT who FROM journal")}
    assert len(who & set(WRITERS)) >= 2, "they hardly met"
    numbers = execute(workspace, "SELECT goal_id, number FROM journal ORDER BY entry_id")
    for goal_id in ids:
        own = [number for owner, number in numbers if owner == goal_id]
        assert own == list(range(1, len(own) + 1))
