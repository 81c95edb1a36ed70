"""Whether one process can wait for a thousand answers at once, and what that takes."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from benchmarks.figures import Figure, Place, Result
from benchmarks.processes import child, fake_claude
from benchmarks.workspaces import WIDE, answer, make_workspace

TASKS_A_GOAL = 20
OPEN_FILES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    calls: int = 1_000
    latency_s: float = 2.0


FULL = Size()
TINY = Size(calls=20, latency_s=0.2)


def run(place: Place, size: Size = FULL) -> Result:
    folder = place.sub("inflight")
    _allow_open_files()
    workspace = str(make_workspace(place.sub("inflight-workspace")))
    asked = {"workspace": workspace, "goals": size.calls // TASKS_A_GOAL, "pipeline": WIDE, "parallel": size.calls}
    with fake_claude(folder, answer(), "--latency-s", str(size.latency_s)) as server:
        done = child("at_once", asked | {"url": server.url}, cwd=place.folder)
        most = max(request["in_flight"] for request in server.requests())
        made = len(server.requests())
    return Result(
        name="inflight",
        method=f"{size.calls} tasks that wait for nothing, MAX_PARALLEL_AGENTS={size.calls}, {size.latency_s:g} "
        "s to each answer. The most at one time is what the server counted.",
        figures=(
            Figure(
                what="calls at one time",
                value=most,
                unit="calls",
                limit=size.calls,
                at_least=True,
                note=f"{made} calls in all",
            ),
            Figure(
                what="until every goal is finished",
                value=done["wall_s"],
                unit="s",
                note=f"{size.latency_s:g} s of it waiting",
            ),
            Figure(
                what="peak memory",
                value=done["peak_mb"],
                unit="MB",
                note=f"{done['before_mb']:.0f} MB before the first call",
            ),
        ),
    )


def _allow_open_files() -> None:
    """A thousand connections need more files than some systems let a process open unasked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
