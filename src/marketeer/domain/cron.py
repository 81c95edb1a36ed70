"""Cron: the instants an expression means in a time zone. What the clocks do in spring and autumn is told here.

Debian's cron is followed: a time of day that is skipped in spring comes at the first instant that exists, and one that
comes twice in autumn counts once, the first time. Expressions that begin their minutes or hours with `*`, and those
with seconds, follow elapsed time: an hour that does not exist has no slots, and one that comes twice has them twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MONTH = timedelta(days=365) / 12
# Enough to tell how often an expression comes, however rarely it does.
_COUNTED = 2_000
_YEARS = 4


def cron_fault(cron: str) -> str | None:
    """What is wrong with an expression, None when nothing is."""
    try:
        first = next(CronSim(cron, datetime(2026, 1, 1)), None)  # noqa: DTZ001 - days and times of day, in no zone
    except CronSimError as exc:
        example = 'give minute, hour, day of month, month and day of week, such as "0 6 * * *"'
        return f"cron {cron!r} cannot be read ({str(exc)[:1].lower()}{str(exc)[1:]}); {example}"
    if first is None:
        return f"cron {cron!r} never comes; give a day that exists"
    return None


def zone_fault(zone: str) -> str | None:
    """What is wrong with the name of a time zone, None when nothing is."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"zone {zone!r} is no name of the IANA time zone database; give one such as Europe/Berlin or UTC"
    return None


def slots(cron: str, zone: str, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """`after` < slot <= `until`, in UTC and rising; without end when `until` is None."""
    last = after
    for local in CronSim(cron, after.astimezone(ZoneInfo(zone))):
        slot = local.astimezone(UTC)
        if until is not None and slot > until:
            return
        # In the hour that comes twice, an expression for a time of day names the first time, which may be over.
        if slot > last:
            yield slot
            last = slot


def next_slot(cron: str, zone: str, after: datetime) -> datetime | None:
    """None when it does not come within 50 years."""
    return next(slots(cron, zone, after), None)


def slots_a_month(cron: str, zone: str, now: datetime) -> float:
    """How often it comes in an average month, judged by the years ahead."""
    until = now + timedelta(days=365 * _YEARS)
    counted = list(islice(slots(cron, zone, now, until), _COUNTED))
    span = counted[-1] - now if len(counted) == _COUNTED else until - now
    return len(counted) * (MONTH / span)
