"""Locks on files: they die with whoever holds them."""

from __future__ import annotations

import asyncio
import fcntl
from typing import IO, Any

LOCK_TRIES = 5
LOCK_RETRY_S = 0.02


def try_lock(file: IO[Any], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def patient_lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    """A process that only asks who works here holds the lock for an instant: that is no reason to refuse."""
    for _ in range(LOCK_TRIES):
        if try_lock(file, kind):
            return True
        await asyncio.sleep(LOCK_RETRY_S)
    return False
