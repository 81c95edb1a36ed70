"""Drafts of plans: what a model proposes and a person edits, before it is checked and becomes tasks.

Nothing in a draft can be relied on: `plan_check.py` says what is wrong with one, `plan_cast.py` makes the plan of one
with which nothing is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from marketeer.domain.plan import Plan, PlannedBy
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """`key` names the task within its draft, and `needs` are keys. `brief` is Markdown, as the specialist reads it."""

    key: str
    skill: str
    brief: str
    needs: tuple[str, ...] = ()
    why: str = ""
    condition: str | None = None
    latest: tuple[str, ...] = ()
    best_of: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseDraft:
    """`review` is what the Director looks at before anything of a later phase begins."""

    name: str
    tasks: tuple[TaskDraft, ...]
    review: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDraft:
    """`pipeline` is the template it goes by. `needs_human` is for a person to see to before anything is published."""

    category: str
    pipeline: str | None
    why: str
    phases: tuple[PhaseDraft, ...]
    needs_human: tuple[str, ...] = ()
    learnings: tuple[str, ...] = ()
    made_by: PlannedBy = PlannedBy.MODEL
    made_note: str = ""

    def tasks(self) -> list[TaskDraft]:
        return [task for phase in self.phases for task in phase.tasks]


def draft_of(plan: Plan) -> PlanDraft:
    """The draft that makes this plan again."""
    keys = _keys(plan.tasks)
    reviews = {max(barrier.after): barrier.title for barrier in plan.barriers if barrier.after}
    return PlanDraft(
        category=plan.category.value,
        pipeline=plan.pipeline,
        why=plan.why,
        phases=tuple(
            PhaseDraft(
                name=name,
                tasks=tuple(_drafted(task, plan.tasks, keys) for task in plan.tasks if task.phase == index),
                review=reviews.get(index),
            )
            for index, name in enumerate(plan.phases)
        ),
        needs_human=plan.needs_human,
        learnings=plan.learnings,
        made_by=plan.made_by,
        made_note=plan.made_note,
    )


def _keys(tasks: Sequence[Task]) -> dict[str, str]:
    """By task id: the skill's name, and a number where it works more than once."""
    keys: dict[str, str] = {}
    for task in tasks:
        taken = set(keys.values())
        names = (task.skill, *(f"{task.skill}-{number}" for number in range(2, len(tasks) + 2)))
        keys[task.task_id] = next(name for name in names if name not in taken)
    return keys


def _drafted(task: Task, tasks: Sequence[Task], keys: dict[str, str]) -> TaskDraft:
    # All of them wait for the foundation, where there is one; it goes without saying.
    roots = {other.task_id for other in tasks if other.skill == FOUNDATION_SKILL}
    return TaskDraft(
        key=keys[task.task_id],
        skill=task.skill,
        brief=task.brief,
        needs=tuple(keys[need] for need in task.depends_on if need in keys and need not in roots),
        why=task.why,
        condition=task.condition,
        latest=task.latest,
        best_of=task.best_of,
    )


def without_foundation(draft: PlanDraft) -> PlanDraft:
    """The same without writing the product context. A plan of nothing else stays what it is."""
    gone = {task.key for task in draft.tasks() if task.skill == FOUNDATION_SKILL}
    left = [
        replace(phase, tasks=tuple(_not_needing(task, gone) for task in phase.tasks if task.key not in gone))
        for phase in draft.phases
    ]
    phases = tuple(phase for phase in left if phase.tasks)
    return replace(draft, phases=phases) if phases else draft


def _not_needing(task: TaskDraft, gone: set[str]) -> TaskDraft:
    return replace(task, needs=tuple(need for need in task.needs if need not in gone))


def clean_line(text: str, limit: int) -> str:
    """One line, without signs that move the cursor or that nobody sees, and no longer than that."""
    line = " ".join(_visible(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean_text(text: str) -> str:
    """The same for text of several lines."""
    return "\n".join(_visible(line).rstrip() for line in text.strip().splitlines())


def _visible(text: str) -> str:
    return "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co") else sign for sign in text)
