"""Goals: what a user, a schedule or an event asks for, and the states a goal can be in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from marketeer.domain.best_of import BestOf


class Priority(StrEnum):
    """P0 runs first. Within a priority the older goes first."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"

    @property
    def rank(self) -> int:
        return int(self[1])


class Category(StrEnum):
    STRATEGIC = "strategic"
    CONTENT = "content"
    OPTIMIZATION = "optimization"
    RETENTION = "retention"
    COMPETITIVE = "competitive"
    MEASUREMENT = "measurement"


class GoalStatus(StrEnum):
    PLANNING = "planning"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    FAILED = "failed"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CANCELLED = "cancelled"
    MAX_ITERATIONS = "max_iterations"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset(
    {
        GoalStatus.COMPLETED,
        GoalStatus.FAILED,
        GoalStatus.BUDGET_EXHAUSTED,
        GoalStatus.CANCELLED,
        GoalStatus.MAX_ITERATIONS,
    }
)

# A live goal moves freely between its live states, as its tasks do. A finished one is reopened only by a
# human's redo, as a new pass (docs/adr/0003).
_LIVE = frozenset(GoalStatus) - _FINAL
GOAL_TRANSITIONS: dict[GoalStatus, frozenset[GoalStatus]] = {
    **{status: (_LIVE | _FINAL) - {status} for status in _LIVE},
    **{status: frozenset[GoalStatus]() for status in _FINAL},
    GoalStatus.COMPLETED: frozenset({GoalStatus.RUNNING}),
    GoalStatus.FAILED: frozenset({GoalStatus.RUNNING}),
}

MAX_DESCRIPTION_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """A Director review of the whole goal so far: what comes after waits until it has passed.

    `after` are the phase indexes it reviews; tasks name it in `after_barrier`.
    """

    barrier_id: str
    title: str
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal as the store holds it. `version` counts its commits and guards every write.

    `category` and `pipeline` are what the user asked for while `planning`, and what was chosen afterwards.
    `best_of` are wishes for variants, by skill.
    `continues_when` names the outside event after which a new goal goes on, when the plan ends before one.
    `finished_at` is set exactly while the status is final. Times are aware UTC; money is US dollars. `budget_usd` None
    means a tenth of the month's. With `approve_plan` its plan waits for a human before it has any tasks. The forecast
    is the one made with the plan, None before and for a rehearsal.
    """

    goal_id: str
    description: str
    status: GoalStatus
    priority: Priority | None
    rehearsal: bool
    created_at: datetime
    category: Category | None = None
    pipeline: str | None = None
    budget_usd: Decimal | None = None
    phases: tuple[str, ...] = ()
    barriers: tuple[Barrier, ...] = ()
    continues_when: str | None = None
    before_you_publish: tuple[str, ...] = ()
    approve_plan: bool = False
    inputs: tuple[str, ...] = ()
    best_of: tuple[BestOf, ...] = ()
    pass_number: int = 1
    cycles: int = 0
    paused: bool = False
    error: str | None = None
    report_path: str | None = None
    finished_at: datetime | None = None
    version: int = 0
    forecast_low_usd: Decimal | None = None
    forecast_usd: Decimal | None = None
    forecast_high_usd: Decimal | None = None
    forecast_s: float | None = None

    @property
    def token(self) -> str:
        """The random end of the goal id; task, work item and approval ids start with it."""
        return self.goal_id.rsplit("-", 1)[-1]

    @property
    def effective_priority(self) -> Priority:
        """The priority to queue at before the plan has settled one."""
        return self.priority or Priority.P1
