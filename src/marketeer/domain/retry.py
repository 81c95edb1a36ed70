"""When to try again: exponential backoff with jitter that is the same every time it is asked."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

MIN_ATTEMPTS = 8
MIN_SPAN = timedelta(minutes=10)
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 120.0
# Longer waits than this are called deferred: the task is not about to move.
DEFER_AFTER = timedelta(seconds=60)
OUTAGE_DELAY = timedelta(seconds=30)
# A server may wish for more, but we look again after an hour.
LONGEST_WISH_S = 3600.0


def retry_delay(*, attempts: int, key: str, retry_after_s: float | None) -> timedelta:
    """The wait after this many failed attempts; `key` seeds the jitter (50% to 100% of the backoff)."""
    backoff = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(attempts - 1, 10))
    digest = hashlib.sha256(f"{key}#{attempts}".encode()).digest()
    jittered = backoff * (0.5 + digest[0] / 510)
    return max(timedelta(seconds=jittered), _wish(retry_after_s))


def outage_delay(*, retry_after_s: float | None) -> timedelta:
    """The wait of a task that has met an outage. No backoff: while the API is down one asks for all."""
    return max(OUTAGE_DELAY, _wish(retry_after_s))


def exhausted(*, attempts: int, first_attempt_at: datetime, now: datetime) -> bool:
    """True after 8 attempts and 10 minutes, whichever is later."""
    return attempts >= MIN_ATTEMPTS and now - first_attempt_at >= MIN_SPAN


def _wish(retry_after_s: float | None) -> timedelta:
    return timedelta(seconds=min(retry_after_s or 0.0, LONGEST_WISH_S))
