"""How many calls run at once, and who goes next."""

from __future__ import annotations

import asyncio
from collections import deque

from marketeer.domain.errors import ConfigurationError

SUCCESSES_TO_GROW = 2


class AdaptiveLimit:
    """How many calls may run at once: one after a rate limit, then one more for every two that succeed."""

    def __init__(self, maximum: int) -> None:
        if maximum < 1:
            msg = f"at least 1 call must be allowed at once, not {maximum!r}: raise the limit on parallel calls"
            raise ConfigurationError(msg)
        self._maximum = maximum
        self._current = maximum
        self._successes = 0

    @property
    def current(self) -> int:
        return self._current

    @property
    def is_lowered(self) -> bool:
        return self._current < self._maximum

    def rate_limited(self) -> None:
        self._current = 1
        self._successes = 0

    def succeeded(self) -> None:
        if not self.is_lowered:
            return
        self._successes += 1
        if self._successes == SUCCESSES_TO_GROW:
            self._successes = 0
            self._current += 1


class Turns:
    """Lets in as many as the limit allows, first come first served."""

    def __init__(self, limit: AdaptiveLimit) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        if not self._waiting and self._inside < self._limit.current:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            else:  # given the turn in the very moment of giving up
                self.leave()
            raise

    def leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self._limit.current:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
