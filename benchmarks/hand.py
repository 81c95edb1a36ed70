"""What the benchmark of many hands runs in processes of their own: a worker, whoever hands work in, and both in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.goals import require_done, submit
from benchmarks.workspaces import InstantModel, answer, settings_for
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.goal import Goal
from marketeer.domain.work import WorkKind
from marketeer.engine.session import Session
from marketeer.logs import configure_logs
from marketeer.runtime import Office, open_link, open_office

WORDS = 100
# The doorbell rings for every commit; this is only for one that is lost.
LOOK_S = 1.0


async def hand(workspace: str, redis: str, parallel: int) -> None:
    """A worker with a model that answers at once, until it is killed."""
    async with _office(workspace, redis, parallel) as office:
        await office.work(None, rests=False)


async def patron(workspace: str, redis: str, **asked: Any) -> dict[str, Any]:
    """Hands goals in for whoever works there, and waits for them."""
    async with _office(workspace, redis, 1) as office, asyncio.TaskGroup() as group:
        watch = group.create_task(office.doorbell.watch())
        found = await _hand_in(office, office.enqueue, **asked)
        watch.cancel()
    return found


async def alone(workspace: str, parallel: int, **asked: Any) -> dict[str, Any]:
    """The same on the embedded queue, where whoever hands in and whoever works are one process."""

    async def nothing(_: str) -> None:
        return

    async with _office(workspace, None, parallel) as office, asyncio.TaskGroup() as group:
        sessions: list[Session] = []
        work = group.create_task(office.work(None, on_session=sessions.append, rests=False))
        found = await _hand_in(office, nothing, **asked)
        for session in sessions:
            session.interrupt()
        await work
    return found


@asynccontextmanager
async def _office(workspace: str, redis: str | None, parallel: int) -> AsyncIterator[Office]:
    configure_logs("error", "json", ())
    settings = settings_for(Path(workspace), parallel=parallel, redis=redis)
    model = InstantModel(answer(words=WORDS))
    async with open_link(settings, SystemClock()) as link, open_office(settings, model=model, link=link) as office:
        yield office


async def _hand_in(
    office: Office, enqueue: Callable[[str], Any], *, single: str, singles: int, large: str, larges: int
) -> dict[str, Any]:
    """First `singles` goals one after another, then `larges` at once."""
    first: list[Goal] = []
    for _ in range(singles):
        goal = await submit(office, single)
        await enqueue(goal.goal_id)
        first += await _finished(office, [goal])
    many = [await submit(office, large) for _ in range(larges)]
    for goal in many:
        await enqueue(goal.goal_id)
    many = await _finished(office, many)
    every = [task for goal in many for task in await office.store.tasks(goal.goal_id)]
    require_done([*first, *many], every)
    finished = [task.finished_at for task in every if task.finished_at]
    return {
        "waits_s": await _waits(office, first),
        "singles": [await _single(office, goal) for goal in first],
        "tasks": len(every),
        "task_s": (max(finished) - min(task.created_at for task in every)).total_seconds() if finished else 0.0,
    }


async def _finished(office: Office, goals: Sequence[Goal]) -> list[Goal]:
    waiting, done = {goal.goal_id for goal in goals}, []
    while waiting:
        seen = office.doorbell.rings
        for goal_id in list(waiting):
            goal = await office.store.goal(goal_id)
            if goal.status.is_final:
                waiting.discard(goal_id)
                done.append(goal)
        if waiting:
            await office.doorbell.wait(seen, LOOK_S)
    return done


async def _waits(office: Office, goals: Sequence[Goal]) -> list[float]:
    """From the moment a goal was stored to the claim of its first step."""
    found = []
    for goal in goals:
        snapshot = await office.store.snapshot(goal.goal_id)
        (plan,) = (item for item in snapshot.items if item.kind is WorkKind.PLAN)
        if plan.claimed_at is not None:
            found.append((plan.claimed_at - goal.created_at).total_seconds())
    return found


async def _single(office: Office, goal: Goal) -> dict[str, float]:
    """Seconds to the last approval and to the report, and the calls that had to wait for each other."""
    tasks = await office.store.tasks(goal.goal_id)
    approved = max(task.finished_at for task in tasks if task.finished_at)
    assert goal.finished_at is not None
    return {
        "approved_s": (approved - goal.created_at).total_seconds(),
        "report_s": (goal.finished_at - goal.created_at).total_seconds(),
    }
