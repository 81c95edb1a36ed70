"""What runs in a process of its own, so that no benchmark pays for what another has imported or kept.

`python -m benchmarks.child NAME '{"argument": ...}'` prints one JSON object. `cli` instead runs the command line and
writes the memory it needed to a file.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.goals import require_done, submit
from benchmarks.hand import alone, hand, patron
from benchmarks.memory_use import peak_mb, resident_mb
from benchmarks.sampling import Samples, sampling
from benchmarks.workspaces import CHAIN, TWENTY, InstantModel, answer, settings_for
from marketeer.__main__ import LOOK_FOR_GARBAGE_EVERY
from marketeer.domain.task import Task
from marketeer.engine.metrics_page import MetricsPage
from marketeer.logs import configure_logs
from marketeer.runtime import Office, open_office

SDK = "anthropic"


async def chains(workspace: str, url: str, pipeline: str, runs: int, parallel: int) -> dict[str, Any]:
    """One goal after the other against a server: seconds to the report, seconds to the end, and the chain of calls."""
    cold = SDK not in sys.modules
    async with open_office(settings_for(Path(workspace), parallel=parallel, base_url=url)) as office:
        timed = [await _timed_goal(office, pipeline) for _ in range(runs)]
    return {"cold": cold, "runs": timed}


async def _timed_goal(office: Office, pipeline: str) -> dict[str, float]:
    began = time.perf_counter()
    goal = await submit(office, pipeline)
    await office.work(goal.goal_id)
    ended = time.perf_counter() - began
    goal = await office.store.goal(goal.goal_id)
    tasks = await office.store.tasks(goal.goal_id)
    calls = await office.store.calls(goal.goal_id)
    require_done([goal], tasks)
    if goal.finished_at is None:
        msg = f"{goal.goal_id!r} has no end"
        raise RuntimeError(msg)
    return {
        "report_s": (goal.finished_at - goal.created_at).total_seconds(),
        "end_s": ended,
        "chain": longest_chain(tasks, Counter(call.task_id for call in calls)),
        "call_s": sorted(call.latency_s for call in calls)[len(calls) // 2],
    }


def longest_chain(tasks: Sequence[Task], calls: Counter[str | None]) -> int:
    """The most calls that had to wait for each other; calls of no task (a plan, a report) wait for all the others."""
    depth: dict[str, int] = {}
    for task in sorted(tasks, key=lambda each: each.seq):
        depth[task.task_id] = calls[task.task_id] + max((depth.get(d, 0) for d in task.depends_on), default=0)
    return calls[None] + max(depth.values(), default=0)


class NoPage(MetricsPage):
    """Metrics that nobody writes down."""

    async def refresh(self) -> None:
        return

    async def flush(self) -> None:
        return


async def throughput(
    workspace: str, tasks: int, chars: int, words: int, parallel: int, profile: bool, watched: bool | None = None
) -> dict[str, Any]:
    """Many goals of 20 tasks at once, with a model that answers at once.

    `watched` True: every log line of level info is written to a file, and the page of metrics too. False: neither.
    """
    text = answer(chars=chars, words=words)
    if watched:
        sys.stderr = (Path(workspace) / "log.jsonl").open("w", encoding="utf-8")
    if watched is not None:
        configure_logs("info" if watched else "error", "json", ())
    settings = settings_for(Path(workspace), parallel=parallel)
    async with open_office(settings, model=InstantModel(text)) as office:
        if watched is False:
            office.metrics_page = NoPage(office.store, office.library, office.clock)
        cpu_began = time.process_time()
        goals = [await submit(office, TWENTY) for _ in range(tasks // 20)]
        began = time.perf_counter()
        samples = Samples()
        if profile:
            with sampling() as samples:
                await office.work(None)
        else:
            await office.work(None)
        elapsed = time.perf_counter() - began
        cpu_s = time.process_time() - cpu_began
        done = [await office.store.goal(goal.goal_id) for goal in goals]
        every = [task for goal in goals for task in await office.store.tasks(goal.goal_id)]
    require_done(done, every)
    finished = max(task.finished_at for task in every if task.finished_at)
    return {
        "tasks": len(every),
        "task_s": (finished - min(task.created_at for task in every)).total_seconds(),
        "all_s": elapsed,
        "process_cpu_s": cpu_s,
        "answer_chars": len(text),
        "busy": {thread: samples.busy(thread) for thread in samples.seen},
        "cpu_s": samples.cpu_s,
        "shares": [[share.thread, share.function, share.share] for share in samples.shares(12)],
    }


async def rounds(workspace: str, goals: Sequence[int], at_once: int) -> dict[str, Any]:
    """Goals in one process until each of these numbers is reached: the memory held at that moment."""
    held: list[float] = []
    made = 0
    settings = settings_for(Path(workspace), parallel=8)
    async with open_office(settings, model=InstantModel(answer())) as office:
        for target in goals:
            while made < target:
                batch = [await submit(office, CHAIN) for _ in range(min(at_once, target - made))]
                await office.work(None)
                require_done([await office.store.goal(goal.goal_id) for goal in batch], ())
                made += len(batch)
            held.append(resident_mb())
    return {"held_mb": held, "peak_mb": peak_mb()}


async def at_once(workspace: str, url: str, goals: int, pipeline: str, parallel: int) -> dict[str, Any]:
    """All tasks of all goals in flight at the same time."""
    async with open_office(settings_for(Path(workspace), parallel=parallel, base_url=url)) as office:
        begun = [await submit(office, pipeline) for _ in range(goals)]
        before_mb, began_at, began = resident_mb(), time.time(), time.perf_counter()
        await office.work(None)
        elapsed = time.perf_counter() - began
        done = [await office.store.goal(goal.goal_id) for goal in begun]
        tasks = [task for goal in begun for task in await office.store.tasks(goal.goal_id)]
    require_done(done, tasks)
    return {"began_at": began_at, "wall_s": elapsed, "before_mb": before_mb, "peak_mb": peak_mb(), "tasks": len(tasks)}


def _cli(peak_file: str, *arguments: str) -> int:
    from marketeer.__main__ import main as marketeer  # late, as a user's process has it

    sys.argv = ["marketeer", *arguments]
    try:
        return marketeer()
    finally:
        Path(peak_file).write_text(str(peak_mb()), encoding="ascii")


CHILDREN = {each.__name__: each for each in (chains, throughput, rounds, at_once, alone, hand, patron)}


def main() -> int:
    name, *rest = sys.argv[1:]
    if name == "cli":
        return _cli(*rest)
    gc.set_threshold(LOOK_FOR_GARBAGE_EVERY)  # as every command has it
    result = asyncio.run(CHILDREN[name](**json.loads(rest[0])))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
