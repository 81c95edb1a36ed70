"""Several working processes on one workspace, here side by side in one: who may do what, and how much of it at once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from marketeer.adapters.bullmq_queue import BullmqQueue
from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.cli.common import Call
from marketeer.cli.conditions import Weather
from marketeer.domain.budget import BudgetLevel
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Disk, Level
from marketeer.domain.goal import GoalStatus
from marketeer.domain.pace import Pace, Wait
from marketeer.engine.api_state import DOWN_AFTER, UP_AFTER, ApiState
from marketeer.engine.gate import Gate
from marketeer.engine.session import Session
from marketeer.ports import ModelClient
from marketeer.runtime import Office, open_link, open_office
from marketeer.testing import FakeClock, RedisServer
from tests.integration.desk import CONTEXT, FUNNEL, SOLO, Clerk, add_small_plans, settings_for, submit
from tests.support.waiting import LIMIT_S


@asynccontextmanager
async def a_process(
    folder: Path, server: RedisServer, model: ModelClient | None, **settings: object
) -> AsyncIterator[Office]:
    """What a process of its own would open. Without a model it has no key either."""
    if model is None:
        settings["anthropic_api_key"] = None
    given = settings_for(folder, redis_url=server.url, **settings)
    async with (
        open_link(given, SystemClock()) as link,
        open_office(given, model=model, link=link) as office,
    ):
        yield office


@asynccontextmanager
async def working(*offices: Office) -> AsyncIterator[None]:
    sessions: list[Session] = []
    async with asyncio.TaskGroup() as group:
        for office in offices:
            group.create_task(office.work(None, on_session=sessions.append, rests=False))
        try:
            yield
        finally:
            for session in sessions:
                session.interrupt()


async def until_completed(office: Office, goal_id: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while (await office.store.goal(goal_id)).status is not GoalStatus.COMPLETED:
            await office.doorbell.wait(office.doorbell.rings, 0.1)


def prepare(folder: Path) -> None:
    file = folder / "workspace" / "context" / "product-marketing-context.md"
    file.parent.mkdir(parents=True)
    file.write_text(CONTEXT, encoding="utf-8")
    add_small_plans(folder / "workspace")


def tell_of_waits(office: Office, waits: asyncio.Event) -> None:
    """Set when a call of this process has to wait for its turn."""
    take_turn = office.store.take_turn

    async def told(call_id: str, pace: Pace, *, now: datetime) -> Wait | None:
        found = await take_turn(call_id, pace, now=now)
        if found is not None:
            waits.set()
        return found

    office.store.take_turn = told  # type: ignore[method-assign]


async def test_at_level_limited_one_agent_works_in_all_processes_together(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async def almost_full() -> Disk:
        return Disk(free=5 * 10**9, total=100 * 10**9)

    prepare(tmp_path)
    clerk, skills = Clerk(), ("analytics-tracking", "seo-audit", "ab-test-setup")
    async with a_process(tmp_path, redis_server, clerk) as first, a_process(tmp_path, redis_server, clerk) as second:
        waits = asyncio.Event()
        for office in (first, second):
            office.workspace.disk = almost_full  # type: ignore[method-assign]
            tell_of_waits(office, waits)
        clerk.hold(*skills)
        async with working(first, second):
            goal = await submit(first, FUNNEL)
            async with asyncio.timeout(LIMIT_S):
                await waits.wait()
            clerk.let_go(*skills)
            await until_completed(first, goal.goal_id)
    assert len(clerk.seen) == 4
    assert clerk.peak == 1


async def test_who_has_no_key_does_rehearsals_and_leaves_real_steps_where_they_wait(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    prepare(tmp_path)
    async with a_process(tmp_path, redis_server, None) as keyless, a_process(tmp_path, redis_server, Clerk()) as keyed:
        async with working(keyless):
            real = await submit(keyed, SOLO)
            await keyed.enqueue(real.goal_id)
            rehearsal = await submit(keyless, SOLO, rehearsal=True)
            await keyless.enqueue(rehearsal.goal_id)
            await until_completed(keyless, rehearsal.goal_id)
        (owed,) = (await keyed.store.snapshot(real.goal_id)).items
        assert keyed.link is not None
        queue = BullmqQueue(keyed.link, SystemClock())
        async with asyncio.TaskGroup() as group:
            loops = group.create_task(queue.run())
            async with asyncio.timeout(LIMIT_S):
                assert await queue.get() == owed.delivery_id
            loops.cancel()


async def test_a_rehearsal_handed_in_by_one_kind_is_done_by_the_other(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    prepare(tmp_path)
    async with a_process(tmp_path, redis_server, None) as keyless, a_process(tmp_path, redis_server, Clerk()) as keyed:
        for patron, worker in ((keyless, keyed), (keyed, keyless)):
            async with working(worker):
                goal = await submit(patron, SOLO, rehearsal=True)
                await patron.enqueue(goal.goal_id)
                await until_completed(worker, goal.goal_id)


# -- names -----------------------------------------------------------------------------------------------------


async def _name(file: Path) -> str:
    store = SqliteStore(file)
    await store.open()
    try:
        return await store.workspace_id()
    finally:
        await store.close()


async def test_a_workspace_keeps_its_name_when_it_is_moved_and_a_copy_has_one_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "first" / "marketeer.db"
    file.parent.mkdir()
    name = await _name(file)
    shutil.copytree(file.parent, tmp_path / "copy")
    copied = await _name(tmp_path / "copy" / "marketeer.db")
    assert (len(name), len(copied), copied != name) == (16, 16, True)
    moved = file.parent.rename(tmp_path / "moved") / "marketeer.db"
    assert (await _name(moved), await _name(tmp_path / "copy" / "marketeer.db")) == (name, copied)


async def test_copies_of_a_workspace_that_was_never_named_get_two_names(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "one.db")
    await store.open()
    await store.close()
    shutil.copy(tmp_path / "one.db", tmp_path / "two.db")
    assert await _name(tmp_path / "one.db") != await _name(tmp_path / "two.db")


async def test_a_store_in_memory_has_a_name_too() -> None:
    store = SqliteStore(None)
    await store.open()
    assert await store.workspace_id() == await store.workspace_id()
    await store.close()


# -- what those who only look on are told ----------------------------------------------------------------------


async def test_whoever_follows_is_told_once_why_nothing_moves_and_once_that_it_does_again(tmp_path: Path) -> None:
    said: list[str] = []
    store, call = SqliteStore(None), Call(settings=settings_for(tmp_path), flag="", as_json=False)
    await store.open()
    weather = Weather(call, store, said.append)
    await weather.look()
    since = SystemClock().now()
    for name in (ConditionName.QUEUE_DOWN, ConditionName.API_WEAK):
        await store.begin_condition(Condition(name=name, since=since, who="a test", why="it is unplugged"))
    await weather.look()
    await weather.look()
    assert len(said) == 1
    assert "The queue is out of reach" in said[0]
    assert "it is unplugged" in said[0]
    await store.end_condition(ConditionName.QUEUE_DOWN, who="a test", now=since)
    await weather.look()
    await weather.look()
    assert said[1:] == ["The queue is back."]
    await store.close()


# -- after an outage -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    gate: Gate
    api: ApiState
    store: SqliteStore

    async def look(self) -> None:
        # As its doorbell does when another process commits.
        await self.store.data_version()
        await self.gate.look()

    def meets_an_outage(self) -> None:
        for _ in range(DOWN_AFTER):
            self.api.failed("no answer")

    def is_answered(self) -> None:
        for _ in range(2 * UP_AFTER):
            self.api.was_asked(answered=True)


@asynccontextmanager
async def a_watcher(file: Path, clock: FakeClock) -> AsyncIterator[Process]:
    """The part of a process that watches the model API."""

    async def nothing() -> None:
        return

    async def normal() -> BudgetLevel:
        return BudgetLevel.NORMAL

    async def yes() -> bool:
        return True

    store, api = SqliteStore(file), ApiState(clock)
    await store.open()
    doorbell = SqliteDoorbell(store, clock)
    gate = Gate(
        store=store,
        clock=clock,
        doorbell=doorbell,
        api=api,
        ask_api=yes,
        disk=nothing,
        budget_level=normal,
        shared=True,
    )
    try:
        yield Process(gate=gate, api=api, store=store)
    finally:
        await store.close()


async def test_after_an_outage_one_call_goes_ahead_of_those_of_all_processes(tmp_path: Path) -> None:
    clock = FakeClock()
    async with a_watcher(tmp_path / "db", clock) as here, a_watcher(tmp_path / "db", clock) as there:
        await there.look()
        here.meets_an_outage()
        await here.look()
        await there.look()
        assert there.gate.level is Level.OFFLINE
        here.is_answered()
        await here.look()
        await there.look()
        assert (there.gate.level, there.gate.agents(8), there.gate.calls_at_once) == (Level.FULL, 1, 1)
        here.api.succeeded()
        await here.look()
        await there.look()
        assert (there.gate.agents(8), there.gate.calls_at_once, await there.store.conditions()) == (8, None, [])


async def test_a_call_ahead_that_fails_is_an_outage_for_all(tmp_path: Path) -> None:
    clock = FakeClock()
    async with a_watcher(tmp_path / "db", clock) as here, a_watcher(tmp_path / "db", clock) as there:
        here.meets_an_outage()
        here.is_answered()
        await here.look()
        await there.look()
        assert there.gate.calls_at_once == 1
        here.api.failed("lost", lost=True)
        await here.look()
        await there.look()
        assert [each.name for each in await there.store.conditions()] == [ConditionName.API_DOWN]
        assert there.gate.level is Level.OFFLINE


async def test_the_trial_that_a_dead_process_has_left_is_ended_by_the_next_call_of_another(tmp_path: Path) -> None:
    clock = FakeClock()
    async with a_watcher(tmp_path / "db", clock) as dead:
        dead.meets_an_outage()
        dead.is_answered()
        await dead.look()
    async with a_watcher(tmp_path / "db", clock) as there:
        await there.look()
        assert (there.gate.agents(8), there.gate.calls_at_once) == (1, 1)
        there.api.succeeded()
        await there.look()
        assert (there.gate.agents(8), await there.store.conditions()) == (8, [])
