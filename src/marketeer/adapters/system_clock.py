"""The machine's clock: the one place that reads the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, tzinfo


class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def machine_zone() -> tzinfo:
    """The machine's own time zone."""
    return datetime.now().astimezone().tzinfo or UTC
