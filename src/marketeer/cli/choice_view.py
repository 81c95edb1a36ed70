"""Which of several variants a task's output was chosen from, and why, as `marketeer show` tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketeer.domain.best_of import variants_of
from marketeer.domain.document import choice_path
from marketeer.domain.goal import Goal
from marketeer.domain.task import Task
from marketeer.ports import Store

Choices = Mapping[str, Sequence[str]]


async def choices_of(store: Store, goal: Goal, tasks: Sequence[Task]) -> Choices:
    """The lines of each choice, by task; a task without variants has none."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        if variants_of(goal.best_of, task.skill, task.best_of) == 1:
            continue
        for generation in range(1, task.generation + 1):
            path = choice_path(task_id=task.task_id, generation=generation, rehearsal=goal.rehearsal)
            page = await store.document(path)
            if page is not None:
                found.setdefault(task.task_id, []).extend(_lines(page.content))
    return found


def _lines(page: str) -> list[str]:
    """Without Markdown: the headline, then the variants and the reasons."""
    told = [line for line in page.splitlines() if line and not line.startswith("## ")]
    return [line.removeprefix("# ") if line.startswith("# ") else f"  {_plain(line)}" for line in told]


def _plain(line: str) -> str:
    return line.removeprefix("- ").replace("**", "")
