"""The machine's clock: the one place that reads the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, tzinfo

# Smaller steps back are how a clock is kept right; what is due is then late by no more than this.
STEP_S = 1.0


class SystemClock:
    """Implements `ports.Clock`. Within a process `now` follows a clock that is put forward (or a machine that slept),
    but not one that is put back: due times, leases and months are not met twice, and nothing waits an hour."""

    def __init__(self) -> None:
        self._known = datetime.now(UTC)
        self._at = time.monotonic()

    def now(self) -> datetime:
        told, moment = datetime.now(UTC), time.monotonic()
        passed = self._known + timedelta(seconds=moment - self._at)
        if (passed - told).total_seconds() > STEP_S:
            return passed
        self._known, self._at = told, moment
        return told

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def machine_zone() -> tzinfo:
    """The machine's own time zone."""
    return datetime.now().astimezone().tzinfo or UTC
