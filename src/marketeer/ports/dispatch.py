"""How work finds a worker, and how whoever waits is woken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class WorkQueue(Protocol):
    """Dispatch only. At least once; the claim in the store makes the effect once. Smaller priority goes first,
    equal ones in the order they were put. Never raises for a queue out of reach: what could not be put is put again by
    the sweep, and whoever waits goes on waiting.

    An id is a work item's with the claim that it waits for (`WorkItem.delivery_id`): what was handed back is a new one.

    `on_turn` is told why it is out of reach; and None when it is back, or was found to have lost what was put.
    """

    on_turn: Callable[[str | None], None] | None

    async def put(self, entries: Sequence[tuple[str, int]], *, ours: bool = False) -> None:
        """(id, priority). An id that is already waiting is left where it is. `ours`: this process has made them ready
        just now, and whoever waits here may have them before anybody else."""
        ...

    @property
    def most_urgent(self) -> int | None:
        """The smallest priority that is known to wait here, as far as can be told without asking anybody; None when
        nothing is known to."""
        ...

    async def get(self) -> str:
        """The next id; waits for one."""
        ...

    @property
    def idle(self) -> int:
        """How many of this process wait here at this moment for whom there is nothing yet."""
        ...

    def hand(self, delivery_id: str) -> bool:
        """Give it to one of those, before anything that waits here, and to nobody elsewhere; it was claimed for them
        already. False when there is none."""
        ...

    async def done(self, delivery_id: str) -> None:
        """Nobody here works on it any more, whatever came of it. Until then it may show as being worked on."""
        ...

    async def run(self) -> None:
        """What it does beside being asked, until cancelled. Returns at once when that is nothing."""
        ...

    async def close(self) -> None:
        """What nobody has taken is left to others. Nothing may be asked of it afterwards."""
        ...


class Doorbell(Protocol):
    """Wakes whoever waits for a change in the store, made by this process or another."""

    def ring(self) -> None: ...

    @property
    def rings(self) -> int:
        """How often it rang so far."""
        ...

    async def wait(self, seen: int, timeout_s: float) -> int:
        """Return the number of rings as soon as it is not `seen` any more, or after the time-out as it is."""
        ...
