"""The pace: how many model calls may run at once, and begin within a minute, over all processes of a workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """None is no limit. Rehearsals call nobody, and keep to none."""

    at_once: int | None = None
    a_minute: int | None = None

    @property
    def is_free(self) -> bool:
        return self.at_once is None and self.a_minute is None

    def at_most(self, at_once: int | None) -> Pace:
        """With no more calls at once than this either; None: as it is."""
        if at_once is None or (self.at_once is not None and self.at_once <= at_once):
            return self
        return replace(self, at_once=at_once)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A call has to. `until` is when the minute has room again; None when others have to end first."""

    until: datetime | None = None
