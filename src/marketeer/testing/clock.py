"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta

# Real seconds without a new sleep after which everything is taken to be asleep.
IDLE_S = 0.002
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class FakeClock:
    """Implements `ports.Clock`. `advance` moves time and wakes the sleepers whose moment has come.

    With `auto` time jumps to the next sleeper's moment whenever everything has been asleep for a moment: waits cost
    next to nothing, and keep their order. `idle_s` is how long that moment is, in real seconds.
    """

    def __init__(self, start: datetime = START, *, auto: bool = False, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._start = start
        self._elapsed_s = 0.0
        self._auto = auto
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._sleeps = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    @property
    def sleepers(self) -> int:
        """How many sleeps have not ended yet."""
        return sum(not future.done() for _, _, future in self._sleepers)

    @property
    def next_wake(self) -> float | None:
        """The moment, by `monotonic`, at which the next sleep ends; None when nobody sleeps."""
        return min((moment for moment, _, future in self._sleepers if not future.done()), default=None)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._sleeps += 1  # breaks ties: equal moments wake in the order the sleeps began
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, self._sleeps, future))
        if self._auto:
            loop.call_later(self._idle_s, self._jump, self._sleeps)
        await future

    def _jump(self, sleeps: int) -> None:
        """Nobody has gone to sleep since: move to the moment the next one wakes."""
        if sleeps != self._sleeps:
            return
        moment = self.next_wake
        if moment is not None:
            self.advance(moment - self._elapsed_s)
            asyncio.get_running_loop().call_later(self._idle_s, self._jump, sleeps)

    def advance(self, seconds: float) -> None:
        """Move time forward. Woken code runs when the caller next yields to the loop, and sees the new time."""
        if seconds < 0:
            msg = f"time cannot go back by {seconds!r} s: advance by 0 or more"
            raise ValueError(msg)
        self._elapsed_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
