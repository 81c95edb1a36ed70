"""What follows when a goal's outputs contradict each other: the later one is done over, once, before the report.

A human's words are left as they are, and so is the product context: what no task may mend is told in the report.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from marketeer.domain.contradiction import TO_AGREE, Contradiction
from marketeer.domain.decisions import rewire, supersede
from marketeer.domain.draft import Draft
from marketeer.domain.outcome import Disagreed, DoneOver
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.steps import held
from marketeer.domain.task import MAX_PASSES, Task, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What contradicts what, and the tasks that can be done over because of it. `by` says who has compared."""

    found: tuple[Contradiction, ...] = ()
    over: tuple[DoneOver, ...] = ()
    by: str | None = None


def compared_tasks(tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose outputs have to agree, in the order in which they count: what was planned first is right."""
    made = [t for t in tasks if t.superseded_by is None and t.status is TaskStatus.APPROVED and t.output_path]
    return sorted((t for t in made if t.skill != FOUNDATION_SKILL), key=lambda task: (task.phase, task.seq))


def may_be_mended(task: Task) -> bool:
    """Once for each task and its successors, and within the passes that every task has."""
    return task.pass_number < MAX_PASSES and not task.why.startswith(TO_AGREE)


def to_do_over(
    found: Sequence[Contradiction], tasks: Sequence[Task], *, edited: Collection[str] = ()
) -> tuple[DoneOver, ...]:
    """The tasks to do over because of these contradictions, whose outputs go by task id. `edited` are ids of tasks
    whose output a human has changed since."""
    by_id = {task.task_id: task for task in compared_tasks(tasks)}
    wrong: dict[str, list[Contradiction]] = {}
    for one in found:
        task = by_id.get(one.later)
        if task is not None and task.task_id not in edited and may_be_mended(task):
            wrong.setdefault(task.task_id, []).append(one)
    return tuple(
        DoneOver(
            task_id=task_id,
            why=TO_AGREE + ", ".join(dict.fromkeys(one.about for one in each)),
            feedback="\n".join(map(_feedback, each)),
            lines=tuple(one.line() for one in each),
        )
        for task_id, each in wrong.items()
    )


def _feedback(one: Contradiction) -> str:
    """As the next execution reads it."""
    return (
        f'- [contradiction] {one.about}: your previous output says {one.later_says} ("{one.later_quote}"), but '
        f'{one.earlier} says {one.earlier_says} ("{one.earlier_quote}"). Say what {one.earlier} says, everywhere in '
        "the document; where something else is meant, name it as another thing or as a proposal."
    )


def do_over(draft: Draft, outcome: Disagreed) -> None:
    """The report has to wait: it is owed again when the tasks that take the place of these are done."""
    draft.close(held(draft, outcome.item))
    draft.set_goal(pass_number=draft.goal.pass_number + 1)
    for one in outcome.tasks:
        task = draft.tasks[one.task_id]
        if task.superseded_by is not None or not may_be_mended(task):
            continue
        for line in one.lines:
            draft.note("contradiction_found", task_id=task.task_id, why=line)
        # Whether an upstream output asks for it no longer matters: it was made.
        supersede(draft, replace(task, condition=None, why=one.why), one.feedback)
    rewire(draft, why="an output that contradicted another is done over")
