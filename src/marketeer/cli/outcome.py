"""How a goal stands, as an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from marketeer.cli.errors import FAILED, INTERRUPTED
from marketeer.domain.follow_up import waits_for_budget
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.task import Task

DONE = 0
BUDGET = 3
WAITS_FOR_HUMAN = 4

_FINAL_CODES = {
    GoalStatus.COMPLETED: DONE,
    GoalStatus.FAILED: FAILED,
    GoalStatus.CANCELLED: FAILED,
    GoalStatus.MAX_ITERATIONS: FAILED,
    GoalStatus.BUDGET_EXHAUSTED: BUDGET,
    GoalStatus.BLOCKED: WAITS_FOR_HUMAN,
    GoalStatus.PAUSED: WAITS_FOR_HUMAN,
}
# What a caller should hear of first when several goals were worked on.
_WORST_FIRST = (INTERRUPTED, FAILED, BUDGET, WAITS_FOR_HUMAN, DONE)


def exit_code(goal: Goal, tasks: Sequence[Task], *, interrupted: bool) -> int:
    """A goal that could still move by itself was left because of an interrupt, or waits for somebody to work on it."""
    if goal.status in _FINAL_CODES:
        return _FINAL_CODES[goal.status]
    if interrupted:
        return INTERRUPTED
    return BUDGET if waits_for_budget(list(tasks)) else WAITS_FOR_HUMAN


def worst(codes: Iterable[int]) -> int:
    return min(codes, key=_WORST_FIRST.index, default=DONE)


def at_rest(goal: Goal, tasks: Sequence[Task]) -> bool:
    """Nothing moves by itself: final, waiting for a human, or for new money."""
    if goal.status in _FINAL_CODES:
        return True
    return goal.status is GoalStatus.WAITING and waits_for_budget(list(tasks))
