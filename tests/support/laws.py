"""What must hold of a played goal after every step, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from marketeer.domain.advance import advance
from marketeer.domain.approval import Approval
from marketeer.domain.goal import GOAL_TRANSITIONS, GoalStatus
from marketeer.domain.journal import replay
from marketeer.domain.outcome import Looked
from marketeer.domain.task import MAX_PASSES, MAX_REVISIONS, TASK_TRANSITIONS, Task, TaskStatus
from marketeer.domain.work import WorkItem, WorkKind, WorkState, work_item_id
from tests.support.play import Play

# What a task owes in each state: the kind of its only open item, and whether a worker has it.
OWES: dict[TaskStatus, tuple[WorkKind, WorkState]] = {
    TaskStatus.QUEUED: (WorkKind.EXECUTE, WorkState.READY),
    TaskStatus.DEFERRED: (WorkKind.EXECUTE, WorkState.READY),
    TaskStatus.RUNNING: (WorkKind.EXECUTE, WorkState.CLAIMED),
    TaskStatus.COMPLETED: (WorkKind.REVIEW, WorkState.READY),
    TaskStatus.IN_REVIEW: (WorkKind.REVIEW, WorkState.CLAIMED),
}


def check_all(play: Play) -> None:
    check_states_were_legal(play)
    check_items(play)
    check_questions(play)
    check_limits(play)
    check_releases(play)
    check_replay(play)
    check_rest(play)
    check_final(play)
    check_alive(play)


def check_states_were_legal(play: Play) -> None:
    """Every state on the way, not only the ones at the end of a step."""
    ways: dict[str, list[TaskStatus]] = {}
    for entry in play.entries:
        if entry.task_id and "status" in entry.data:
            ways.setdefault(entry.task_id, []).append(TaskStatus(entry.data["status"]))
    for task_id, way in ways.items():
        assert way[0] is TaskStatus.PENDING, task_id
        for before, after in pairwise(way):
            assert after is before or after in TASK_TRANSITIONS[before], (task_id, before, after)
    goal_way = [GoalStatus(e.data["goal_status"]) for e in play.entries if "goal_status" in e.data]
    for was, became in pairwise(goal_way):
        assert became in GOAL_TRANSITIONS[was], (was, became)


def check_items(play: Play) -> None:
    """A task owes exactly what its state says; a final task or goal owes nothing."""
    open_items = [item for item in play.items.values() if item.state.is_open]
    of_tasks: dict[str, list[WorkItem]] = {}
    for item in open_items:
        if item.task_id:
            of_tasks.setdefault(item.task_id, []).append(item)
    for task in play.tasks.values():
        owed = [(item.kind, item.state) for item in of_tasks.get(task.task_id, [])]
        expected = [OWES[task.status]] if task.status in OWES else []
        assert owed == expected, (task.task_id, task.status, owed)
    if play.goal.status.is_final:
        assert not open_items
    kinds = Counter(item.kind for item in open_items if item.task_id is None and item.barrier_id is None)
    assert all(count == 1 for count in kinds.values())


def check_questions(play: Play) -> None:
    """What waits for a human waits for an open question, and every open question is waited for."""
    asked = {question.approval_id: question for question in play.questions()}
    waiting = {task.waits_for for task in play.tasks.values() if task.status is TaskStatus.BLOCKED}
    assert waiting <= asked.keys()
    for approval_id, question in asked.items():
        assert approval_id in waiting or any(is_held(question, task) for task in play.tasks.values())
    if play.goal.status.is_final:
        assert not asked


def check_limits(play: Play) -> None:
    for task in play.tasks.values():
        assert task.revision <= MAX_REVISIONS
        assert task.pass_number <= MAX_PASSES


def check_releases(play: Play) -> None:
    """None released before its time, none left that is free."""
    if play.goal.status.is_final:
        return
    released = {change.after.task_id for change in play.changes[-1].tasks if _is_release(change.before, change.after)}
    for task in play.tasks.values():
        if task.status is TaskStatus.PENDING:
            assert not is_free(play, task), f"{task.task_id} is free and was not released"
        elif task.task_id in released:
            assert is_free(play, task), f"{task.task_id} was released too early"


def _is_release(before: Task | None, after: Task) -> bool:
    return after.generation == 1 and (before is None or before.generation == 0)


def is_free(play: Play, task: Task) -> bool:
    """By the words of the rule: dependencies approved, barrier passed, no question that holds it."""
    sources = [play.tasks.get(need) or play.external.get(need) for need in task.depends_on]
    approved = all(source is not None and source.status is TaskStatus.APPROVED for source in sources)
    held = any(is_held(question, task) for question in play.questions())
    return approved and not held and (task.after_barrier is None or barrier_passed(play, task.after_barrier))


def is_held(question: Approval, task: Task) -> bool:
    """By the words of the rule: a gate holds what has not begun, of all skills or of some, but for the released."""
    its_own = not question.holds or task.skill in question.holds
    begun = task.status is not TaskStatus.PENDING
    return question.gate and not begun and its_own and task.task_id not in question.released


def barrier_passed(play: Play, barrier_id: str) -> bool:
    item = play.items.get(work_item_id(barrier_id, WorkKind.REVIEW, 1))
    return item is not None and item.state is WorkState.DONE


def check_replay(play: Play) -> None:
    """The journal alone gives the stored state."""
    told = replay(play.entries)
    assert told.goal_status == play.goal.status.value
    assert told.tasks.keys() == play.tasks.keys()
    for task in play.tasks.values():
        values = told.tasks[task.task_id]
        stored = (task.status.value, task.generation, task.revision, task.output_version, task.superseded_by)
        names = ("status", "generation", "revision", "output_version", "superseded_by")
        assert tuple(values[name] for name in names) == stored, task.task_id


def check_rest(play: Play) -> None:
    """Nothing more follows by itself from a state that was reached."""
    assert advance(play.snapshot(), Looked(), play.now) is None


def check_final(play: Play) -> None:
    goal = play.goal
    assert (goal.finished_at is not None) is goal.status.is_final
    for task in play.tasks.values():
        assert (task.finished_at is not None) is task.status.is_final
    if not goal.status.is_final:
        return
    assert all(task.status.is_final for task in play.tasks.values())
    current = [task for task in play.tasks.values() if task.superseded_by is None]
    if goal.status is GoalStatus.COMPLETED:
        assert all(t.status is TaskStatus.APPROVED or (t.reason or "").startswith("skipped:") for t in current)
    else:
        assert goal.error


def check_alive(play: Play) -> None:
    """A goal that is not final has somebody to move it: a step that is owed, a question, or another goal's task."""
    if play.goal.status.is_final:
        return
    owed = any(item.state.is_open for item in play.items.values())
    needs = {need for t in play.tasks.values() if t.status is TaskStatus.PENDING for need in t.depends_on}
    elsewhere = any(not play.external[need].status.is_final for need in needs & play.external.keys())
    assert owed or play.questions() or elsewhere, "nobody will ever move this goal"
