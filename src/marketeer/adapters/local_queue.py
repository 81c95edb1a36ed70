"""The embedded queue: a priority heap in this process, filled from the store when it starts."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence


class LocalQueue:
    """See ports.WorkQueue."""

    def __init__(self) -> None:
        self.on_turn: Callable[[str | None], None] | None = None
        self._heap: list[tuple[int, int, str]] = []
        self._waiting: set[str] = set()
        self._order = itertools.count()
        self._filled = asyncio.Event()
        self._getters = 0
        self._handed: deque[str] = deque()

    async def put(self, entries: Sequence[tuple[str, int]], *, ours: bool = False) -> None:  # noqa: ARG002 - all are
        for item_id, priority in entries:
            if item_id not in self._waiting:
                self._waiting.add(item_id)
                heapq.heappush(self._heap, (priority, next(self._order), item_id))
        if self._heap:
            self._filled.set()

    @property
    def most_urgent(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    @property
    def idle(self) -> int:
        return max(0, self._getters - len(self._heap) - len(self._handed))

    def hand(self, delivery_id: str) -> bool:
        if not self.idle:
            return False
        self._handed.append(delivery_id)
        self._filled.set()
        return True

    async def get(self) -> str:
        self._getters += 1
        try:
            while not (self._heap or self._handed):
                self._filled.clear()
                await self._filled.wait()
        finally:
            self._getters -= 1
        if self._handed:
            return self._handed.popleft()
        _, _, item_id = heapq.heappop(self._heap)
        self._waiting.discard(item_id)
        return item_id

    async def done(self, delivery_id: str) -> None:
        """Nothing shows who works on what: the store does."""

    async def run(self) -> None:
        return

    async def close(self) -> None:
        self._heap.clear()
        self._waiting.clear()
        self._handed.clear()
