"""The doorbell over Redis: what one process commits, the others hear at once.

It stands before the store's own doorbell, which goes on looking for commits of processes that know no Redis, and
serves alone while Redis is out of reach.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol
from uuid import uuid4

from redis.asyncio.client import PubSub
from redis.exceptions import ResponseError

from marketeer.adapters.bullmq_queue.link import LONGEST_WAIT_S, TROUBLE, RedisLink, not_cancelled
from marketeer.domain.errors import StoreUnavailable
from marketeer.ports import Clock, Doorbell

# A burst of commits is one message.
BUNDLE_S = 0.02
STORE_AGAIN_S = 1.0
# What was refused says nothing of the connection, and the store's own doorbell rings as well, only later.
REFUSED_S = 5.0


class StoreDoorbell(Doorbell, Protocol):
    """What the store itself can tell."""

    async def watch(self) -> None: ...

    async def look(self) -> None:
        """Ring if another process has committed."""
        ...


class RedisDoorbell:
    """See ports.Doorbell. `watch()` runs beside whoever waits."""

    def __init__(self, inner: StoreDoorbell, link: RedisLink, clock: Clock) -> None:
        self._inner = inner
        self._link = link
        self._clock = clock
        self._channel = link.bell
        self._me = uuid4().hex
        self._to_tell = asyncio.Event()

    @property
    def rings(self) -> int:
        return self._inner.rings

    def ring(self) -> None:
        self._inner.ring()
        self._to_tell.set()

    async def wait(self, seen: int, timeout_s: float) -> int:
        return await self._inner.wait(seen, timeout_s)

    async def watch(self) -> None:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._watch_store(), name="store's doorbell")
            loops.create_task(self._tell(), name="telling")
            loops.create_task(self._listen(), name="listening")

    async def _watch_store(self) -> None:
        while not_cancelled():
            try:
                await self._inner.watch()
            except StoreUnavailable:
                # Whoever reads or writes it hears of that too, and says so.
                await self._clock.sleep(STORE_AGAIN_S)

    async def _tell(self) -> None:
        while not_cancelled():
            await self._to_tell.wait()
            self._to_tell.clear()
            if self._link.is_up:
                try:
                    await self._link.brisk.publish(self._channel, self._me)
                except ResponseError:
                    await self._clock.sleep(REFUSED_S)
                except TROUBLE as exc:
                    self._link.failed(exc)
            await self._clock.sleep(BUNDLE_S)

    async def _listen(self) -> None:
        while not_cancelled():
            await self._link.wait_until_up()
            try:
                async with self._link.patient.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(self._channel)
                    await self._hear(channel)
            except ResponseError:
                await self._clock.sleep(REFUSED_S)
            except TROUBLE as exc:
                self._link.failed(exc)
                await self._clock.sleep(0.1)

    async def _hear(self, channel: PubSub) -> None:
        while not_cancelled():
            message = await channel.get_message(timeout=LONGEST_WAIT_S)
            if message is not None and message["data"] != self._me:
                with suppress(StoreUnavailable):
                    await self._inner.look()
