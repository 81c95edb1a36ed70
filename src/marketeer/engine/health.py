"""Health as anybody can see it from the store and the disk, each component within a time limit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from marketeer.domain.budget import BudgetLevel, budget_level, month_key
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Disk, Facts, Level, degradation, what_it_does
from marketeer.domain.errors import MarketeerError
from marketeer.domain.flow import Flow
from marketeer.domain.health import (
    BudgetState,
    Check,
    Component,
    Health,
    State,
    check_api,
    check_budget,
    check_daemon,
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
    Component.SCHEDULER: 5.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Silent:
    """What a component comes to that did not say how it does."""

    why: str


async def look_at_health(
    store: Store,
    clock: Clock,
    *,
    disk: Callable[[], Awaitable[Disk | None]],
    budget: Callable[[], Awaitable[BudgetState]],
    has_key: bool,
    worked_on: bool,
    schedules: Callable[[], Awaitable[Check]],
    daemon_pid: int | None = None,
) -> Health:
    """`worked_on`: whether a process works here now; `daemon_pid` is set when that is a daemon. `schedules` tells
    whether every slot has its answer."""
    conditions, depth, room, money, blocked, slots = await asyncio.gather(
        _answer(Component.STORE, store.conditions()),
        _answer(Component.QUEUE, store.queue_depth(now=clock.now())),
        _answer(Component.DISK, disk()),
        _answer(Component.BUDGET, budget()),
        _answer(Component.PIPELINES, store.blocked_pipelines()),
        _answer(Component.SCHEDULER, schedules()),
    )
    flow = await _answer(Component.QUEUE, store.flow(now=clock.now()))
    known = {} if isinstance(conditions, _Silent) else {each.name: each for each in conditions}
    facts = Facts(
        # What cannot be read keeps work from being recorded, whatever it was asked for.
        store_down=any(isinstance(each, _Silent) for each in (conditions, depth, money, blocked)),
        # Where nobody works, nobody has looked since.
        queue_down=worked_on and ConditionName.QUEUE_DOWN in known,
        api_down=ConditionName.API_DOWN in known,
        api_weak=ConditionName.API_WEAK in known,
        disk=None if isinstance(room, _Silent) else room,
        budget=BudgetLevel.NORMAL if isinstance(money, _Silent) else money.level,
        blocked_pipelines=() if isinstance(blocked, _Silent) else tuple(blocked),
    )
    paused = known.get(ConditionName.PAUSED)
    queue = partial(
        check_queue,
        worked_on=worked_on,
        held=paused is not None or degradation(facts) is not Level.FULL,
        now=clock.now(),
        lost=known.get(ConditionName.QUEUE_DOWN) if worked_on else None,
    )
    api = partial(check_api, has_key=has_key, worked_on=worked_on)
    checks = (
        _check(Component.STORE, conditions, lambda _: check_store(None)),
        _check(Component.QUEUE, depth, queue),
        _check(Component.MODEL_API, conditions, api),
        _check(Component.DISK, room, check_disk),
        _check(Component.BUDGET, money, check_budget),
        _check(Component.PIPELINES, blocked, check_pipelines),
        _check(Component.SCHEDULER, slots, lambda found: found),
        _check(Component.DAEMON, conditions, partial(check_daemon, daemon_pid=daemon_pid)),
    )
    return replace(health(facts, checks, paused), flow=None if isinstance(flow, _Silent) else flow)


async def without_store(trouble: str, *, disk: Callable[[], Awaitable[Disk | None]]) -> Health:
    """Of a workspace whose database cannot be read."""
    room = await _answer(Component.DISK, disk())
    facts = Facts(store_down=True, disk=None if isinstance(room, _Silent) else room)
    return health(facts, (check_store(trouble), _check(Component.DISK, room, check_disk)), None)


def _check(component: Component, found: T | _Silent, judge: Callable[[T], Check]) -> Check:
    if isinstance(found, _Silent):
        return Check(component=component, state=State.OFFLINE, reason=found.why)
    return judge(found)


async def _answer(component: Component, asked: Awaitable[T]) -> T | _Silent:
    limit_s = LIMITS_S[component]
    try:
        async with asyncio.timeout(limit_s):
            return await asked
    except TimeoutError:
        return _Silent(why=f"no answer within {limit_s:g} s")
    except MarketeerError as exc:
        return _Silent(why=str(exc))


async def budget_state(store: Store, clock: Clock, *, cap_usd: Decimal) -> BudgetState:
    """This month's; `cap_usd` is the cap while none is stored."""
    month = month_key(clock.now())
    budget, spend = await store.month_budget(month), await store.month_spend(month)
    cap_usd = budget.cap_usd if budget is not None else cap_usd
    level = budget_level(settled_usd=spend.settled_usd, cap_usd=cap_usd)
    return BudgetState(level=level, settled_usd=spend.settled_usd, cap_usd=cap_usd)


def pause_words(paused: Condition) -> str:
    why = f": {paused.why}" if paused.why else ""
    return f"Everything is paused since {paused.since:%Y-%m-%d %H:%M} UTC by {paused.who}{why}"


def health_document(found: Health) -> dict[str, Any]:
    """What `health --json` prints and the server answers those who may see it."""
    paused = found.paused
    return {
        "level": found.level.value,
        "effect": what_it_does(found.level),
        "components": [
            {"component": check.component.value, "state": check.state.value, "reason": check.reason}
            for check in found.checks
        ],
        "paused": {"since": paused.since.isoformat(), "by": paused.who, "why": paused.why} if paused else None,
        "queue": _flow_document(found.flow) if found.flow is not None else None,
    }


def _flow_document(flow: Flow) -> dict[str, Any]:
    return {
        "waiting": flow.waiting,
        "active": flow.active,
        "delayed": flow.delayed,
        "completed": flow.completed,
        "failed": flow.failed,
        "oldest_waiting": flow.oldest_waiting.isoformat() if flow.oldest_waiting else None,
        "wait_s": asdict(flow.wait_s) if flow.wait_s else None,
        "processing_s": asdict(flow.processing_s) if flow.processing_s else None,
    }
