"""Learnings: what an outcome taught, kept for the next time, and how far it has proved itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from marketeer.domain.approval import Approval, Decision
from marketeer.domain.evidence import Evidence
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.review import Finding
from marketeer.domain.skill import DIRECTOR
from marketeer.domain.task import Task, TaskStatus


class LearningOutcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL = "partial"


class LearningStatus(StrEnum):
    """PROBATION and PROMOTED ones are told to agents, RETIRED ones never."""

    PROBATION = "probation"
    PROMOTED = "promoted"
    RETIRED = "retired"


# Besides the skills and the Director: everybody.
TEAM = "team"
MAX_PROVENANCE = 50
USUAL_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """One lesson. `agent` is a skill, `director`, or `team` for all skills; `category` None means any.

    `goal_id` and `task_id` are where it was learned first, None when a person told it; `provenance` are all the tasks,
    goals and persons it was learned from, the newest `MAX_PROVENANCE`. `confirmed_at` is when it was learned last.
    `contradicts` are ids of learnings that say the opposite. `evidence` is how tasks fared with and without it.
    """

    learning_id: str
    agent: str
    goal_id: str | None
    outcome: LearningOutcome
    learning: str
    action: str
    rehearsal: bool
    created_at: datetime
    confirmed_at: datetime
    task_id: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    confidence: float = USUAL_CONFIDENCE
    provenance: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    status: LearningStatus = LearningStatus.PROBATION
    retired_because: str | None = None
    evidence: Evidence = ()

    def line(self) -> str:
        """As agents read it: the lesson and what to do about it."""
        return f"- {self.learning} -> {self.action}"


def learning_of_approval(goal: Goal, task: Task, findings: Sequence[Finding], now: datetime) -> Learning:
    """What a review taught that sent an output back before it was approved."""
    first = (task.feedback or "").splitlines()
    left = ", with findings left open" if findings else ""
    return Learning(
        learning_id=f"{task.task_id}-l{task.generation}",
        agent=task.skill,
        goal_id=goal.goal_id,
        task_id=task.task_id,
        category=goal.category.value if goal.category else None,
        outcome=LearningOutcome.PARTIAL if findings else LearningOutcome.SUCCESS,
        learning=f"{task.skill} was sent back before it was approved{left}",
        action=_short(first[0].removeprefix("- ")) if first else "check the output against its contract first",
        tags=(task.skill, "review"),
        rehearsal=goal.rehearsal,
        created_at=now,
        confirmed_at=now,
        provenance=(task.task_id,),
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
        confirmed_at=now,
        provenance=(task.task_id,),
    )


_SAID = {Decision.APPROVE: "said yes", Decision.REVISE: "sent it back", Decision.REJECT: "said no"}
_OUTCOMES = {
    Decision.APPROVE: LearningOutcome.SUCCESS,
    Decision.REVISE: LearningOutcome.PARTIAL,
    Decision.REJECT: LearningOutcome.FAILURE,
}


def learning_of_answer(
    goal: Goal, approval: Approval, decision: Decision, note: str, *, task: Task | None, now: datetime
) -> Learning:
    """What a human said with an answer: to the task's skill, to the only one that waited for it, or to the Director."""
    skill = task.skill if task is not None else approval.holds[0] if len(approval.holds) == 1 else None
    about = skill or "this goal"
    return Learning(
        learning_id=f"{approval.approval_id}-l{goal.version}",
        agent=skill or DIRECTOR,
        goal_id=goal.goal_id,
        task_id=approval.task_id,
        category=goal.category.value if goal.category else None,
        outcome=_OUTCOMES[decision],
        learning=f"asked about {about} ({approval.kind.value}), a human {_SAID[decision]}",
        action=_short(note),
        tags=tuple(filter(None, (skill, "human", approval.kind.value))),
        rehearsal=goal.rehearsal,
        created_at=now,
        confirmed_at=now,
        provenance=(approval.task_id or goal.goal_id,),
    )


def learning_of_goal(goal: Goal, tasks: Sequence[Task], now: datetime) -> Learning:
    """One line about a finished goal, for the Director's next plan of the same category."""
    approved = sum(task.status is TaskStatus.APPROVED for task in tasks)
    revised = [task.skill for task in tasks if task.revision]
    complete = goal.status is GoalStatus.COMPLETED
    plan = goal.pipeline or "a plan from routing"
    return Learning(
        learning_id=f"{goal.token}-lg{goal.pass_number}",
        agent=DIRECTOR,
        goal_id=goal.goal_id,
        category=goal.category.value if goal.category else None,
        outcome=LearningOutcome.SUCCESS if complete else LearningOutcome.PARTIAL,
        learning=f"{plan} for {_short(goal.description)!r}: {approved} of {len(tasks)} tasks approved",
        action=f"watch {', '.join(revised)}: revised before approval" if revised else "the same plan can serve again",
        tags=tuple(filter(None, (goal.pipeline, goal.category.value if goal.category else None))),
        rehearsal=goal.rehearsal,
        created_at=now,
        confirmed_at=now,
        provenance=(goal.goal_id,),
    )


def with_open_disputes(learnings: Iterable[Learning], live: Iterable[Learning]) -> list[Learning]:
    """As people read them: what was retired contradicts nothing any more. `live` are those that are told."""
    known = {one.learning_id for one in live if one.status is not LearningStatus.RETIRED}
    return [replace(one, contradicts=tuple(id_ for id_ in one.contradicts if id_ in known)) for one in learnings]


def _short(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
