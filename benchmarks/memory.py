"""How much memory a goal needs, and whether a process that works on many keeps any of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Place, Result, spread
from benchmarks.processes import child, environment, fake_claude, with_key
from benchmarks.processes import run as run_process
from benchmarks.workspaces import CHAIN, GOAL, answer, make_workspace

PEAK_MB = 120
# What a process that has settled may still gain: Python's allocator never gives everything back.
GROWTH = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    runs: int = 3
    goals: tuple[int, ...] = (100, 500, 1_000)
    at_once: int = 50
    with_key: bool = True


FULL = Size()
TINY = Size(runs=1, goals=(1, 2), at_once=1, with_key=False)


def run(place: Place, size: Size = FULL) -> Result:
    workspace = str(make_workspace(place.sub("memory-rounds")))
    rounds = {"workspace": workspace, "goals": size.goals, "at_once": size.at_once}
    held = child("rounds", rounds, cwd=place.folder)["held_mb"]
    *_, settled, last = size.goals
    return Result(
        name="memory",
        method=f"Peaks are those of a `start` process. The rounds are goals of 4 tasks, {size.at_once} submitted "
        "at once, in one process with a model that answers at once.",
        figures=(
            *_peaks(place, size),
            *(
                Figure(what=f"held after {goals} goals in one process", value=mb, unit="MB")
                for goals, mb in zip(size.goals, held, strict=True)
            ),
            Figure(
                what=f"growth from {settled} to {last} goals",
                value=held[-1] / held[-2],
                unit="times",
                limit=GROWTH,
                note="until then the store fills its page caches",
            ),
        ),
    )


def _peaks(place: Place, size: Size) -> Iterator[Figure]:
    if size.with_key:
        with fake_claude(place.sub("memory"), answer(words=300)) as server:
            real = [_peak_of_a_goal(place, f"real-{n}", with_key(server.url)) for n in range(size.runs)]
        yield _peak("peak, a goal of 4 tasks with a key", real)
    rehearsed = [_peak_of_a_goal(place, f"rehearsed-{n}", environment(), "--rehearse") for n in range(size.runs)]
    yield _peak("peak, a rehearsed goal of the built-in team", rehearsed)


def _peak(what: str, values: Sequence[float]) -> Figure:
    return Figure(what=what, value=median(values), unit="MB", limit=PEAK_MB, note=spread(values, "MB", 1))


def _peak_of_a_goal(place: Place, name: str, env: dict[str, str], *options: str) -> float:
    workspace = make_workspace(place.sub(f"memory-{name}"))
    peak_file = Path(f"{workspace}-peak")
    asked = ["start", GOAL, "--workspace", str(workspace), *(options or ("--pipeline", CHAIN))]
    command = [sys.executable, "-m", "benchmarks.child", "cli", str(peak_file), *asked]
    run_process(command, cwd=place.folder, env=env)
    return float(peak_file.read_text(encoding="ascii"))
