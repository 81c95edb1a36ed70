"""Spare hands: one commit may claim steps for several of a process, one for whoever brought it, the rest for those who
wait at the queue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from marketeer.domain.work import WorkItem
from marketeer.ports import WorkQueue


class SpareHands:
    """Counts who is free for what a commit claims, and hands it over."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        # Of commits under way, which may claim that many or fewer.
        self._promised = 0
        self._given: dict[str, WorkItem] = {}

    def free(self, room: int) -> int:
        """How many wait here and were promised to nobody, where so many more may be at work."""
        return max(0, min(self._queue.idle, room) - self._promised)

    @contextlib.contextmanager
    def promised(self, hands: int) -> Iterator[None]:
        """While a commit that may need them is under way."""
        self._promised += hands
        try:
            yield
        finally:
            self._promised -= hands

    def give(self, items: Sequence[WorkItem]) -> Sequence[WorkItem]:
        """To those who wait. Returns what is left: somebody may have got something else meanwhile."""
        for number, item in enumerate(items):
            if not self._queue.hand(item.delivery_id):
                return items[number:]
            self._given[item.delivery_id] = item
        return ()

    def take(self, delivery_id: str) -> WorkItem | None:
        """What was handed over under this id."""
        return self._given.pop(delivery_id, None)

    def take_back(self) -> Sequence[WorkItem]:
        """What was handed over and nobody has begun."""
        left = tuple(self._given.values())
        self._given.clear()
        return left
