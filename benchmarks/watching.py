"""What being watched costs: the same work with logs and the page of metrics, and without either, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.figures import Figure, Place, Result, spread
from benchmarks.processes import child
from benchmarks.workspaces import make_workspace

LEAST = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    tasks: int = 600
    pairs: int = 5
    parallel: int = 16


FULL = Size()
TINY = Size(tasks=20, pairs=1)


def run(place: Place, size: Size = FULL) -> Result:
    """Pairs lie side by side in time, so that what else the machine does falls on both."""
    pairs = [
        tuple(_once(place, size, number, watched=watched) for watched in (True, False)) for number in range(size.pairs)
    ]
    by_rate = [_rate(watched) / _rate(unwatched) for watched, unwatched in pairs]
    by_cpu = [unwatched["process_cpu_s"] / watched["process_cpu_s"] for watched, unwatched in pairs]
    return Result(
        name="watching",
        method=f"{size.tasks} tasks of 100 words in goals of 20, {size.parallel} at once, a model that answers at "
        "once: with every log line of level info in a file and the page of metrics, against neither. Ratios of pairs "
        "that ran one after the other.",
        figures=(
            Figure(
                what="tasks for the same processor time, watched to unwatched",
                value=median(by_cpu),
                unit="times",
                limit=LEAST,
                at_least=True,
                note=spread(by_cpu, "", 3),
            ),
            Figure(
                what="tasks a second, watched to unwatched",
                value=median(by_rate),
                unit="times",
                limit=LEAST,
                at_least=True,
                note=spread(by_rate, "", 3),
            ),
        ),
    )


def _rate(done: dict[str, Any]) -> float:
    return float(done["tasks"] / done["task_s"])


def _once(place: Place, size: Size, number: int, *, watched: bool) -> dict[str, Any]:
    workspace = make_workspace(place.sub(f"watching-{number}-{watched}"))
    arguments = {
        "workspace": str(workspace),
        "tasks": size.tasks,
        "parallel": size.parallel,
        "profile": False,
        "watched": watched,
        "words": 100,
        "chars": 0,
    }
    return child("throughput", arguments, cwd=place.folder)
