"""Waiting in a test: for something to become true, without sleeping for longer than it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Only what hangs takes so long: what is waited for comes in a moment, or in some seconds on a machine that is busy.
LIMIT_S = 100.0


async def wait_until(condition: Callable[[], bool], *, timeout_s: float = LIMIT_S) -> None:
    """Let the loop run until `condition` holds. Raises TimeoutError when it does not come to hold."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for: it looks from outside
            await asyncio.sleep(0)
