"""Learnings: what an outcome taught, kept for the next time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.review import Finding
from marketeer.domain.task import Task, TaskStatus


class LearningOutcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """One lesson. `agent` is a skill or `director`; `confidence` runs from 0 to 1; provenance is the goal and task."""

    learning_id: str
    agent: str
    goal_id: str
    outcome: LearningOutcome
    learning: str
    action: str
    rehearsal: bool
    created_at: datetime
    task_id: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    confidence: float = 0.5

    def line(self) -> str:
        """As agents read it: the lesson and what to do about it."""
        return f"- {self.learning} -> {self.action}"


def learning_of_approval(goal: Goal, task: Task, findings: Sequence[Finding], now: datetime) -> Learning:
    """What a review taught that sent an output back before it was approved."""
    first = (task.feedback or "").splitlines()
    left = f"; {len(findings)} finding(s) stayed open" if findings else ""
    return Learning(
        learning_id=f"{task.task_id}-l{task.generation}",
        agent=task.skill,
        goal_id=goal.goal_id,
        task_id=task.task_id,
        category=goal.category.value if goal.category else None,
        outcome=LearningOutcome.PARTIAL if findings else LearningOutcome.SUCCESS,
        learning=f"{task.skill} needed {task.revision} revision(s) before approval{left}",
        action=_short(first[0].removeprefix("- ")) if first else "check the output against its contract first",
        tags=(task.skill, "review"),
        rehearsal=goal.rehearsal,
        created_at=now,
    )


def learning_of_failure(goal: Goal, task: Task, error: str, now: datetime) -> Learning:
    return Learning(
        learning_id=f"{task.task_id}-lf",
        agent=task.skill,
        goal_id=goal.goal_id,
        task_id=task.task_id,
        category=goal.category.value if goal.category else None,
        outcome=LearningOutcome.FAILURE,
        learning=f"{task.skill} failed: {_short(error)}",
        action="make the brief smaller or give the missing input before asking again",
        tags=(task.skill, "failure"),
        rehearsal=goal.rehearsal,
        created_at=now,
    )


def learning_of_goal(goal: Goal, tasks: Sequence[Task], now: datetime) -> Learning:
    """One line about a finished goal, for the Director's next plan of the same category."""
    approved = sum(task.status is TaskStatus.APPROVED for task in tasks)
    revised = [task.skill for task in tasks if task.revision]
    complete = goal.status is GoalStatus.COMPLETED
    plan = goal.pipeline or "a plan from routing"
    return Learning(
        learning_id=f"{goal.token}-lg{goal.pass_number}",
        agent="director",
        goal_id=goal.goal_id,
        category=goal.category.value if goal.category else None,
        outcome=LearningOutcome.SUCCESS if complete else LearningOutcome.PARTIAL,
        learning=f"{plan} for {_short(goal.description)!r}: {approved} of {len(tasks)} tasks approved",
        action=f"watch {', '.join(revised)}: revised before approval" if revised else "the same plan can serve again",
        tags=tuple(filter(None, (goal.pipeline, goal.category.value if goal.category else None))),
        rehearsal=goal.rehearsal,
        created_at=now,
    )


def _short(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
