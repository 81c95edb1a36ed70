"""The roll: which processes work on a workspace that many share, and when each was last heard of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# A worker that has been silent for so many leases is dead, or as good as dead.
DEAD_AFTER_LEASES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEntry:
    """One working process. `owner` is its name in leases and reservations; `lease_s` the time it takes its work for."""

    owner: str
    host: str
    pid: int
    parallel: int
    lease_s: float
    started_at: datetime
    seen_at: datetime

    def is_silent(self, now: datetime) -> bool:
        return now - self.seen_at > timedelta(seconds=DEAD_AFTER_LEASES * self.lease_s)
