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
    options = ("--latency-s", str(size.latency_s), "--together", str(size.calls))
    with fake_claude(folder, answer(), *options) as server:
        done = child("at_once", asked | {"url": server.url}, cwd=place.folder)
        requests = server.requests()
        first_answer_at = server.first_request_at() or 0.0
    most = max(request["in_flight"] for request in requests)
    return Result(
        name="inflight",
        method=f"{size.calls} tasks that wait for nothing, MAX_PARALLEL_AGENTS={size.calls}. The server answers "
        f"nobody before all calls have come in, then each after {size.latency_s:g} s.",
        figures=(
            Figure(
                what="calls at one time",
                value=most,
                unit="calls",
                limit=size.calls,
                at_least=True,
                note=f"{len(requests)} calls in all",
            ),
            Figure(
                what="until all calls were in flight",
                value=first_answer_at - size.latency_s - done["began_at"],
                unit="s",
                note="planning included",
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
