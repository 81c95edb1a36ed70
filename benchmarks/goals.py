"""Goals that benchmarks hand in, and a look whether they went well: work that went wrong measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.workspaces import GOAL
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.submission import Submission
from marketeer.domain.task import Task, TaskStatus
from marketeer.runtime import Office


async def submit(office: Office, pipeline: str) -> Goal:
    return await office.submit(Submission(description=GOAL, rehearsal=False, pipeline=pipeline))


def require_done(goals: Sequence[Goal], tasks: Sequence[Task]) -> None:
    """Raises RuntimeError unless every goal was completed and every task approved at the first try."""
    bad = [f"goal {goal.goal_id}: {goal.status.value}" for goal in goals if goal.status is not GoalStatus.COMPLETED]
    bad += [f"task {task.task_id}: {task.status.value}" for task in tasks if task.status is not TaskStatus.APPROVED]
    bad += [f"task {task.task_id}: revised {task.revision} times" for task in tasks if task.revision]
    if bad:
        msg = f"{len(bad)} goals and tasks did not end well, for example {bad[0]!r}: look into the workspace"
        raise RuntimeError(msg)
