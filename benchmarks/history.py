"""Whether a long past slows the present: the same goal in an empty workspace and in one full of finished work."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Place, Result, spread
from benchmarks.processes import child, cli, environment, fake_claude, with_key
from benchmarks.processes import run as run_process
from benchmarks.workspaces import CHAIN, GOAL, answer, make_workspace

LIMIT = 1.2
TASKS_A_GOAL = 20
DATABASE = "marketeer.db"
# Finished work is spread over this many days, the youngest today.
DAYS = 700
NEW_ID = "printf('h%07d', n)"
NEW_DAY = "date('now', '-' || (n % :days) || ' days')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    tasks: int = 100_000
    chars: int = 4_000
    runs: int = 9
    warm: bool = True
    options: tuple[str, ...] = ()


FULL = Size()
TINY = Size(tasks=200, chars=0, runs=1, warm=False, options=("--rehearse",))


def run(place: Place, size: Size = FULL) -> Result:
    folder = place.sub("history")
    empty, full = make_workspace(place.sub("history-empty")), make_workspace(place.sub("history-full"))
    began = time.perf_counter()
    finished = fill(full, size, place)
    filled_s = time.perf_counter() - began
    with fake_claude(folder, answer()) as server:
        env = with_key(server.url)
        times: dict[Path, list[float]] = {empty: [], full: []}
        if size.warm:
            for workspace in times:
                _one_goal(workspace, env, size.options)
        for _ in range(size.runs):
            for workspace, taken in times.items():
                taken.append(_one_goal(workspace, env, size.options))
    bytes_mb = (full / DATABASE).stat().st_size / 1e6
    before, after = median(times[empty]), median(times[full])
    return Result(
        name="history",
        method="A goal of 4 tasks, from the start of its process to the end, in turn in both workspaces; the "
        f"calls take no time. The full one has {finished} finished tasks in {finished // TASKS_A_GOAL} "
        f"goals over {DAYS} days with everything the store keeps of them ({bytes_mb:.0f} MB, made in "
        f"{filled_s:.0f} s by copying the rows of a real goal; their mirrored files are left out).",
        figures=(
            Figure(what="full over empty", value=after / before, unit="times", limit=LIMIT),
            Figure(what="in the empty workspace", value=before, unit="s", note=spread(times[empty], "s", 2)),
            Figure(what="in the full workspace", value=after, unit="s", note=spread(times[full], "s", 2)),
            Figure(what="all metrics of the full workspace", value=_metrics_s(full), unit="s"),
        ),
    )


def _one_goal(workspace: Path, env: dict[str, str], options: Sequence[str]) -> float:
    began = time.perf_counter()
    command = cli("start", GOAL, "--pipeline", CHAIN, "--workspace", str(workspace), *options)
    run_process(command, cwd=workspace, env=env)
    return time.perf_counter() - began


def _metrics_s(workspace: Path) -> float:
    """A scrape is read beside the work, on a thread; this is the whole command."""
    began = time.perf_counter()
    run_process(cli("metrics", "--prometheus", "--workspace", str(workspace)), cwd=workspace, env=environment())
    return time.perf_counter() - began


def fill(workspace: Path, size: Size, place: Place) -> int:
    """Finish a goal of 20 tasks, then copy all of its rows under new ids and days. Returns the tasks now there."""
    arguments = {"tasks": TASKS_A_GOAL, "chars": size.chars, "words": 0, "parallel": 8, "profile": False}
    child("throughput", arguments | {"workspace": str(workspace)}, cwd=place.folder)
    shutil.rmtree(workspace / "outputs")
    with closing(sqlite3.connect(workspace / DATABASE)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        (goal_id,) = connection.execute("SELECT goal_id FROM goals").fetchone()
        with connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                _copy_rows(connection, table, goal_id, size.tasks // TASKS_A_GOAL - 1)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (tasks,) = connection.execute("SELECT count(*) FROM tasks WHERE status = 'approved'").fetchone()
    return int(tasks)


def _renewed(column: str) -> str:
    return f"replace(replace({column}, :token, {NEW_ID}), :day, {NEW_DAY})"


def _copy_rows(connection: sqlite3.Connection, table: str, goal_id: str, copies: int) -> None:
    """Every row of the goal, so many times, with its token and its day replaced wherever they stand."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    if "goal_id" not in [name for _, name, *_ in columns]:
        return
    keys = [(name, kind) for _, name, kind, _, _, key in columns if key]
    kept = [
        (name, kind) for _, name, kind, *_ in columns if keys != [(name, "INTEGER")]
    ]  # such a key SQLite counts itself
    values = [_renewed(name) if kind == "TEXT" else name for name, kind in kept]
    connection.execute(
        "WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < :copies)"  # noqa: S608 - names from the schema
        f" INSERT INTO {table} ({', '.join(name for name, _ in kept)})"
        f" SELECT {', '.join(values)} FROM copies, (SELECT * FROM {table} WHERE goal_id = :goal_id) AS template",
        {
            "copies": copies,
            "token": goal_id.rsplit("-", 1)[-1],
            "day": time.strftime("%Y-%m-%d", time.gmtime()),
            "days": DAYS,
            "goal_id": goal_id,
        },
    )
