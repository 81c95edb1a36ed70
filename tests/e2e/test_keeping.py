"""A workspace goes into a backup, comes back and goes on; pruning takes what is old and leaves money and work alone."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import marketeer
from marketeer.adapters.sqlite import pruning
from marketeer.adapters.sqlite.codec import time_text
from marketeer.adapters.system_clock import SystemClock
from marketeer.cli.keeping import age, size
from marketeer.domain.errors import UsageError
from marketeer.engine.executor import EARLIER_RUNS
from tests.e2e.conftest import GOAL, Cli, wait_for_line
from tests.e2e.harness import assert_nothing_lost_or_doubled, end_of
from tests.integration import desk
from tests.support.builders import a_document, a_reservation
from tests.support.events import raw_event

SLOW = {"MARKETEER_REHEARSAL_LATENCY_S": "0.7"}
VERY_SLOW = {"MARKETEER_REHEARSAL_LATENCY_S": "600"}
LONG_AGO = "2020-01-01T00:00:00.000000Z"
MONEY = ("calls", "spend", "reservations", "learnings")
STORIES = ("tasks", "work_items", "documents", "reviews", "approvals", "journal")


def query(workspace: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection, connection:
        return connection.execute(sql, values).fetchall()


def make_old(workspace: Path, *goal_ids: str) -> None:
    for goal_id in goal_ids:
        query(workspace, "UPDATE goals SET finished_at = ? WHERE goal_id = ?", LONG_AGO, goal_id)


def goals_of(workspace: Path) -> list[str]:
    return [goal_id for (goal_id,) in query(workspace, "SELECT goal_id FROM goals ORDER BY created_at")]


def rows_of(workspace: Path, tables: Iterable[str]) -> dict[str, list[tuple[Any, ...]]]:
    sql = "SELECT * FROM {} ORDER BY 1, 2"
    return {table: query(workspace, sql.format(table)) for table in tables}


def files_of(workspace: Path) -> list[str]:
    return sorted(p.relative_to(workspace).as_posix() for p in workspace.rglob("*.md"))


async def rehearsed(folder: Path, count: int = 1, pipeline: str = desk.SOLO) -> list[str]:
    """Rehearsals that came to their end, oldest first."""
    desk.add_small_plans(folder / "workspace")
    results = [
        await marketeer.run_goal(None, pipeline=pipeline, workspace=folder / "workspace", rehearse=True)
        for _ in range(count)
    ]
    return [result.goal_id for result in results]


@pytest.fixture(scope="module")
def finished_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    asyncio.run(rehearsed(folder, pipeline=desk.FAN))
    return folder / "workspace"


@pytest.fixture
def workspace(cli: Cli, finished_workspace: Path) -> Path:
    """A workspace of its own with one finished rehearsal."""
    return shutil.copytree(finished_workspace, cli.folder / "workspace")


# -- backup and restore ----------------------------------------------------------------------------------------


def test_a_backup_taken_while_a_goal_runs_comes_back_elsewhere_and_completes(cli: Cli) -> None:
    with cli.running("start", GOAL, "--rehearse", **SLOW) as process:
        wait_for_line(process, "approved")
        taken = cli("backup", "b.tar.gz", "--json")
        _, out, _ = end_of(process)
    assert (taken.code, taken.document["goals"], taken.document["unfinished"]) == (0, 1, 1)
    assert process.returncode == 0, out
    assert_nothing_lost_or_doubled(cli.folder / "workspace")

    restored = cli("restore", "b.tar.gz", "--workspace", "elsewhere/new")
    assert restored.code == 0
    assert "resume --workspace elsewhere/new" in restored.out
    was, now = (cli("status", "--json", "--workspace", at).document["goals"] for at in ("workspace", "elsewhere/new"))
    assert [goal["goal_id"] for goal in now] == [goal["goal_id"] for goal in was]
    assert (now[0]["status"], was[0]["status"]) == ("running", "completed")
    assert cli("resume", "--workspace", "elsewhere/new").code == 0
    ledger = assert_nothing_lost_or_doubled(cli.folder / "elsewhere/new")
    before = {row[0] for row in query(cli.folder / "workspace", "SELECT call_id FROM calls")}
    assert {call["call_id"] for call in ledger.settled} & before, "what was paid for before the backup is kept"


def test_a_backup_of_a_finished_workspace_is_the_same_workspace(cli: Cli, workspace: Path) -> None:
    new = cli.folder / "new"
    (workspace / "team" / "notes").mkdir(parents=True)
    (workspace / "team" / "notes" / "mine.txt").write_text("mine")
    assert cli("backup", "b.tar.gz").code == 0
    assert cli("restore", "b.tar.gz", "--workspace", "new").code == 0
    assert rows_of(new, (*STORIES, *MONEY)) == rows_of(workspace, (*STORIES, *MONEY))
    assert files_of(new) == files_of(workspace)
    assert (new / "team" / "notes" / "mine.txt").read_text() == "mine"


def test_a_document_that_was_no_file_yet_when_it_was_copied_is_one_after_the_restore(cli: Cli, workspace: Path) -> None:
    report = next(path for path in workspace.rglob("report.md"))
    content = report.read_text()
    report.unlink()
    edited = next(path for path in (workspace / "rehearsal" / "outputs").rglob("*.md"))
    edited.write_text("# Mine\n")
    assert cli("backup", "b.tar.gz").code == 0
    assert cli("restore", "b.tar.gz", "--workspace", "new").code == 0
    assert (cli.folder / "new" / report.relative_to(workspace)).read_text() == content
    assert (cli.folder / "new" / edited.relative_to(workspace)).read_text() == "# Mine\n"


def test_a_backup_needs_a_workspace_and_a_free_name(cli: Cli, finished_workspace: Path) -> None:
    nowhere = cli("backup", "b.tar.gz")
    assert (nowhere.code, "nothing here yet" in nowhere.complaint) == (2, True)
    assert cli.files == []
    shutil.copytree(finished_workspace, cli.folder / "workspace")
    assert cli("backup", "b.tar.gz").code == 0
    again = cli("backup", "b.tar.gz", "--json")
    assert (again.code, "--force" in again.complaint) == (2, True)
    assert cli("backup", "b.tar.gz", "--force").code == 0


def test_restore_never_takes_the_place_of_a_workspace_unasked_nor_of_one_at_work(cli: Cli, workspace: Path) -> None:
    cli("backup", "b.tar.gz")
    there = cli("restore", "b.tar.gz")
    assert (there.code, "--force" in there.complaint) == (2, True)
    with cli.running("start", "Another goal", "--rehearse", **VERY_SLOW) as process:
        wait_for_line(process, "started")
        busy = cli("restore", "b.tar.gz", "--force")
    assert (busy.code, str(process.pid) in busy.complaint) == (2, True)
    forced = cli("restore", "b.tar.gz", "--force", "--json")
    kept = Path(forced.document["kept_before"])
    assert (len(goals_of(workspace)), len(goals_of(kept))) == (1, 2)


def _garbage(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"?" * 5000)


def _another_database(path: Path) -> None:
    query(path.parent, "CREATE TABLE goals (x)")


def _from_the_future(path: Path) -> None:
    query(path.parent, "PRAGMA user_version = 999")


def _with_a_trigger(path: Path) -> None:
    query(path.parent, "CREATE TRIGGER t AFTER UPDATE ON goals BEGIN DELETE FROM calls; END")


def _with_a_path_upwards(path: Path) -> None:
    query(path.parent, "UPDATE documents SET path = '../../evil.md', mirrored = 1 WHERE rowid = 1")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_garbage, "cannot be"),
        (_another_database, "not a database of marketeer"),
        (_from_the_future, "newer marketeer"),
        (_with_a_trigger, "triggers"),
        (_with_a_path_upwards, "out of the workspace"),
    ],
)
def test_a_backup_with_a_bad_database_is_refused_and_leaves_nothing(
    cli: Cli, workspace: Path, change: Callable[[Path], None], complaint: str
) -> None:
    database = cli.folder / "bad" / "marketeer.db"
    database.parent.mkdir()
    if change is not _another_database:
        with closing(sqlite3.connect(workspace / "marketeer.db")) as connection:
            connection.execute("VACUUM INTO ?", (str(database),))
    change(database)
    with tarfile.open(cli.folder / "b.tar.gz", "w:gz") as tar:
        tar.add(database, "marketeer.db")
    before = cli.files
    refused = cli("restore", "b.tar.gz", "--workspace", "new")
    assert (refused.code, complaint in refused.complaint) == (2, True), refused.err
    assert cli.files == before


# -- prune -----------------------------------------------------------------------------------------------------


async def finished(folder: Path, count: int, **values: Any) -> list[str]:
    """Real goals of one skill, one after the other."""
    async with desk.an_office(folder, desk.Clerk()) as office:
        return [(await desk.finish(office, **values)).goal_id for _ in range(count)]


async def test_prune_takes_old_goals_and_leaves_money_learnings_and_files(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    goals = await finished(cli.folder, EARLIER_RUNS + 3)
    make_old(workspace, *goals[:-1])
    money, files, budget = rows_of(workspace, MONEY), files_of(workspace), cli("status", "--json").document["spend"]

    looked = cli("prune", "--older-than", "90d", "--dry-run", "--json").document
    assert rows_of(workspace, MONEY) == money
    told = cli("prune", "--older-than", "90d", "--json").document
    assert (told["goals"], told["tasks"], told["kept"]) == (3, 3, 2)
    assert looked["dry_run"]
    assert not told["dry_run"]
    assert {name: looked[name] for name in ("goals", "rows", "kept")} == {n: told[n] for n in ("goals", "rows", "kept")}
    assert told["freed_bytes"] > 0

    assert rows_of(workspace, MONEY) == money
    assert files_of(workspace) == files
    assert cli("status", "--json").document["spend"] == budget
    assert {goal_id for (goal_id,) in query(workspace, "SELECT DISTINCT goal_id FROM tasks")} == set(goals[3:])
    assert query(workspace, "SELECT goal_id, what FROM journal WHERE goal_id = ?", goals[0]) == [
        (goals[0], "goal_pruned")
    ]
    assert query(workspace, "PRAGMA foreign_key_check") == []
    assert query(workspace, "PRAGMA integrity_check") == [("ok",)]
    head = cli("show", goals[0], "--json").document
    assert (head["status"], head["phases"], head["cost_usd"] > 0) == ("completed", [], True)
    assert cli("prune", "--older-than", "90d", "--json").document["goals"] == 0


async def test_prune_takes_events_decided_long_ago_and_no_others(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    async with desk.an_office(cli.folder, None) as office:
        bus = office.event_bus()
        for event_id in ("old", "young"):
            await bus.receive(raw_event(id=event_id, type="new_blog_post"))
        await bus.process()
        await bus.receive(raw_event(id="owed"))
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection, connection:
        connection.execute("UPDATE events SET received_at = '2020-01-01T00:00:00.000000Z' WHERE event_id != 'young'")
        today = time_text(SystemClock().now())
        connection.execute("UPDATE events SET received_at = ? WHERE event_id = 'young'", (today,))
    looked = cli("prune", "--older-than", "7d", "--dry-run", "--json").document
    told = cli("prune", "--older-than", "7d", "--json").document
    assert looked["rows"].get("events") == told["rows"].get("events") == 1
    assert query(workspace, "SELECT event_id FROM events ORDER BY number") == [("young",), ("owed",)]
    assert query(workspace, "SELECT event_id FROM event_goals") == []
    assert len(query(workspace, "SELECT goal_id FROM goals")) == 1


async def test_a_goal_after_the_pruning_reads_what_earlier_ones_made(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    make_old(workspace, *await finished(cli.folder, EARLIER_RUNS + 2))
    cli("prune", "--older-than", "1y")
    async with desk.an_office(cli.folder, desk.Clerk()) as office:
        latest = await office.store.latest_approved("analytics-tracking", rehearsal=False, limit=EARLIER_RUNS)
        assert len(latest) == EARLIER_RUNS
        for task in latest:
            assert await office.store.document(task.output_path or "", task.output_version) is not None
        done = await desk.finish(office)
        assert done.status.value == "completed"


async def test_of_a_rehearsal_nothing_stays_but_learnings_files_and_a_stub_of_its_journal(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    await finished(cli.folder, 1)  # there is a product context, so that no rehearsal writes one
    oldest, *others = await rehearsed(cli.folder, EARLIER_RUNS + 1)
    make_old(workspace, oldest, *others)
    assert cli("prune", "--older-than", "6m").code == 0
    assert goals_of(workspace)[1:] == others
    for table in ("tasks", "work_items", "documents", "reviews", "calls", "spend"):
        sql = f"SELECT 1 FROM {table} WHERE goal_id = ?"  # noqa: S608 - tables named here
        assert query(workspace, sql, oldest) == [], table
    assert query(workspace, "SELECT what FROM journal WHERE goal_id = ?", oldest) == [("goal_pruned",)]
    assert (workspace / "rehearsal" / "goals" / oldest / "report.md").is_file()


async def test_with_files_the_machines_go_and_an_edited_one_stays(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    oldest, *_ = await finished(cli.folder, EARLIER_RUNS + 1)
    make_old(workspace, oldest)
    token = oldest.rsplit("-", 1)[-1]
    mine = next(path for path in files_of(workspace) if path.startswith("outputs/") and token in path)
    (workspace / mine).write_text("# Mine\n")
    before = files_of(workspace)
    told = cli("prune", "--older-than", "12w", "--files", "--json").document
    assert [path for path in files_of(workspace) if token in path] == [mine]
    assert told["files"] == len(before) - len(files_of(workspace)) == 3
    assert not (workspace / "goals" / oldest).exists()
    assert cli("show", oldest, "--json").document["report_path"] is None


async def test_what_is_unfinished_young_unsettled_or_waited_for_stays(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    async with desk.an_office(cli.folder, desk.Clerk(), context=None) as office:
        founder = await desk.finish(office)  # wrote the product context
        unsettled, waited_for, open_goal = [await desk.submit(office) for _ in range(3)]
        for goal in (unsettled, waited_for):
            await office.cancel(goal.goal_id, by="a test")
        await office.store.reserve(a_reservation(goal_id=unsettled.goal_id))
    make_old(workspace, founder.goal_id, unsettled.goal_id, waited_for.goal_id)
    (task,) = query(workspace, "SELECT * FROM tasks WHERE goal_id = ? LIMIT 1", founder.goal_id)
    _add_task(workspace, task, f"{waited_for.token}-09-x", waited_for.goal_id, depends_on="[]")
    _add_task(workspace, task, f"{open_goal.token}-09-x", open_goal.goal_id, depends_on=f'["{waited_for.token}-09-x"]')
    told = cli("prune", "--older-than", "90d", "--json").document
    assert (told["goals"], told["kept"]) == (0, 3)
    query(workspace, "DELETE FROM reservations")
    query(workspace, "DELETE FROM tasks WHERE goal_id = ?", open_goal.goal_id)
    told = cli("prune", "--older-than", "90d", "--json").document
    assert (told["goals"], told["kept"]) == (2, 1)


def _add_task(workspace: Path, like: tuple[Any, ...], task_id: str, goal_id: str, *, depends_on: str) -> None:
    names = [row[1] for row in query(workspace, "PRAGMA table_info(tasks)")]
    row = dict(zip(names, like, strict=True)) | {"task_id": task_id, "goal_id": goal_id, "depends_on": depends_on}
    row |= {"status": "failed", "finished_at": LONG_AGO, "skill": "none"}
    marks = ", ".join("?" * len(row))
    query(workspace, f"INSERT INTO tasks VALUES ({marks})", *row.values())  # noqa: S608 - question marks only


async def test_old_versions_of_inputs_and_learnings_go_but_for_those_in_use(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    async with desk.an_office(cli.folder, desk.Clerk()) as office:
        for number in range(1, 51):
            for path, kind in (("inputs/numbers.csv", "input"), ("memory/learnings.md", "learnings")):
                await office.store.add_document(a_document(path, kind=kind, content=f"{number}"))
        goal = await desk.submit(office, inputs=(("numbers.csv", "50"),))
    query(workspace, "UPDATE documents SET created_at = ?, mirrored = 1", LONG_AGO)
    query(workspace, "UPDATE goals SET inputs = '[\"inputs/numbers.csv@40\"]' WHERE goal_id = ?", goal.goal_id)
    looked = cli("prune", "--older-than", "90d", "--dry-run", "--json").document
    told = cli("prune", "--older-than", "90d", "--json").document
    assert told["documents"] == looked["documents"] == 39 + 49
    left = query(workspace, "SELECT path, min(version), max(version) FROM documents GROUP BY path")
    assert ("inputs/numbers.csv", 40, 50) in left
    assert ("memory/learnings.md", 50, 50) in left


async def test_pruning_beside_a_goal_at_work_disturbs_nothing(cli: Cli) -> None:
    workspace = cli.folder / "workspace"
    cli("init", "--example")
    _copy_goal(workspace, *await rehearsed(cli.folder), copies=300)
    with cli.running("start", GOAL, "--rehearse", MARKETEER_REHEARSAL_LATENCY_S="0.6") as process:
        wait_for_line(process, "started")
        pruned = cli("prune", "--older-than", "90d")
        _, _, err = end_of(process)
    assert (pruned.code, process.returncode) == (0, 0), err + pruned.err
    assert "removed 298 goals" in pruned.out  # those with the newest outputs stay
    assert "shrink the file" in pruned.out
    (goal,) = [goal for goal in cli("status", "--json").document["goals"] if goal["description"] == GOAL]
    assert (goal["status"], goal["tasks_completed"]) == ("completed", goal["tasks_total"])
    assert query(workspace, "PRAGMA foreign_key_check") == []
    before = (workspace / "marketeer.db").stat().st_size
    again = cli("prune", "--older-than", "90d")
    assert "removed 1 goal " in again.out  # the one whose output the new goal's has pushed out of the newest
    assert (workspace / "marketeer.db").stat().st_size < before / 2


def _copy_goal(workspace: Path, goal_id: str, *, copies: int) -> None:
    """The goal, so many times, finished long ago: its token replaced wherever it stands."""
    token = goal_id.rsplit("-", 1)[-1]
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection, connection:
        for table in ("goals", *STORIES, "calls", "spend"):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            names = [name for name in names if name != "entry_id"]
            columns, marks = ", ".join(names), ", ".join("?" * len(names))
            sql = f"SELECT {columns} FROM {table} WHERE goal_id = ?"  # noqa: S608 - names from the schema
            rows = connection.execute(sql, (goal_id,)).fetchall()
            sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names from the schema
            for number in range(copies):
                connection.executemany(sql, [[_renamed(v, token, f"copy{number}") for v in row] for row in rows])
        connection.execute("UPDATE goals SET finished_at = ?", (LONG_AGO,))


def _renamed(value: Any, token: str, new: str) -> Any:
    return value.replace(token, new) if isinstance(value, str) else value


def test_a_bad_age_is_one_line_and_exit_2(cli: Cli) -> None:
    refused = cli("prune", "--older-than", "90 days")
    assert (refused.code, "90d" in refused.complaint) == (2, True)
    assert cli("prune").code == 2
    assert cli.files == []


@pytest.mark.parametrize("words", ["", "90", "d", "0d", "-3d", "1.5y", "90 days", "99999y", "٣d"])
def test_what_is_no_age_is_refused(words: str) -> None:
    with pytest.raises(UsageError, match="such as 90d"):
        age(words)


def test_ages_and_sizes_in_words() -> None:
    assert [age(words).days for words in ("90d", "12w", " 6M ", "1y")] == [90, 84, 180, 365]
    assert [size(count) for count in (0, 999, 1_500, 2_500_000, 7_200_000_000)] == [
        *("0 bytes", "999 bytes", "1.5 KB", "2.5 MB", "7.2 GB"),
    ]


# -- what must not be forgotten --------------------------------------------------------------------------------


async def test_pruning_knows_every_table_that_tells_of_a_goal(cli: Cli) -> None:
    """When this fails, say in `adapters/sqlite/pruning.py` what becomes of the new table's rows."""
    await finished(cli.folder, 1)
    schema = query(cli.folder / "workspace", "SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    known = {table for table, _ in (*pruning._GOAL_ROWS, *pruning._REHEARSAL_ROWS)}
    known -= {"deliveries"}  # they hang on notices
    known |= {"journal", "journal_heads", "reservations", "learnings", "firings", "events", "event_goals"}
    assert {name for name, sql in schema if "goal_id" in sql or "task_id" in sql} == known


def test_as_many_earlier_outputs_are_kept_as_a_task_reads() -> None:
    assert pruning.KEPT_RUNS >= EARLIER_RUNS
