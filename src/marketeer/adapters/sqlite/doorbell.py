"""The doorbell of the embedded store: our own commits ring at once, other processes' within a quarter second."""

from __future__ import annotations

import asyncio

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.ports import Clock

LOOK_EVERY_S = 0.25


class SqliteDoorbell:
    """See ports.Doorbell. `watch()` runs beside whoever waits."""

    def __init__(self, store: SqliteStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._rings = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._known: int | None = None

    @property
    def rings(self) -> int:
        return self._rings

    def ring(self) -> None:
        self._rings += 1
        for rung in self._waiting:
            if not rung.done():
                rung.set_result(None)

    async def wait(self, seen: int, timeout_s: float) -> int:
        if self._rings == seen and timeout_s > 0:
            rung = asyncio.get_running_loop().create_future()
            self._waiting.add(rung)
            try:
                async with asyncio.TaskGroup() as group:
                    timer = group.create_task(self._clock.sleep(timeout_s))
                    await asyncio.wait((rung, timer), return_when=asyncio.FIRST_COMPLETED)
                    timer.cancel()
            finally:
                self._waiting.discard(rung)
        return self._rings

    async def watch(self) -> None:
        """Ring when another process has committed."""
        self._known = await self._store.data_version()
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Ring if another process has committed since the last look."""
        version = await self._store.data_version()
        if version != self._known:
            self._known = version
            self.ring()
