"""What many may ask for is worked out once: for all who ask at the same moment, and for a while after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from marketeer.ports import Clock

T = TypeVar("T")


class Fresh(Generic[T]):
    """The answer of `work_out`, kept for `kept_s`. A failure is not kept: whoever asks next tries again."""

    def __init__(self, work_out: Callable[[], Awaitable[T]], clock: Clock, *, kept_s: float) -> None:
        self._work_out = work_out
        self._clock = clock
        self._kept_s = kept_s
        self._asking = asyncio.Lock()
        self._known: tuple[float, T] | None = None

    async def get(self) -> tuple[T, float]:
        """The answer and its age in seconds."""
        async with self._asking:
            if self._known is None or self._clock.monotonic() - self._known[0] > self._kept_s:
                # As of the moment in which it began: that is what the numbers may lack.
                began = self._clock.monotonic()
                self._known = (began, await self._work_out())
            at, answer = self._known
            return answer, self._clock.monotonic() - at
