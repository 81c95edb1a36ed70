"""The embedded queue: a priority heap in this process, filled from the store when it starts."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Sequence


class LocalQueue:
    """See ports.WorkQueue."""

    def __init__(self) -> None:
        self.on_turn: Callable[[str | None], None] | None = None
        self._heap: list[tuple[int, int, str]] = []
        self._waiting: set[str] = set()
        self._order = itertools.count()
        self._filled = asyncio.Event()

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

    async def get(self) -> str:
        while not self._heap:
            self._filled.clear()
            await self._filled.wait()
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
