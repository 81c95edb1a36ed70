"""Caution: short work on the disk is done on the event loop, until it was once held up by the disk.

A statement or a look at a file takes microseconds while its pages lie in memory, far less than a thread's hand-over. On
a disk that is slow to read it could take as long as it likes: then threads do it, for a while.
"""

from __future__ import annotations

import resource
import time

SLOW_S = 0.025
CAREFUL_S = 5.0
# What the kernel has counted is asked for no oftener than this: asking costs as much as the work that is watched.
COUNT_EVERY_S = 0.05
# Only Linux counts for each thread.
_WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class Caution:
    """Ask `here()` before, and tell `took()` after each piece of work when it began."""

    def __init__(self) -> None:
        self._until = 0.0
        self._disk_reads = 0
        self._counted_at = float("-inf")

    def here(self, now: float) -> bool:
        """Whether it may be done on the event loop. `now` is monotonic seconds."""
        if now < self._until:
            return False
        if now - self._counted_at >= COUNT_EVERY_S:
            self._disk_reads, self._counted_at = _disk_reads(), now
        return True

    def took(self, began: float) -> None:
        """Time alone says nothing: on a busy machine a thread stands still without any work being slow."""
        now = time.monotonic()
        if now - began >= SLOW_S and _disk_reads() != self._disk_reads:
            self._until = now + CAREFUL_S


def _disk_reads() -> int:
    """How often this thread has waited for a disk to read."""
    return resource.getrusage(_WHO).ru_inblock
