"""The machine's clock: the one place that reads the time, and in which zone people read it."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Smaller steps back are how a clock is kept right; what is due is then late by no more than this.
STEP_S = 1.0
ZONE_LINK = Path("/etc/localtime")
ZONE_FILE = Path("/etc/timezone")
ZONE_FOLDER = "zoneinfo"


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


def machine_zone_name() -> str:
    """The IANA name of the machine's time zone, `UTC` when it has none: from TZ, else as the system keeps it."""
    for name in (os.environ.get("TZ", "").removeprefix(":"), _linked_zone(), _written_zone()):
        if name and _is_zone(name):
            return name
    return "UTC"


def _linked_zone() -> str:
    """`/usr/share/zoneinfo/Europe/Berlin` is what /etc/localtime leads to on most systems."""
    try:
        parts = ZONE_LINK.readlink().parts
    except OSError:
        return ""
    return "/".join(parts[parts.index(ZONE_FOLDER) + 1 :]) if ZONE_FOLDER in parts else ""


def _written_zone() -> str:
    try:
        return ZONE_FILE.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
