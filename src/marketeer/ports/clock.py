"""Time, as the engine sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time. The only source of `now` and the only way to wait for a moment."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float:
        """Seconds that only rise, for measuring spans."""
        ...

    async def sleep(self, seconds: float) -> None: ...
