"""How work flows: what waits, runs and is done, how long steps wait, and how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Seconds that half, 95% and 99% of the newest steps did not exceed."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Steps of all goals, rehearsals included. `failed` are tasks that failed for good and nobody has looked after.
    `wait_s` (due to taken up) and `processing_s` are None before anything was done."""

    waiting: int
    active: int
    delayed: int
    completed: int
    failed: int
    oldest_waiting: datetime | None
    wait_s: Quantiles | None
    processing_s: Quantiles | None


def quantiles(seconds: Sequence[float]) -> Quantiles | None:
    ordered = sorted(seconds)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99))
    return Quantiles(p50=p50, p95=p95, p99=p99)
