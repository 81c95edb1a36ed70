"""A day of the daemon, on a clock that the proof moves: schedules and goals, an API that is away for two hours, a store
that is locked, a disk that is full. Health tells the truth at each step, all that is owed gets done, memory stays flat.

And a minute of it in real time with nothing to do: how much of a core it takes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.memory_use import resident_mb
from marketeer.adapters.sqlite import doorbell
from marketeer.domain.degradation import Disk, Level
from marketeer.domain.errors import ApiUnavailable, StoreUnavailable
from marketeer.domain.firing import Outcome
from marketeer.domain.goal import GoalStatus
from marketeer.domain.health import Component, Health, State
from marketeer.ports import ModelRequest, ModelResponse
from marketeer.runtime import Office
from marketeer.runtime.daemon import open_watch
from marketeer.runtime.health import health_of
from marketeer.testing.clock import FakeClock
from proofs.figures import Figure, Options, Proof, quietly
from tests.e2e.harness import command, environment
from tests.integration import desk

HOUR = 3600.0
DAY_H = 24
# The database's pages (up to 16 MB a connection) and documents (4 million characters) are kept on purpose, with limits.
FLAT_WITHIN = 0.05
IDLE_AT_MOST = 0.003
IDLE_S = 60.0
SETTLE_S = 15.0
# Nobody else writes here, and a quarter of a second of a day would be looked at 345,600 times.
LOOK_EVERY_S = 30.0
LOOK_AT_HEALTH_S = 15.0
# Turns of the clock that work in hand may take without time passing; then it waits for time itself.
MOST_TURNS = 25
# What is under way is waited for, so a moment without anything to do can be short.
IDLE_S_OF_CLOCK = 0.0008
READING = 'All is quiet.\n\n```json\n{"follow_up": null}\n```'


class WorkingClock(FakeClock):
    """Jumps when everything is asleep, but gives what is in hand a moment of real time: else hours pass while a file is
    written. `held`: not at all."""

    def __init__(self) -> None:
        super().__init__(auto=True, idle_s=IDLE_S_OF_CLOCK)
        self.busy: Callable[[], bool] = lambda: False
        self.held = True
        self._patience = MOST_TURNS

    def _jump(self, sleeps: int) -> None:
        if self.held or (self.busy() and self._patience):
            self._patience -= not self.held
            asyncio.get_running_loop().call_later(IDLE_S_OF_CLOCK, self._jump, sleeps)
            return
        self._patience = MOST_TURNS
        super()._jump(sleeps)


class Model:
    """Answers every call well while it is there at all, and remembers nothing."""

    def __init__(self) -> None:
        self.away = False
        self.calls = 0

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:  # noqa: ARG002 - the port's signature
        if self.away:
            msg = "connection refused"
            raise ApiUnavailable(msg)
        self.calls += 1
        reads = "You are the Director" in request.system[0].text
        return desk.response(request, READING if reads else desk.good_answer(request))

    async def answers(self) -> bool:
        return not self.away

    async def aclose(self) -> None:
        """Nothing is held open."""


@dataclass(slots=True)
class Day:
    """What came of it. `health` has the level seen in each fault, and after it."""

    goals: int = 0
    calls: int = 0
    fired: int = 0
    health: dict[str, str] = field(default_factory=dict)
    memory_mb: dict[int, float] = field(default_factory=dict)
    objects: dict[int, float] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """Of the last quarter's memory over the third's, when caches have filled with what a few dozen goals need."""
        return _growth(self.memory_mb, 2)

    @property
    def growth_of_caches(self) -> float:
        """Of the last quarter's memory over the second's."""
        return _growth(self.memory_mb, 1)

    @property
    def growth_of_objects(self) -> float:
        """Of Python's objects, as `growth`."""
        return _growth(self.objects, 2)


