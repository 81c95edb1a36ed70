"""What the machine adds to the calls: time from a goal to its report, over its longest chain of calls alone."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.figures import Figure, Place, Result, spread
from benchmarks.processes import child, fake_claude
from benchmarks.workspaces import CHAIN, GRID, answer, make_workspace

LIMIT = 1.10
WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    call_s: float = 0.2
    deltas: int = 20
    runs: int = 7
    cold_runs: int = 3
    parallel: int = 8
    shapes: tuple[tuple[str, str], ...] = (("4 calls in a row", CHAIN), ("3 x 3 calls", GRID))


FULL = Size()
TINY = Size(call_s=0.02, deltas=3, runs=1, cold_runs=0, shapes=(("3 x 3 calls", GRID),))


def run(place: Place, size: Size = FULL) -> Result:
    folder = place.sub("overhead")
    options = ("--stream-s", str(size.call_s), "--deltas", str(size.deltas))
    with fake_claude(folder, answer(words=WORDS), *options) as server:
        figures = [
            figure for shape, pipeline in size.shapes for figure in _of_shape(place, size, server.url, shape, pipeline)
        ]
    return Result(
        name="overhead",
        method=f"Answers of {WORDS} words stream in over {size.call_s * 1000:g} ms in {size.deltas} pieces, from "
        "a server in a process of its own. Steady: later goals of a process; cold: the first, which also "
        "imports the SDK.",
        figures=tuple(figures),
    )


def _of_shape(place: Place, size: Size, url: str, shape: str, pipeline: str) -> list[Figure]:
    workspace = str(make_workspace(place.sub(f"overhead-{pipeline.split()[-1].lower()}")))
    arguments = {"workspace": workspace, "url": url, "pipeline": pipeline, "parallel": size.parallel}
    first_and_later = child("chains", arguments | {"runs": size.runs + 1}, cwd=place.folder)["runs"]
    cold = [child("chains", arguments | {"runs": 1}, cwd=place.folder) for _ in range(size.cold_runs)]
    later = first_and_later[1:]
    ratios = [each["report_s"] / (each["chain"] * size.call_s) for each in later]
    ends = [each["end_s"] / (each["chain"] * size.call_s) for each in later]
    colds = [each["runs"][0]["end_s"] for each in cold if each["cold"]]
    call_ms = median(each["call_s"] for each in later) * 1000
    return [
        Figure(
            what=f"{shape}, steady",
            value=median(ratios),
            unit="times the calls",
            limit=LIMIT,
            note=f"{spread(ratios, '')}; one call took {call_ms:.0f} ms",
        ),
        Figure(what=f"{shape}, steady, until all is put away", value=median(ends), unit="times the calls"),
        *([Figure(what=f"{shape}, cold", value=median(colds), unit="s", note=spread(colds, "s"))] if colds else []),
    ]
