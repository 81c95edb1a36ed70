"""Health of an open workspace, for every face alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketeer.adapters.workspace import FileWorkspace, daemon_pid
from marketeer.domain.health import Health
from marketeer.engine.health import budget_state, look_at_health
from marketeer.engine.schedule_book import ScheduleBook
from marketeer.engine.schedule_health import look_at_schedules
from marketeer.ports import Clock, Store

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.settings import Settings


async def health_of(
    settings: Settings, store: Store, workspace: FileWorkspace, clock: Clock, book: ScheduleBook
) -> Health:
    worker = workspace.worker()
    return await look_at_health(
        store,
        clock,
        disk=workspace.disk,
        budget=lambda: budget_state(store, clock, cap_usd=settings.budget_monthly),
        has_key=settings.anthropic_api_key is not None,
        worked_on=worker is not None,
        schedules=lambda: look_at_schedules(store, clock, book, running=workspace.has_scheduler()),
        daemon_pid=daemon_pid(worker),
    )