def _growth(by_hour: Mapping[int, float], since: int) -> float:
    """Of the last quarter over an earlier one, counted from 0."""
    hours = sorted(by_hour)
    size = max(1, len(hours) // 4)
    parts = hours[since * size : (since + 1) * size], hours[-size:]
    early, late = (sum(by_hour[hour] for hour in part) / len(part) for part in parts)
    return late / early - 1


@dataclass(slots=True)
class Scene:
    """The daemon at work, with a hand on what may fail."""

    office: Office
    model: Model
    clock: FakeClock
    disk: Disk = field(default_factory=lambda: Disk(free=10**11, total=2 * 10**11))
    locked: bool = False
    # Questions to the database that have no answer yet.
    under_way: int = 0

    async def health(self) -> Health:
        office = self.office
        return await health_of(office.settings, office.store, office.workspace, self.clock, office.schedule_book)

    async def until(self, hour: float) -> None:
        """Returns when the clock has come so far."""
        left_s = hour * HOUR - self.clock.monotonic()
        if left_s > 0:
            await self.clock.sleep(left_s)


async def a_day(folder: Path, *, hours: int = DAY_H, goals_an_hour: int = 2) -> Day:
    """Raises AssertionError for a promise that was broken."""
    clock, model, day = WorkingClock(), Model(), Day()
    async with desk.an_office(folder, model, clock=clock, budget_monthly=1000) as office:
        scene = Scene(office, model, clock)
        _take_hold(scene)
        async with _daemon(office) as busy:
            clock.busy = lambda: bool(busy() or scene.under_way)
            clock.held = False
            await asyncio.gather(_faults(scene, day, hours), _goals(scene, day, hours, goals_an_hour))
            await _all_done(scene)
        await _check(scene, day)
    return day


def _take_hold(scene: Scene) -> None:
    """Of the disk as the daemon sees it, and of every write."""
    office = scene.office
    # Where every write of the store goes through, whatever it is for.
    database = office.store._db  # noqa: SLF001
    write, read = database.write, database.read_long

    async def room() -> Disk:
        return scene.disk

    async def counted(asked: Awaitable[Any]) -> Any:
        scene.under_way += 1
        try:
            return await asked
        finally:
            scene.under_way -= 1

    async def perhaps(*given: Any, **more: Any) -> Any:
        if scene.locked or scene.disk.is_full:
            msg = "the database is locked" if scene.locked else "the disk is full"
            raise StoreUnavailable(msg)
        return await counted(write(*given, **more))

    office.workspace.disk = room  # type: ignore[method-assign]
    database.write = perhaps  # type: ignore[method-assign]
    database.read_long = lambda work: counted(read(work))  # type: ignore[method-assign]


@asynccontextmanager
async def _daemon(office: Office) -> AsyncIterator[Callable[[], int]]:
    usual, doorbell.LOOK_EVERY_S = doorbell.LOOK_EVERY_S, LOOK_EVERY_S
    try:
        async with open_watch(office) as watch, asyncio.TaskGroup() as group:
            group.create_task(watch.daemon.run(), name="daemon")
            while not watch.work.has_begun:  # noqa: ASYNC110 - the clock stands still, and nothing rings
                await asyncio.sleep(0.01)
            yield lambda: watch.work.busy
            assert not watch.daemon.faults, watch.daemon.faults
            watch.daemon.stop()
    finally:
        doorbell.LOOK_EVERY_S = usual


async def _faults(scene: Scene, day: Day, hours: int) -> None:
    """One after the other over the day; health has until the end of each to say so, and as long to take it back."""
    part = hours / DAY_H

    async def see(name: str, down: Component | None, level: Level, *, by: float) -> None:
        while True:
            found = await scene.health()
            states = {check.component: check.state for check in found.checks}
            if found.level is level and (down is None or states[down] is State.OFFLINE):
                day.health[name] = found.level.value
                return
            assert scene.clock.monotonic() < by * part * HOUR, (name, found)
            await scene.clock.sleep(LOOK_AT_HEALTH_S)

    await scene.until(3 * part)
    await see("before", None, Level.FULL, by=3)
    scene.model.away = True
    await desk.submit(scene.office, desk.SOLO, description="Meet the outage")
    await see("API away", Component.MODEL_API, Level.OFFLINE, by=5)
    await scene.until(5 * part)
    scene.model.away = False
    await see("API back", None, Level.FULL, by=7)
    scene.locked = True
    await scene.until(scene.clock.monotonic() / HOUR + 0.5 * part)
    scene.locked = False
    await see("store free again", None, Level.FULL, by=9)
    scene.disk = Disk(free=0, total=2 * 10**11)
    await see("disk full", Component.DISK, Level.OFFLINE, by=10)
    await scene.until(10 * part)
    scene.disk = Disk(free=10**11, total=2 * 10**11)
    await see("disk free again", None, Level.FULL, by=12)


async def _goals(scene: Scene, day: Day, hours: int, goals_an_hour: int) -> None:
    """Somebody asks for something, day and night; in a fault they come again until it is taken."""
    for number in range(hours * goals_an_hour):
        await scene.until((number + 0.5) / goals_an_hour)
        while True:
            try:
                await desk.submit(scene.office, desk.SOLO, description=f"Look at the numbers, number {number}")
                break
            except StoreUnavailable:
                await scene.clock.sleep(60)
        if number % goals_an_hour == 0:
            gc.collect()
            day.memory_mb[number // goals_an_hour] = resident_mb()
            day.objects[number // goals_an_hour] = len(gc.get_objects())


async def _all_done(scene: Scene) -> None:
    """What came in last is given two hours more."""
    for _ in range(240):
        await scene.clock.sleep(30)
        if not await scene.office.store.goals(limit=1, unfinished_only=True):
            return
    left = await scene.office.store.goals(limit=9, unfinished_only=True)
    assert not left, [(goal.goal_id, goal.status, goal.error) for goal in left]


async def _check(scene: Scene, day: Day) -> None:
    store = scene.office.store
    goals = await store.goals(limit=100_000)
    assert {goal.status for goal in goals} == {GoalStatus.COMPLETED}, [
        (goal.goal_id, goal.status, goal.error) for goal in goals if goal.status is not GoalStatus.COMPLETED
    ]
    for goal in goals:
        await desk.check_journal(scene.office, goal)
    firings = await store.firings(limit=100_000)
    assert all(each.outcome is Outcome.FIRED for each in firings), firings
    assert not await store.conditions()
    assert not await store.unmirrored()
    day.goals, day.calls, day.fired = len(goals), scene.model.calls, len(firings)


# -- idle ------------------------------------------------------------------------------------------------------


def idle_share(folder: Path, seconds: float = IDLE_S) -> tuple[float, int]:
    """The part of a core that a daemon with nothing to do takes, and the lines of its ledger. Linux only."""
    variables: Mapping[str, str] = environment(WEBHOOK_PORT="0", LOG_LEVEL="error")
    log = folder / "idle.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            command("start", "--daemon"), cwd=folder, env=dict(variables), stdout=said, stderr=said
        )
    try:
        _wait_for(lambda: "webhooks and goals" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        time.sleep(min(SETTLE_S, seconds))
        before = _cpu_s(process.pid)
        time.sleep(seconds)
        used_s = _cpu_s(process.pid) - before
    finally:
        process.terminate()
        process.wait(30)
    return used_s / seconds, _calls(folder)


def _cpu_s(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def _calls(folder: Path) -> int:
    import sqlite3

    connection = sqlite3.connect(folder / "workspace" / "marketeer.db")
    try:
        return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])
    finally:
        connection.close()


def _wait_for(seen: Callable[[], bool], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until, "the daemon did not begin in time"
        time.sleep(0.05)


def run(options: Options) -> Proof:
    quietly()
    (options.folder / "idle").mkdir()
    share, calls = idle_share(options.folder / "idle") if sys.platform == "linux" else (0.0, 0)
    assert calls == 0, "an idle daemon has called a model"
    assert share <= IDLE_AT_MOST, f"idle it takes {share:.2%} of a core"
    day = asyncio.run(a_day(options.folder))
    assert day.growth <= FLAT_WITHIN, day.memory_mb
    assert day.growth_of_objects <= FLAT_WITHIN, day.objects
    seen = ", ".join(f"{name}: {level}" for name, level in day.health.items())
    highest = max(day.memory_mb.values())
    return Proof(
        name="soak",
        shows="A day of the daemon on a clock that the proof moves: the built-in schedules, two goals an hour, an API "
        "that is away for two hours, a store locked for half an hour, a disk full for one. Health told each of them "
        "and its end, every goal completed, every slot fired, and every journal replays. Then a minute of real time "
        "with nothing to do.",
        figures=(
            Figure("goals", f"{day.goals} completed, {day.fired} of them begun by schedules; {day.calls} model calls"),
            Figure("health", seen),
            Figure(
                "memory",
                f"{highest:.0f} MB at most; the last quarter of the day {day.growth:+.1%} over the third (limit "
                f"{FLAT_WITHIN:.0%}), {day.growth_of_caches:+.1%} over the second, while the caches fill",
            ),
            Figure("Python objects", f"{day.growth_of_objects:+.1%}, the last quarter over the third"),
            Figure("idle", f"{share:.2%} of a core over {IDLE_S:.0f} s (limit {IDLE_AT_MOST:.1%}), no model call"),
        ),
    )
