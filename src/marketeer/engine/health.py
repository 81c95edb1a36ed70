"""Health as anybody can see it from the store and the disk, each component within a time limit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Disk, Facts, Level, degradation
from marketeer.domain.errors import MarketeerError
from marketeer.domain.health import (
    BudgetState,
    Check,
    Component,
    Health,
    State,
    check_api,
    check_budget,
    check_disk,
    check_pipelines,
    check_queue,
    check_store,
    health,
)
from marketeer.ports import Clock, Store

T = TypeVar("T")
LIMITS_S = {
    Component.STORE: 5.0,
    Component.QUEUE: 5.0,
    Component.DISK: 2.0,
    Component.BUDGET: 2.0,
    Component.PIPELINES: 2.0,
}


class _NoAnswer(Exception):
    """A component that could not say how it does."""


async def look_at_health(
    store: Store,
    clock: Clock,
    *,
    disk: Callable[[], Awaitable[Disk | None]],
    budget: Callable[[], Awaitable[BudgetState]],
    has_key: bool,
    worked_on: bool,
) -> Health:
    """`worked_on`: whether a process works here now."""
    try:
        conditions = await _answer(Component.STORE, store.conditions())
    except _NoAnswer as exc:
        return await without_store(str(exc), disk=disk)
    known = {condition.name: condition for condition in conditions}
    checks: list[Check] = [check_store(None), check_api(conditions, has_key=has_key, worked_on=worked_on)]
    facts = Facts(api_down=ConditionName.API_DOWN in known, api_weak=ConditionName.API_WEAK in known)
    found, check = await _disk(disk)
    checks.append(check)
    try:
        money = await _answer(Component.BUDGET, budget())
        checks.append(check_budget(money))
        blocked = await _answer(Component.PIPELINES, store.blocked_pipelines())
        checks.append(check_pipelines(blocked))
        facts = Facts(
            api_down=facts.api_down,
            api_weak=facts.api_weak,
            disk=found,
            budget=money.level,
            blocked_pipelines=tuple(blocked),
        )
        paused = known.get(ConditionName.PAUSED)
        held = paused is not None or degradation(facts) is not Level.FULL
        depth = await _answer(Component.QUEUE, store.queue_depth(now=clock.now()))
        checks.insert(1, check_queue(depth, worked_on=worked_on, held=held, now=clock.now()))
    except _NoAnswer as exc:
        return await without_store(str(exc), disk=disk)
    return health(facts, checks, paused)


async def without_store(trouble: str, *, disk: Callable[[], Awaitable[Disk | None]]) -> Health:
    """Of a workspace whose database cannot be read."""
    found, check = await _disk(disk)
    return health(Facts(store_down=True, disk=found), [check_store(trouble), check], None)


async def _disk(disk: Callable[[], Awaitable[Disk | None]]) -> tuple[Disk | None, Check]:
    try:
        found = await _answer(Component.DISK, disk())
    except _NoAnswer as exc:
        return None, Check(component=Component.DISK, state=State.OFFLINE, reason=str(exc))
    return found, check_disk(found)


async def _answer(component: Component, asked: Awaitable[T]) -> T:
    limit_s = LIMITS_S[component]
    try:
        async with asyncio.timeout(limit_s):
            return await asked
    except TimeoutError as exc:
        msg = f"no answer within {limit_s:g} s"
        raise _NoAnswer(msg) from exc
    except MarketeerError as exc:
        raise _NoAnswer(str(exc)) from exc


def pause_words(paused: Condition) -> str:
    why = f": {paused.why}" if paused.why else ""
    return f"Everything is paused since {paused.since:%Y-%m-%d %H:%M} UTC by {paused.who}{why}"
