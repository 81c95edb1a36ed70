"""Leases: the items in hand are kept together, and work on one that was lost stops by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from marketeer.domain.errors import StoreUnavailable
from marketeer.domain.work import WorkItem
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store

HEARTBEATS_A_LEASE = 3

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Lease:
    """`until` is on the monotonic clock, in seconds. `lost` is set before the work is cancelled for it."""

    item: WorkItem
    work: asyncio.Task[Any]
    until: float
    lost: bool = False


class Leases:
    def __init__(self, store: Store, clock: Clock, *, lease_s: float) -> None:
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        # Not by item: one that was lost may be claimed here again while its first work still winds up.
        self._held: set[Lease] = set()

    @contextlib.contextmanager
    def holding(self, item: WorkItem) -> Iterator[Lease]:
        """Keep the item's lease while the current task works on it. The task is cancelled when it is lost."""
        work = asyncio.current_task()
        assert work is not None  # noqa: S101 - only ever called from a slot of the worker
        lease = Lease(item=item, work=work, until=self._clock.monotonic() + self._lease_s)
        self._held.add(lease)
        try:
            yield lease
        finally:
            self._held.discard(lease)

    async def keep(self) -> None:
        """Until cancelled. A heartbeat has a time limit of its own; an item past its lease is lost for any reason."""
        pause_s = self._lease_s / HEARTBEATS_A_LEASE
        while True:
            await self._clock.sleep(pause_s)
            held = list(self._held)
            if held:
                await self._extend(held, pause_s)

    async def _extend(self, held: list[Lease], limit_s: float) -> None:
        asked_at = self._clock.monotonic()
        until = self._clock.now() + timedelta(seconds=self._lease_s)
        try:
            async with asyncio.timeout(limit_s):
                gone = set(await self._store.extend_leases([lease.item for lease in held], until=until))
        except (TimeoutError, StoreUnavailable) as exc:
            log.warning("heartbeat_failed", items=len(held), error=str(exc))
            now = self._clock.monotonic()
            gone = {lease.item.work_item_id for lease in held if lease.until <= now}
        else:
            for lease in held:
                lease.until = asked_at + self._lease_s
        for lease in held:
            if lease in self._held and lease.item.work_item_id in gone:
                lease.lost = True
                lease.work.cancel()
