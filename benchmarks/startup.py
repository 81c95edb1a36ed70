"""How long a command takes to say something, and a goal to make its first call."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Place, Result
from benchmarks.processes import Server, cli, environment, fake_claude, with_key
from benchmarks.processes import run as run_process
from benchmarks.workspaces import answer

GOAL = "Increase signup conversion by 20%"
LOOK_EVERY_S = 0.01
GIVE_UP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    runs: int = 5
    warm: bool = True


FULL = Size()
TINY = Size(runs=1, warm=False)


def run(place: Place, size: Size = FULL) -> Result:
    folder = place.sub("startup")
    env = environment()
    example = folder / "example"
    run_process(cli("init", "--example", "--workspace", str(example)), cwd=folder, env=env)
    where = ("--workspace", str(example))

    def copied(name: str) -> Path:
        return Path(shutil.copytree(example, folder / name))

    def seconds(*arguments: str) -> float:
        began = time.perf_counter()
        run_process(cli(*arguments), cwd=folder, env=env)
        return time.perf_counter() - began

    with fake_claude(folder, answer()) as server:
        figures = [
            _figure("--help", 0.3, size, lambda _: seconds("--help")),
            _figure("status", 0.7, size, lambda _: seconds("status", *where)),
            _figure("start --dry-run", 0.7, size, lambda _: seconds("start", GOAL, "--dry-run", *where)),
            _figure("first call of a rehearsal", 0.9, size, lambda n: _rehearsed_call_s(copied(f"r{n}"))),
            _figure("first call with a key", 3.0, size, lambda n: _real_call_s(copied(f"k{n}"), server)),
        ]
    return Result(
        name="startup",
        method=f"From the start of a process, median of {size.runs} after one to warm the caches; the first call "
        "with a key is timed where it arrives. A workspace with the example product context and the "
        "built-in team.",
        figures=tuple(figures),
    )


def _figure(what: str, limit: float, size: Size, timed: Callable[[int], float]) -> Figure:
    if size.warm:
        timed(0)
    values = [timed(number) for number in range(1, size.runs + 1)]
    return Figure(what=what, value=median(values), unit="s", limit=limit, note=f"best {min(values):.2f} s")


def _rehearsed_call_s(workspace: Path) -> float:
    """The ledger notes when each call was reserved, a moment before it is made."""
    began = time.time()
    run_process(cli("start", GOAL, "--rehearse", "--workspace", str(workspace)), cwd=workspace, env=environment())
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection:
        (first,) = connection.execute("SELECT min(reserved_at) FROM calls").fetchone()
    return datetime.fromisoformat(first).timestamp() - began


def _real_call_s(workspace: Path, server: Server) -> float:
    """The process is stopped once it has made its first call."""
    server.log.unlink(missing_ok=True)
    began = time.time()
    command = cli("start", GOAL, "--workspace", str(workspace))
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=workspace, env=with_key(server.url), stdout=quiet, stderr=quiet) as process:
        try:
            while (first := server.first_request_at()) is None:
                if process.poll() is not None or time.time() - began > GIVE_UP_S:
                    msg = (
                        f"no call was made within {GIVE_UP_S:g} s: run `marketeer start` by hand against a fake server"
                    )
                    raise RuntimeError(msg)
                time.sleep(LOOK_EVERY_S)
        finally:
            process.kill()
    return first - began
