"""How many tasks a second the machine itself can carry, and where the time goes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.figures import Figure, Place, Result, Share, spread
from benchmarks.processes import child
from benchmarks.workspaces import make_workspace

LENGTHS = {"100 words": {"words": 100, "chars": 0}, "10 KB": {"words": 0, "chars": 10_000}}
AT_LEAST = {"100 words": 400, "10 KB": 120}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    tasks: int = 1_000
    runs: int = 3
    parallel: int = 128
    texts: tuple[str, ...] = ("100 words", "10 KB")


FULL = Size()
TINY = Size(tasks=20, runs=1, texts=("100 words",))


def run(place: Place, size: Size = FULL) -> Result:
    figures: list[Figure] = []
    shares: list[Share] = []
    for name in size.texts:
        text = LENGTHS[name]
        done = [_once(place, size, f"{name}-{number}", text, profile=False) for number in range(size.runs)]
        rates = [each["tasks"] / each["task_s"] for each in done]
        figures.append(
            Figure(
                what=f"outputs of {name}",
                value=median(rates),
                unit="tasks/s",
                limit=AT_LEAST[name],
                at_least=True,
                note=f"{spread(rates, '', 0)}, {done[0]['answer_chars']} characters each",
            )
        )
        profiled = _once(place, size, f"{name}-profile", text, profile=True)
        shares += [
            Share(thread=f"{name}, {thread}", function=function, share=share)
            for thread, function, share in profiled["shares"]
        ]
        figures += [
            Figure(
                what=f"outputs of {name}, {thread} thread busy", value=100 * busy, unit="%", note=_cpu(profiled, thread)
            )
            for thread, busy in profiled["busy"].items()
        ]
    return Result(
        name="throughput",
        method=f"{size.tasks} tasks in goals of 20, {size.parallel} at once, a model that answers at once, every "
        "commit synced to the disk. From the first task's plan to the last approval; contracts are "
        "checked. The profile is a run of its own.",
        figures=tuple(figures),
        profile=tuple(shares),
    )


def _once(place: Place, size: Size, name: str, text: dict[str, int], *, profile: bool) -> dict[str, Any]:
    workspace = make_workspace(place.sub(f"throughput-{name.replace(' ', '-')}"))
    arguments = {
        "workspace": str(workspace),
        "tasks": size.tasks,
        "parallel": size.parallel,
        "profile": profile,
        **text,
    }
    return child("throughput", arguments, cwd=place.folder)


def _cpu(profiled: dict[str, Any], thread: str) -> str:
    used, wall = profiled["cpu_s"].get(thread, 0.0), profiled["all_s"]
    return f"{used:.2f} s of a processor in {wall:.2f} s"
