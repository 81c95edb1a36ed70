"""A thread of the database: does one thing after another, and tells the event loop when it is done."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

Step = Callable[[], Any]


class DatabaseThread:
    """Starts with the first step. `close()` ends it when what was given to it is done."""

    def __init__(self, name: str) -> None:
        self._steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def put(self, step: Step) -> None:
        """Do it after what was put before. It handles its own errors."""
        if not self._thread.is_alive():
            self._thread.start()
        self._steps.put(step)

    async def do(self, step: Callable[[], None]) -> None:
        """Returns when it is done. Raises what it raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def told() -> None:
            error: Exception | None = None
            try:
                step()
            except Exception as exc:  # noqa: BLE001 - handed to whoever waits
                error = exc
            loop.call_soon_threadsafe(_finish, done, error)

        self.put(told)
        await done

    async def close(self) -> None:
        if self._thread.is_alive():
            self._steps.put(None)
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (step := self._steps.get()) is not None:
            step()


def _finish(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(None)
