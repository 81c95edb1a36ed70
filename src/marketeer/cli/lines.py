"""Progress as plain lines: what the journal says, one line for each thing a reader would want to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from marketeer.cli import text
from marketeer.domain.journal import JournalEntry
from marketeer.domain.plan import PlannedBy
from marketeer.domain.task import MAX_REVISIONS, Task
from marketeer.domain.usage import dollars

GOAL = "goal"
LONGEST_WHY = 200


def describe(entry: JournalEntry, task: Task | None, cost_usd: Decimal | None) -> str | None:
    """`copywriting  approved (1 revision)  $0.03` without the time; None for entries that only matter to a replay."""
    words = _words(entry, task, cost_usd)
    if words is None:
        return None
    subject = str(entry.data.get("skill") or (task.skill if task else GOAL))
    return f"{subject}{text.GAP}{words}"


def stamped(entry: JournalEntry, line: str) -> str:
    """With the local time in front."""
    return f"{entry.at.astimezone():%H:%M:%S}{text.GAP}{line}"


def _words(entry: JournalEntry, task: Task | None, cost_usd: Decimal | None) -> str | None:
    if entry.what == "task_approved":
        return _approved(entry, cost_usd)
    if entry.what in _TASK_WORDS:
        return _TASK_WORDS[entry.what](entry, task)
    if entry.what in _GOAL_WORDS:
        return _GOAL_WORDS[entry.what](entry)
    return None


def _approved(entry: JournalEntry, cost_usd: Decimal | None) -> str:
    revision = int(entry.data.get("revision") or 0)
    verdict = str(entry.data.get("verdict") or "approved")
    revised = f" ({text.counted(revision, 'revision')})" if revision else ""
    cost = f"{text.GAP}{dollars(cost_usd)}" if cost_usd else ""
    return f"{verdict}{revised}{cost}"


def _running(entry: JournalEntry, task: Task | None) -> str:  # noqa: ARG001 - one signature for all
    attempts = int(entry.data.get("attempts") or 1)
    return "started" if attempts == 1 else f"started, attempt {attempts}"


def _revision(entry: JournalEntry, task: Task | None) -> str:  # noqa: ARG001 - one signature for all
    return f"sent back (revision {entry.data.get('revision')} of {MAX_REVISIONS}){_why(entry.why)}"


def _queued(entry: JournalEntry, task: Task | None) -> str | None:  # noqa: ARG001 - one signature for all
    return f"queued again{_why(entry.why)}" if entry.why else None


def _cancelled(entry: JournalEntry, task: Task | None) -> str:
    reason = entry.why or (task.reason if task else None) or "cancelled"
    return _short(reason) if reason.startswith("skipped") else f"cancelled{_why(reason)}"


def _failed(entry: JournalEntry, task: Task | None) -> str:
    return f"failed{_why(entry.why or (task.reason if task else None))}"


def _planned(entry: JournalEntry) -> str:
    tasks = text.counted(int(entry.data.get("tasks") or 0), "task")
    phases = text.counted(len(entry.data.get("phases") or ()), "phase")
    name = f" ({entry.data['pipeline']})" if entry.data.get("pipeline") else ""
    if not entry.data.get("tasks"):
        return f"planned: the Director reads the records{name}"
    model = ", by a model" if entry.data.get("planned_by") == PlannedBy.MODEL else ""
    return f"planned: {tasks} in {phases}{name}{model}"


def _asked(entry: JournalEntry) -> str:
    return f"asks you {entry.data.get('approval_id')}: {_short(entry.why or '')}"


def _part(entry: JournalEntry) -> str:
    return f"{entry.data.get('approval_id')} ({entry.data.get('tasks')})"


def _fixed(words: str) -> Callable[[JournalEntry], str]:
    def say(entry: JournalEntry) -> str:
        return f"{words}{_why(entry.why)}"

    return say


_TASK_WORDS: Mapping[str, Callable[[JournalEntry, Task | None], str | None]] = {
    "task_running": _running,
    "variant_chosen": lambda entry, _: f"chose variant {entry.data.get('variant')}{_why(entry.why)}",
    "task_completed": lambda entry, _: None if entry.why else "written, in review",
    "task_revision": _revision,
    "task_queued": _queued,
    "task_deferred": lambda entry, _: f"waits{_why(entry.why)}",
    "task_failed": _failed,
    "task_cancelled": _cancelled,
    "task_superseded": lambda entry, _: f"will be done over by {entry.data.get('superseded_by')}",
    "contradiction_found": lambda entry, _: f"contradicts what was there before{_why(entry.why)}",
    "task_warned": lambda entry, _: f"note{_why(entry.why)}",
    "review_limited": lambda entry, _: f"note{_why(entry.why)}",
    "work_retried": lambda entry, _: f"tried again{_why(entry.why)}",
    "work_handed_back": lambda entry, _: f"put back{_why(entry.why)}",
    "work_failed": lambda entry, _: f"a step failed{_why(entry.why)}",
}
_GOAL_WORDS: Mapping[str, Callable[[JournalEntry], str]] = {
    "goal_planned": _planned,
    "plan_proposed": _fixed("a plan is made, and waits for you"),
    "approval_asked": _asked,
    "approval_approved": lambda entry: f"{entry.data.get('approval_id')} approved by {entry.who}",
    "approval_revised": lambda entry: f"{entry.data.get('approval_id')} sent back by {entry.who}",
    "approval_rejected": lambda entry: f"{entry.data.get('approval_id')} rejected by {entry.who}",
    "approval_partly_approved": lambda entry: f"{_part(entry)} approved in part by {entry.who}",
    "approval_partly_rejected": lambda entry: f"{_part(entry)} rejected in part by {entry.who}",
    "approval_void": lambda entry: f"{entry.data.get('approval_id')} is void{_why(entry.why)}",
    "approval_reminded": lambda entry: f"still waits for you: {entry.data.get('approval_id')}",
    "approval_overdue": lambda entry: f"{entry.data.get('approval_id')} is overdue and still waits for you",
    "approval_expired": _fixed("a question has expired"),
    "budget_raised": lambda entry: f"budget raised to ${entry.data.get('budget_usd')}",
    "pipeline_blocked": _fixed("stopped after failures in a row"),
    "pipeline_unblocked": _fixed("goes on after failures in a row"),
    "everything_paused": _fixed("everything is paused"),
    "everything_unpaused": _fixed("no longer everything is paused"),
    "api_declared_down": _fixed("the model API does not answer"),
    "api_declared_up": _fixed("the model API answers again"),
    "api_tried": _fixed("one call tries the model API for all"),
    "api_trial_over": _fixed("the model API is no longer tried by one call for all"),
    "part_failed": _fixed("a part of the daemon failed and is begun anew"),
    "parts_recovered": _fixed("all parts of the daemon run again"),
    "review_page_written": lambda entry: f"wrote {entry.data.get('path')}",
    "follow_up_begun": lambda entry: f"begins {entry.data.get('follow_up')}{_why(entry.why)}",
    "barrier_passed": _fixed("review of the whole"),
    "goal_completed": _fixed("completed"),
    "goal_pruned": _fixed("pruned"),
    "goal_failed": _fixed("failed"),
    "goal_cancelled": _fixed("cancelled"),
    "goal_max_iterations": _fixed("ended after too many revisions"),
    "goal_budget_exhausted": _fixed("budget exhausted"),
    "goal_blocked": _fixed("waits for you"),
    "goal_waiting": _fixed("waits"),
    "goal_paused": _fixed("paused"),
}


def _why(why: str | None) -> str:
    return f": {_short(why)}" if why else ""


def _short(words: str) -> str:
    line = text.one_line(words)
    return line if len(line) <= LONGEST_WHY else f"{line[: LONGEST_WHY - 1]}…"
