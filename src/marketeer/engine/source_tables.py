"""Tables of sources for the report: what each deliverable says in figures, quotations, names and links, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketeer.domain.review import Review
from marketeer.domain.sourced import NOWHERE
from marketeer.domain.task import Task


def source_tables(tasks: Sequence[Task], reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """One for each of these tasks whose output says anything of the kind: by the review of the version it has."""
    tables = []
    for task in tasks:
        review = _review_of(task, reviews)
        if review is not None and review.sourced:
            tables.append(
                {
                    "task": task,
                    "rows": review.sourced,
                    "more": review.sourced_count - len(review.sourced),
                    "nowhere": sum(one.source == NOWHERE for one in review.sourced),
                }
            )
    return tables


def _review_of(task: Task, reviews: Sequence[Review]) -> Review | None:
    own = [review for review in reviews if review.task_id == task.task_id]
    same = [review for review in own if review.output_version == task.output_version]
    return max(same or own, key=lambda review: review.number, default=None)
