"""Work items: one step owed. The queue carries (work item id, queue priority) and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from marketeer.domain.goal import Priority


class WorkKind(StrEnum):
    PLAN = "plan"
    EXECUTE = "execute"
    REVIEW = "review"
    REPORT = "report"


class WorkState(StrEnum):
    READY = "ready"
    CLAIMED = "claimed"
    DONE = "done"
    VOID = "void"

    @property
    def is_open(self) -> bool:
        return self in (WorkState.READY, WorkState.CLAIMED)


_CLAIM_MARK = "@"
_PART_MARK = "~"
# Finishing beats starting: within a priority what completes a task goes before what begins one.
_KIND_RANK = {WorkKind.REVIEW: 0, WorkKind.REPORT: 1, WorkKind.PLAN: 2, WorkKind.EXECUTE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """One step owed. Its id names task (or goal), kind and generation, so a step cannot be owed twice.

    `claim` counts claims: a result carries the claim it was made under, and a later claim voids it. `claimed_at` is
    the time of the last one, `done_at` that of the step's end.
    """

    work_item_id: str
    goal_id: str
    kind: WorkKind
    priority: Priority
    due_at: datetime
    created_at: datetime
    task_id: str | None = None
    barrier_id: str | None = None
    state: WorkState = WorkState.READY
    generation: int = 1
    attempts: int = 0
    claim: int = 0
    owner: str | None = None
    lease_until: datetime | None = None
    claimed_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def queue_priority(self) -> int:
        """Smaller goes first: priority, then the kind's rank. What was begun before, and handed back or taken from the
        dead, is one rank ahead: it has waited for long enough."""
        ahead = 1 if self.claim else 0
        return self.priority.rank * len(_KIND_RANK) + max(0, _KIND_RANK[self.kind] - ahead)

    @property
    def delivery_id(self) -> str:
        """Its id on the queue. What was handed back is delivered anew, whatever became of it before."""
        return delivery_of(self.work_item_id, self.claim)

    def is_due(self, now: datetime) -> bool:
        """Also when it was created in what is now the future: the clock was put back, and its due time says nothing."""
        return self.due_at <= now or self.created_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which items a process works on: those of these goals (None: of all), and of these single tasks besides.

    `rehearsals_only` leaves real goals out: a process without a key never claims their items.
    """

    goal_ids: frozenset[str] | None = None
    task_ids: frozenset[str] = frozenset()
    rehearsals_only: bool = False


def work_item_id(subject_id: str, kind: WorkKind, generation: int) -> str:
    """The one id of a step: `<task, barrier or goal token>.<kind>.<generation>`."""
    return f"{subject_id}.{kind}.{generation}"


def part_of(item: WorkItem, name: str) -> WorkItem:
    """A part of the step, whose calls have an id of their own; the step is still the only one that is owed."""
    return replace(item, work_item_id=f"{item.work_item_id}{_PART_MARK}{name}")


def step_of(item_id: str) -> str:
    """The id of the work item that a part belongs to."""
    return item_id.partition(_PART_MARK)[0]


def delivery_of(item_id: str, claim: int) -> str:
    """See WorkItem.delivery_id."""
    return f"{item_id}{_CLAIM_MARK}{claim}"


def item_of_delivery(delivery_id: str) -> str:
    """The id of the work item that was delivered."""
    return delivery_id.rpartition(_CLAIM_MARK)[0] or delivery_id
