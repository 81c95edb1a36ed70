"""The store: everything it is asked for, joined."""

from __future__ import annotations

from typing import Protocol

from marketeer.ports.documents import DocumentStore
from marketeer.ports.events import EventStore
from marketeer.ports.goals import GoalStore
from marketeer.ports.learnings import LearningStore
from marketeer.ports.money import MoneyStore
from marketeer.ports.notices import NoticeStore
from marketeer.ports.schedules import ScheduleStore
from marketeer.ports.state import StateStore


class Store(
    GoalStore, StateStore, MoneyStore, DocumentStore, EventStore, ScheduleStore, NoticeStore, LearningStore, Protocol
):
    """The truth. Every write is one transaction, durable when the call returns.

    Safe for concurrent use from one event loop, and beside other processes on the same workspace.
    """

    async def flush(self) -> None:
        """Returns when every write begun before is carried out or has failed, also one whose caller has gone."""
        ...
