"""Spare hands: one commit may claim steps for several of a process, one for whoever brought it, the rest for those who
wait at the queue."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from marketeer.domain.outcome import Taker
from marketeer.domain.snapshot import Change
from marketeer.domain.work import WorkItem, WorkState
from marketeer.ports import WorkQueue


class SpareHands:
    """Counts who is free for what a commit claims, and hands it over."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._under_way: set[Claims] = set()
        self._given: dict[str, WorkItem] = {}

    def free(self, room: int) -> int:
        """How many wait here and were promised to no commit under way, where so many more may be at work."""
        promised = sum(claims.promised for claims in self._under_way)
        return max(0, min(self._queue.idle, room) - promised)

    @contextlib.contextmanager
    def claiming(self, owner: str, taker: Callable[[], Taker | None]) -> Iterator[Claims]:
        """For the block that makes a commit. `taker` says for whom it may claim, as things stand at that moment."""
        claims = Claims(self, owner, taker)
        self._under_way.add(claims)
        try:
            yield claims
        finally:
            self._under_way.discard(claims)

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


class Claims:
    """See progress.Claims. `left` is what was claimed for hands that were gone by the time of the commit."""

    def __init__(self, spare: SpareHands, owner: str, taker: Callable[[], Taker | None]) -> None:
        self._spare = spare
        self._owner = owner
        self._taker = taker
        self.promised = 0
        self.left: Sequence[WorkItem] = ()

    def taker(self) -> Taker | None:
        self.promised = 0
        return self._taker()

    def made(self, change: Change) -> None:
        self.promised = max(0, len(claimed_in(change, self._owner)) - 1)

    def committed(self, change: Change) -> None:
        self.promised = 0
        self.left = self._spare.give(claimed_in(change, self._owner)[1:])


def claimed_in(change: Change | None, owner: str) -> Sequence[WorkItem]:
    """What a commit of this process has claimed: whoever brought it goes on with the first."""
    items = change.items if change is not None else ()
    return [item for item in items if item.state is WorkState.CLAIMED and item.owner == owner]
