"""Progress while work goes on: plain lines for pipes and files, a live picture on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from marketeer.cli import lines
from marketeer.cli.common import Call, progress_line
from marketeer.domain.journal import JournalEntry
from marketeer.domain.task import Task
from marketeer.ports import Clock, Store

if TYPE_CHECKING:  # rich is for terminals only
    from marketeer.cli.live import LiveView


class View(Protocol):
    """Shows what has happened."""

    look_every_s: float

    async def update(self, entries: Sequence[JournalEntry]) -> None:
        """`entries` are new since the last call, perhaps none."""
        ...


class LineView:
    """One line for each entry worth one. Without `goal_id` it tells goals apart by the random end of their ids."""

    look_every_s = 1.0

    def __init__(self, store: Store, goal_id: str | None, write: Callable[[str], None]) -> None:
        self._store = store
        self._goal_id = goal_id
        self._write = write

    async def update(self, entries: Sequence[JournalEntry]) -> None:
        for goal_id in dict.fromkeys(entry.goal_id for entry in entries):
            await self._show(goal_id, [entry for entry in entries if entry.goal_id == goal_id])

    async def _show(self, goal_id: str, entries: Sequence[JournalEntry]) -> None:
        tasks: Mapping[str, Task] = {task.task_id: task for task in await self._store.tasks(goal_id)}
        bill = await self._store.goal_bill(goal_id)
        mark = "" if self._goal_id else f"{goal_id.rsplit('-', 1)[-1]}  "
        for entry in entries:
            spend = bill.by_task.get(entry.task_id or "")
            line = lines.describe(entry, tasks.get(entry.task_id or ""), spend.settled_usd if spend else None)
            if line is not None:
                self._write(lines.stamped(entry, f"{mark}{line}"))


@contextmanager
def progress_view(
    call: Call, store: Store, clock: Clock, goal_id: str | None, characters: Mapping[str, int]
) -> Iterator[View]:
    """A live picture when stdout is a terminal and one goal is worked on, plain lines otherwise."""
    if goal_id is None or call.as_json or not sys.stdout.isatty() or _is_plain_terminal():
        yield LineView(store, goal_id, lambda line: progress_line(call, line))
        return
    with _live(store, clock, goal_id, characters) as view:
        yield view


@contextmanager
def _live(store: Store, clock: Clock, goal_id: str, characters: Mapping[str, int]) -> Iterator[LiveView]:
    from marketeer.cli.live import LiveView

    with LiveView(store, clock, goal_id, characters) as view:
        yield view


def _is_plain_terminal() -> bool:
    """A terminal that cannot move its cursor. rich knows; it is imported only when there is a terminal at all."""
    from rich.console import Console

    return Console().is_dumb_terminal
