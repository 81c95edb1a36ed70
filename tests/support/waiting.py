"""Waiting in a test: for something to become true, without sleeping for longer than it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def wait_until(condition: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
    """Let the loop run until `condition` holds. Raises TimeoutError when it does not come to hold."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for: it looks from outside
            await asyncio.sleep(0)
