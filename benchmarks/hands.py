"""What the queue of many hands costs: pace and delay beside the embedded one, a goal's time, and workers that idle."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.figures import Figure, Place, Result, spread
from benchmarks.memory_use import resident_mb
from benchmarks.processes import LIMIT_S, child, child_command, cli, environment, fake_claude, with_key
from benchmarks.workspaces import CHAIN, GRID, ONE, TWENTY, answer, make_workspace
from marketeer.testing import RedisServer

MAKESPAN = 1.15
COMMANDS_A_SECOND = 5
# What the makespan is held against: so many calls have to wait for each other.
SHAPES = (("4 calls in a row", CHAIN, 4), ("3 x 3 calls", GRID, 3))
WORDS = 300
# Connections, imports and the first files are no part of what is measured.
WARM_UP = 2
LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`teams` are numbers of workers: `singles` goals of one task follow each other, then `tasks` in goals of 20 come
    at once. `team` workers do the goals of `shapes` and then idle."""

    teams: tuple[int, ...] = (1, 2, 4)
    team: int = 2
    singles: int = 100
    tasks: int = 400
    parallel: int = 8
    call_s: float = 0.2
    deltas: int = 20
    runs: int = 7
    shapes: tuple[tuple[str, str, int], ...] = SHAPES
    idle_s: float = 30.0


FULL = Size()
TINY = Size(teams=(1,), team=1, singles=2, tasks=20, call_s=0.02, deltas=3, runs=1, shapes=SHAPES[1:], idle_s=2.5)


def run(place: Place, size: Size = FULL) -> Result:
    asked = {"single": ONE, "singles": size.singles, "large": TWENTY, "larges": size.tasks // 20}
    workspace = make_workspace(place.sub("hands-embedded"))
    embedded = child("alone", {"workspace": str(workspace), "parallel": size.parallel, **asked}, cwd=place.folder)
    return Result(
        name="hands",
        method=f"{size.singles} goals of one task, each handed in when the one before is finished, then {size.tasks} "
        f"tasks in goals of 20 at once, with a model that answers at once: embedded in one process, through Redis by "
        f"workers of {size.parallel} steps at once each. The goal's time is that of a goal "
        f"that another process hands in to {size.team} idle workers, with answers of {WORDS} words in "
        f"{size.call_s * 1000:g} ms.",
        figures=(
            *_of_queue("embedded", embedded),
            *(figure for team in size.teams for figure in _of_queue(_named(team), _by_team(place, size, team, asked))),
            *_of_real_workers(place, size),
        ),
    )


def _named(team: int) -> str:
    return f"Redis, {team} worker{'s' * (team > 1)}"


def _of_queue(name: str, found: Mapping[str, Any]) -> Iterator[Figure]:
    yield Figure(what=f"{name}", value=found["tasks"] / found["task_s"], unit="tasks/s")
    waits, ends = found["waits_s"], [each["approved_s"] for each in found["singles"]]
    for what, values in (("taken up", waits), ("approved", ends)):
        p50, p99 = _shares(values)
        yield Figure(
            what=f"{name}, handed in to {what}, p50", value=p50 * 1000, unit="ms", note=f"p99 {p99 * 1000:.0f} ms"
        )


def _shares(values: Sequence[float]) -> tuple[float, float]:
    """The middle, and what one in a hundred exceeds."""
    return median(values), quantiles(values, n=100, method="inclusive")[-1]


def _by_team(place: Place, size: Size, team: int, asked: Mapping[str, Any]) -> dict[str, Any]:
    workspace = make_workspace(place.sub(f"hands-{team}"))
    with RedisServer() as server:
        where = {"workspace": str(workspace), "redis": server.url}
        command = child_command("hand", {**where, "parallel": size.parallel})
        with _working(workspace, [command] * team, environment()):
            return child("patron", {**where, **asked}, cwd=place.folder)


def _of_real_workers(place: Place, size: Size) -> Iterator[Figure]:
    """As users start them, with a key: first at work, then idle."""
    options = ("--stream-s", str(size.call_s), "--deltas", str(size.deltas))
    workspace = make_workspace(place.sub("hands-real"))
    with RedisServer() as server, fake_claude(place.sub("hands"), answer(words=WORDS), *options) as claude:
        worker = cli("worker", "--concurrency", str(size.parallel), "--workspace", str(workspace))
        env = with_key(claude.url, REDIS_URL=server.url)
        with _working(workspace, [worker] * size.team, env) as pids:
            for shape in size.shapes:
                yield _makespan(place, size, {"workspace": str(workspace), "redis": server.url}, *shape)
            yield from _idle(size, server, pids)


def _makespan(place: Place, size: Size, where: Mapping[str, str], name: str, pipeline: str, calls: int) -> Figure:
    asked = {"single": pipeline, "singles": WARM_UP + size.runs, "large": ONE, "larges": 0}
    singles = child("patron", {**where, **asked}, cwd=place.folder)["singles"][WARM_UP:]
    ratios = [each["report_s"] / (calls * size.call_s) for each in singles]
    return Figure(
        what=f"{name} of {size.call_s * 1000:g} ms, handed in to the report",
        value=median(ratios),
        unit="times the calls",
        limit=MAKESPAN,
        note=spread(ratios, ""),
    )


def _idle(size: Size, server: RedisServer, pids: Sequence[int]) -> Iterator[Figure]:
    server.command("CONFIG", "RESETSTAT")
    time.sleep(size.idle_s)
    counts = _commands(server)
    held = [resident_mb(pid) for pid in pids]
    most = ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda each: -each[1])[:4])
    yield Figure(
        what="Redis commands of an idle worker",
        value=sum(counts.values()) / size.idle_s / len(pids),
        unit="a second",
        limit=COMMANDS_A_SECOND,
        note=f"{len(pids)} workers, {size.idle_s:g} s, scripts' own commands included: {most}",
    )
    yield Figure(
        what="memory of a worker that idles after its work", value=median(held), unit="MB", note=spread(held, "MB", 1)
    )


def _commands(server: RedisServer) -> dict[str, int]:
    """How often each was called since the last reset, but for what we ask ourselves."""
    told = re.findall(r"cmdstat_([\w|-]+):calls=(\d+)", server.command("INFO", "commandstats").decode())
    return {name: int(count) for name, count in told if not name.startswith(("config", "info"))}


@contextmanager
def _working(workspace: Path, commands: Sequence[Sequence[str]], env: Mapping[str, str]) -> Iterator[list[int]]:
    """The pids of workers that all stand on the roll, and are stopped when the block ends."""
    log = workspace.with_suffix(".log")
    with log.open("w") as out:
        processes = [
            subprocess.Popen(command, cwd=workspace.parent, env=env, stdout=out, stderr=out) for command in commands
        ]
        try:
            pids = [process.pid for process in processes]
            _await_roll(workspace, processes, log)
            yield pids
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=LIMIT_S)


def _await_roll(workspace: Path, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
    wanted = {process.pid for process in processes}
    until = time.monotonic() + LIMIT_S
    while not wanted <= _roll(workspace / "marketeer.db"):
        ended = any(process.poll() is not None for process in processes)
        if ended or time.monotonic() > until:
            msg = f"a worker of the benchmark did not begin: {log.read_text()[-2000:]}"
            raise RuntimeError(msg)
        time.sleep(LOOK_S)


def _roll(database: Path) -> set[int]:
    if not database.exists():
        return set()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            return {pid for (pid,) in connection.execute("SELECT pid FROM workers")}
        except sqlite3.OperationalError:
            return set()  # it is being made
