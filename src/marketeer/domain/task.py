"""Tasks: one deliverable by one skill, and the state machine every task obeys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from marketeer.domain.errors import MarketeerError
from marketeer.domain.standing import Standing


class TaskStatus(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    IN_REVIEW = "in_review"
    REVISION = "revision"
    APPROVED = "approved"
    FAILED = "failed"
    DEFERRED = "deferred"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in _FINAL

    @property
    def is_active(self) -> bool:
        return self in ACTIVE


_FINAL = frozenset({TaskStatus.APPROVED, TaskStatus.FAILED, TaskStatus.CANCELLED})
# Moving by itself: a worker has it or will take it without anybody's help.
ACTIVE = frozenset(
    {
        TaskStatus.QUEUED,
        TaskStatus.RUNNING,
        TaskStatus.COMPLETED,
        TaskStatus.IN_REVIEW,
        TaskStatus.REVISION,
    }
)

TASK_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.QUEUED: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED}),
    TaskStatus.RUNNING: frozenset(
        {
            TaskStatus.COMPLETED,
            TaskStatus.QUEUED,
            TaskStatus.FAILED,
            TaskStatus.DEFERRED,
            TaskStatus.BLOCKED,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.COMPLETED: frozenset({TaskStatus.IN_REVIEW, TaskStatus.CANCELLED}),
    TaskStatus.IN_REVIEW: frozenset(
        {
            TaskStatus.APPROVED,
            TaskStatus.REVISION,
            TaskStatus.BLOCKED,
            # a review handed back (shutdown, lost lease, transient failure) is owed again
            TaskStatus.COMPLETED,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.REVISION: frozenset({TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.DEFERRED: frozenset({TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.BLOCKED: frozenset({TaskStatus.QUEUED, TaskStatus.APPROVED, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.APPROVED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}

MAX_REVISIONS = 3
MAX_PASSES = 3
WAITS_FOR_BUDGET = "budget"
WAITS_FOR_API = "api"


class IllegalTransition(MarketeerError):
    """A bug: code asked for a state change the machine does not have."""


def check_transition(task: Task, to: TaskStatus) -> None:
    """Raises IllegalTransition unless `task` may move to `to`."""
    if to not in TASK_TRANSITIONS[task.status]:
        msg = f"task {task.task_id!r} cannot go from {task.status.value} to {to.value}"
        raise IllegalTransition(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of one document that a task works from."""

    path: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task as the store holds it.

    `phase` is an index into the goal's phases; `seq` its place in the plan. `generation` counts how often it was
    queued for a fresh execution, `revision` how often a review sent it back, `attempts` the tries of the current
    generation. `depends_on` are task ids, in this goal or (the foundation) another one. `condition` names the
    skill whose approved output must ask for this task, else it is skipped. `latest` are skills whose newest
    approved output from earlier goals is read. `feedback` is what the last review or human asked to change.
    `reason` says why a task is blocked, deferred, failed or cancelled; `waits_for` is then the approval id it waits
    for, WAITS_FOR_BUDGET or WAITS_FOR_API. `budget_usd` None means the usual limit of a task.
    `learnings` are ids of those in the prompt of its first execution, `learnings_withheld` of those that were left out
    to see whether they help; `score` is how good its `reviewed` outputs were, see task_score.py; None before the first.
    `kept` holds the best version of those that were sent back, which is then the one in `output_version`; `rejections`
    counts verdicts REJECT, and `from_scratch` says that the next execution is not shown what was rejected.
    `best_of` is how many variants its output is chosen from, unless the goal wishes for another number.
    """

    task_id: str
    goal_id: str
    seq: int
    phase: int
    skill: str
    squad: str | None
    brief: str
    status: TaskStatus = TaskStatus.PENDING
    depends_on: tuple[str, ...] = ()
    after_barrier: str | None = None
    condition: str | None = None
    latest: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    generation: int = 0
    revision: int = 0
    attempts: int = 0
    pass_number: int = 1
    supersedes: str | None = None
    superseded_by: str | None = None
    output_path: str | None = None
    output_version: int | None = None
    verdict: str | None = None
    feedback: str | None = None
    reason: str | None = None
    waits_for: str | None = None
    why: str = ""
    created_at: datetime
    attempted_at: datetime | None = None
    finished_at: datetime | None = None
    budget_usd: Decimal | None = None
    learnings: tuple[str, ...] = ()
    learnings_withheld: tuple[str, ...] = ()
    reviewed: int = 0
    score: float | None = None
    kept: tuple[Standing, ...] = ()
    rejections: int = 0
    from_scratch: bool = False
    best_of: int = 1
