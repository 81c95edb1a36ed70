"""Answers in part: which goal, which of its questions and which of its tasks a person means."""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.domain.errors import UsageError
from marketeer.domain.task import Task
from marketeer.ports import Store


async def find_asked(store: Store, text: str) -> tuple[str, str | None]:
    """The goal, and its question when one is named. Raises UsageError."""
    try:
        return (await store.find_goal(text)).goal_id, None
    except UsageError:
        try:
            approval = await store.approval(text)
        except UsageError:
            msg = f"no goal and no open question {text!r}: see `marketeer approvals`"
            raise UsageError(msg) from None
        return approval.goal_id, approval.approval_id


def find_tasks(tasks: Sequence[Task], words: Sequence[str], *, goal_id: str) -> tuple[str, ...]:
    """Unfinished tasks by skill, id or place in the plan. Raises UsageError for a word that fits none."""
    live = [task for task in tasks if not task.status.is_final]
    found: dict[str, None] = {}
    for word in words:
        fitting = [task.task_id for task in live if _is_meant(task, word.strip())]
        if not fitting:
            names = ", ".join(dict.fromkeys(task.skill for task in live)) or "none"
            msg = f"no unfinished task {word!r} in goal {goal_id!r}; its unfinished ones are: {names}"
            raise UsageError(msg)
        found |= dict.fromkeys(fitting)
    return tuple(found)


def _is_meant(task: Task, word: str) -> bool:
    return word in (task.skill, task.task_id) or (word.isdecimal() and int(word) == task.seq)
