"""How things stand in the workspace, as far as it decides whether schedules begin anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.condition import ConditionName
from marketeer.domain.degradation import Disk, Facts
from marketeer.domain.firing import Circumstances
from marketeer.ports import Clock, Store

DISK_LIMIT_S = 2.0


async def look_around(
    store: Store,
    clock: Clock,
    *,
    disk: Callable[[], Awaitable[Disk | None]],
    budget_level: Callable[[], Awaitable[BudgetLevel]],
    rehearsal: bool,
) -> Circumstances:
    """From the store and the disk alone: what other processes have found out about the model API stands there."""
    known = {condition.name: condition for condition in await store.conditions()}
    facts = Facts(
        api_down=ConditionName.API_DOWN in known,
        api_weak=ConditionName.API_WEAK in known,
        disk=await _disk(disk),
        budget=BudgetLevel.NORMAL if rehearsal else await budget_level(),
    )
    paused = known.get(ConditionName.PAUSED)
    return Circumstances(now=clock.now(), facts=facts.for_rehearsals() if rehearsal else facts, paused=paused)


async def _disk(disk: Callable[[], Awaitable[Disk | None]]) -> Disk | None:
    try:
        async with asyncio.timeout(DISK_LIMIT_S):
            return await disk()
    except TimeoutError:
        return None
