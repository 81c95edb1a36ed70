"""Health as the store and the disk tell it: each part for itself, and one that hangs holds no other up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.budget import BudgetLevel
from marketeer.domain.degradation import Disk, Level
from marketeer.domain.errors import StoreUnavailable
from marketeer.domain.health import BudgetState, Check, Component, Health, State, check_scheduler
from marketeer.engine import health as health_module
from marketeer.engine.health import look_at_health

GB = 10**9
# Longer than any test may take.
FOR_EVER_S = 3600


async def roomy() -> Disk | None:
    return Disk(free=50 * GB, total=100 * GB)


async def solvent() -> BudgetState:
    return BudgetState(level=BudgetLevel.NORMAL, settled_usd=Decimal(1), cap_usd=Decimal(100))


async def hangs() -> Any:
    await asyncio.sleep(FOR_EVER_S)


async def fails() -> Any:
    msg = "the disk is full"
    raise StoreUnavailable(msg)


async def regular() -> Check:
    return check_scheduler(running=False)


@asynccontextmanager
async def a_store(folder: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(folder / "marketeer.db")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def looked(
    store: SqliteStore,
    disk: Callable[[], Awaitable[Disk | None]] = roomy,
    budget: Callable[[], Awaitable[BudgetState]] = solvent,
) -> Health:
    return await look_at_health(
        store, SystemClock(), disk=disk, budget=budget, has_key=True, worked_on=False, schedules=regular
    )


def states(found: Health) -> dict[Component, State]:
    return {check.component: check.state for check in found.checks}


async def test_all_is_well_in_a_new_workspace(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        found = await looked(store)
    assert (found.level, set(states(found).values()), list(found.behind_level)) == (Level.FULL, {State.HEALTHY}, [])


@pytest.mark.parametrize("trouble", [hangs, fails])
@pytest.mark.parametrize(
    ("asked", "silent"),
    [
        ("conditions", {Component.STORE, Component.MODEL_API, Component.DAEMON}),
        ("queue_depth", {Component.QUEUE}),
        ("blocked_pipelines", {Component.PIPELINES}),
    ],
)
async def test_a_part_that_hangs_or_fails_is_offline_within_its_limit_and_the_others_answer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[], Awaitable[Any]],
    asked: str,
    silent: set[Component],
) -> None:
    monkeypatch.setattr(health_module, "LIMITS_S", dict.fromkeys(health_module.LIMITS_S, 0.1))
    async with a_store(tmp_path) as store:
        monkeypatch.setattr(store, asked, lambda **_: trouble())
        found = await looked(store)
    assert {component for component, state in states(found).items() if state is State.OFFLINE} == silent
    assert found.level is Level.OFFLINE
    reason = next(check.reason for check in found.checks if check.component in silent)
    assert reason == ("the disk is full" if trouble is fails else "no answer within 0.1 s")


async def test_a_disk_or_a_bill_that_hangs_is_told_of_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        health_module, "LIMITS_S", health_module.LIMITS_S | {Component.DISK: 0.1, Component.BUDGET: 0.1}
    )
    async with a_store(tmp_path) as store:
        no_disk = await looked(store, disk=hangs)
        no_bill = await looked(store, budget=hangs)
    assert [check.component for check in no_disk.behind_level] == [Component.DISK]
    assert [check.component for check in no_bill.behind_level] == [Component.BUDGET]
    assert no_bill.level is Level.OFFLINE


def test_every_part_that_is_asked_has_a_limit_of_its_own() -> None:
    assert set(health_module.LIMITS_S) == set(Component) - {Component.MODEL_API, Component.DAEMON}
