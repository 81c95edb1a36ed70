"""What holds for a whole workspace, and how it is doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.condition import Condition, ConditionName
    from marketeer.domain.flow import Flow
    from marketeer.domain.health import QueueDepth
    from marketeer.domain.metrics import Metrics
    from marketeer.domain.roll import WorkerEntry


class StateStore(Protocol):
    """Conditions and measures of the whole workspace."""

    async def conditions(self) -> Sequence[Condition]:
        """Those that hold, the oldest first. Cheap enough to be asked many times a second."""
        ...

    async def begin_condition(self, condition: Condition) -> bool:
        """Journaled. False when it holds already, and then nothing changes."""
        ...

    async def end_condition(self, name: ConditionName, *, who: str, now: datetime) -> bool:
        """Journaled. False when it does not hold."""
        ...

    async def metrics(
        self, *, now: datetime, ended_from: datetime | None = None, ended_before: datetime | None = None
    ) -> Metrics:
        """Since the beginning, pruned goals included; or of the goals that ended in that time (give both). Rehearsals
        are left out."""
        ...

    async def queue_depth(self, *, now: datetime) -> QueueDepth:
        """Of live, unpaused real goals."""
        ...

    async def flow(self, *, now: datetime) -> Flow:
        """How work flows, over all goals."""
        ...

    async def blocked_pipelines(self) -> Sequence[str]:
        """Names of those whose real goals wait for a human after failures in a row."""
        ...

    async def workspace_id(self) -> str:
        """The workspace's name where it shares a server with others. It stays the same where the folder is moved on its
        disk; a copy of it has a name of its own."""
        ...

    async def worker_seen(self, entry: WorkerEntry) -> Sequence[str]:
        """Note that this process works here. Returns the owners of reservations that are not on the roll, or have been
        silent for too long."""
        ...

    async def worker_left(self, owner: str) -> None: ...

    async def workers(self) -> Sequence[WorkerEntry]:
        """The roll, those who came first before. One that died without a word stays on it for a day."""
        ...

    async def failures_in_a_row(self, goal_id: str, *, most: int) -> int:
        """How many of the newest finished tasks of this goal's pipeline have failed one after the other, since a human
        last let it go on; counted up to `most`."""
        ...
