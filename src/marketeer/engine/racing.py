"""Waiting for the first of several things."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def race(*contenders: Coroutine[Any, Any, Any]) -> int:
    """Run all of them, return the index of one that has finished, and leave none running."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(contender) for contender in contenders]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        winner = next(index for index, task in enumerate(tasks) if task.done())
        for task in tasks:
            task.cancel()
    return winner
