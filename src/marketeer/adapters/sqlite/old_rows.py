"""What is pruned by its age alone: answers to slots long past, and events long decided."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketeer.adapters.sqlite import event_rows, schedules


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRows:
    """Rows of a table that may go once they are `kept` so long. `remove` takes at most `at_once` of them."""

    table: str
    kept: timedelta
    at_once: int
    count: Callable[[sqlite3.Connection, datetime], int]
    remove: Callable[[sqlite3.Connection, datetime], int]

    def before(self, asked: datetime, now: datetime) -> datetime:
        return min(asked, now - self.kept)

    def steps(self, rows: int) -> int:
        """How many times to remove some."""
        return -(-rows // self.at_once)


KINDS = (
    OldRows(
        table="firings",
        kept=schedules.KEPT,
        at_once=schedules.AT_ONCE,
        count=schedules.count_old,
        remove=schedules.remove_old,
    ),
    OldRows(
        table="events",
        kept=event_rows.KEPT,
        at_once=event_rows.AT_ONCE,
        count=event_rows.count_old,
        remove=event_rows.remove_old,
    ),
)
