"""Agreement: what the approved outputs of a goal are held against before its report is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marketeer.domain.agreement import compared_tasks, to_do_over
from marketeer.domain.contradiction import Comparison, Contradiction, Output
from marketeer.domain.document import Author, Document
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import DoneOver
from marketeer.domain.task import Task
from marketeer.engine.library import Library
from marketeer.ports import Examiner


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What contradicts what, and the tasks that can be done over because of it."""

    found: tuple[Contradiction, ...] = ()
    over: tuple[DoneOver, ...] = ()


class Agreement:
    def __init__(self, *, library: Library, examiner: Examiner) -> None:
        self._library = library
        self._examiner = examiner

    async def look(self, goal: Goal, tasks: Sequence[Task]) -> Compared:
        """The outputs as they are by now, a human's edits included."""
        made: list[tuple[Task, Document]] = []
        for task in compared_tasks(tasks):
            document = await self._library.in_force(task.output_path or "", task.output_version)
            if document is not None:
                made.append((task, document))
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        comparison = Comparison(
            outputs=tuple(Output(name=task.task_id, text=document.content) for task, document in made),
            context=context.content if context is not None else "",
            goal=goal.description,
            inputs=await self._inputs(goal),
        )
        found = await self._examiner.compare(comparison)
        edited = {task.task_id for task, document in made if document.author is Author.HUMAN}
        return Compared(found=found, over=to_do_over(found, tasks, edited=edited))

    async def _inputs(self, goal: Goal) -> dict[str, str]:
        texts = {}
        for path, _, version in (one.rpartition("@") for one in goal.inputs):
            document = await self._library.in_force(path, int(version))
            if document is not None:
                texts[path] = document.content
        return texts
