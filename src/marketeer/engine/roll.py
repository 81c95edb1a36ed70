"""The roll call: a process that shares its work says that it is alive, and books what the silent ones have left."""

from __future__ import annotations

from dataclasses import replace

from marketeer.domain.errors import StoreUnavailable
from marketeer.domain.roll import WorkerEntry
from marketeer.logs import get_logger
from marketeer.ports import Clock, Store

CALLS_A_LEASE = 3

log = get_logger(__name__)


class Roll:
    def __init__(self, store: Store, clock: Clock, entry: WorkerEntry) -> None:
        self._store = store
        self._clock = clock
        self._entry = entry

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await self.call()
            await self._clock.sleep(self._entry.lease_s / CALLS_A_LEASE)

    async def call(self) -> None:
        """Once. Steps of the dead come back with their leases; only their money needs somebody to look after it."""
        now = self._clock.now()
        for owner in await self._store.worker_seen(replace(self._entry, seen_at=now)):
            booked = await self._store.book_orphans(owner=owner, now=now)
            if booked:
                log.warning("calls_of_dead_process_booked_as_estimates", calls=booked, owner=owner)

    async def leave(self) -> None:
        """What cannot be said now is seen by the silence."""
        try:
            await self._store.worker_left(self._entry.owner)
        except StoreUnavailable as exc:
            log.warning("left_without_a_word", error=str(exc))
