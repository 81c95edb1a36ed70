"""What a goal's reviews came to: per task how often, how deep, from which score to which, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marketeer.domain.review import Review
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReviews:
    """`before` is the first score, `after` that of the version that was kept; None where no model judged."""

    skill: str
    depth: ReviewDepth
    count: int
    before: float | None
    after: float | None
    cost_usd: Decimal

    @property
    def score(self) -> str:
        if self.before is None and self.after is None:
            return "not scored"
        if self.before == self.after:
            return f"{self.after:g}"
        return f"{_shown(self.before)} → {_shown(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalReviews:
    """`notes` say why a model did not judge where one was wanted, each once, with the skills it was said of."""

    tasks: tuple[TaskReviews, ...]
    notes: tuple[str, ...]
    cost_usd: Decimal
    asked: bool


def goal_reviews(tasks: Sequence[Task], reviews: Sequence[Review]) -> GoalReviews:
    """`reviews` in the order they were made."""
    by_task = [(task, [review for review in reviews if review.task_id == task.task_id]) for task in tasks]
    notes: dict[str, list[str]] = {}
    for task, own in by_task:
        for note in dict.fromkeys(review.note for review in own if review.note):
            notes.setdefault(note, []).append(task.skill)
    return GoalReviews(
        tasks=tuple(_of_task(task, own) for task, own in by_task if own),
        notes=tuple(f"{', '.join(skills)}: {note}" for note, skills in notes.items()),
        cost_usd=sum((review.cost_usd for review in reviews), Decimal(0)),
        asked=any(review.model is not None for review in reviews),
    )


def _of_task(task: Task, reviews: Sequence[Review]) -> TaskReviews:
    kept = [review for review in reviews if review.output_version == task.output_version] or reviews
    scored = [review for review in reviews if review.total is not None]
    return TaskReviews(
        skill=task.skill,
        depth=kept[-1].depth,
        count=len(reviews),
        before=scored[0].total if scored else None,
        after=kept[-1].total,
        cost_usd=sum((review.cost_usd for review in reviews), Decimal(0)),
    )


def _shown(score: float | None) -> str:
    return "not scored" if score is None else f"{score:g}"
