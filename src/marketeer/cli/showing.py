"""`marketeer show GOAL` for people: how each task stands, reviews, questions, cost and the last journal entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from marketeer.cli import lines as journal_lines
from marketeer.cli import text
from marketeer.cli.choice_view import choices_of
from marketeer.cli.common import Call
from marketeer.cli.summary import GoalFacts, gather, questions, spent_on
from marketeer.domain.document import goal_path
from marketeer.domain.ledger import Spend
from marketeer.domain.review import Review, Verdict
from marketeer.domain.task import Task
from marketeer.domain.usage import dollars
from marketeer.ports import Clock, Store

LAST_ENTRIES = 12
ALL_ENTRIES = 100_000


async def goal_lines(call: Call, store: Store, clock: Clock, goal_id: str) -> list[str]:
    facts = await gather(call, store, clock, goal_id)
    reviews = await store.reviews(goal_id)
    choices = await choices_of(store, facts.goal, facts.tasks)
    lines = _head(call, facts)
    for index, name in enumerate(facts.goal.phases):
        lines += ["", name]
        for task in facts.tasks:
            if task.phase == index:
                lines += _task(call, task, facts.bill.by_task.get(task.task_id, Spend()), reviews)
                lines += [f"    {line}" for line in choices.get(task.task_id, ())]
    lines += questions(call, facts.questions, goal_id=goal_id)
    return [*lines, *await _journal(store, goal_id, {task.task_id: task for task in facts.tasks})]


def _head(call: Call, facts: GoalFacts) -> list[str]:
    goal, total = facts.goal, facts.bill.total
    would = "would have cost " if goal.rehearsal else ""
    rows = [
        ("Goal", goal.goal_id),
        ("Status", f"{goal.status.value}{' (rehearsal)' if goal.rehearsal else ''}"),
        ("Category", goal.category.value if goal.category else "not chosen yet"),
        ("Pipeline", goal.pipeline or ("none: phases were built for this goal" if goal.phases else "not chosen yet")),
        ("Priority", goal.effective_priority.value),
        ("Cost", f"{would}{dollars(total.settled_usd)} ({spent_on(total)})"),
        ("Time", text.span(facts.duration_s)),
    ]
    if goal.budget_usd is not None:
        rows.append(("Budget", dollars(goal.budget_usd)))
    if goal.error:
        rows.append(("Error", text.one_line(goal.error)))
    if goal.phases:
        plan = goal_path(goal_id=goal.goal_id, name="plan.md", rehearsal=goal.rehearsal)
        rows.append(("Plan", text.shown_path(Path(call.settings.workspace_dir) / plan)))
    if goal.report_path:
        rows.append(("Report", text.shown_path(Path(call.settings.workspace_dir) / goal.report_path)))
    return [goal.description, "", *(f"{f'{name}:':<10}{value}" for name, value in rows)]


def _task(call: Call, task: Task, spend: Spend, reviews: Sequence[Review]) -> list[str]:
    cost = f", {dollars(spend.settled_usd)}" if spend.settled_usd else ""
    state = task.verdict if task.verdict and task.status.value == "approved" else task.status.value
    revised = f" ({text.counted(task.revision, 'revision')})" if task.revision else ""
    lines = [f"  {task.task_id}: {state}{revised}{cost}"]
    if task.reason:
        lines.append(f"    why: {text.one_line(task.reason)}")
    if task.superseded_by:
        lines.append(f"    done over by {task.superseded_by}")
    if task.output_path:
        lines.append(f"    {text.shown_path(Path(call.settings.workspace_dir) / task.output_path)}")
    if task.learnings or task.learnings_withheld:
        lines.append(f"    {_learnings(task)}")
    for review in reviews:
        if review.task_id == task.task_id:
            found = len(review.findings) + len(review.requests)
            by_score = not found and review.verdict is not Verdict.APPROVE  # then its scores are what is wrong
            findings = "" if by_score else f", {text.counted(found, 'finding') if found else 'no findings'}"
            score = f", {review.total:g} of 10" if review.total is not None else ""
            lines.append(f"    review {review.number}: {review.verdict.value}{score}{findings}")
    return lines


def _learnings(task: Task) -> str:
    told = f"was told {', '.join(task.learnings)}" if task.learnings else "was told no learnings"
    without = f"; did without {', '.join(task.learnings_withheld)}" if task.learnings_withheld else ""
    return told + without + (f"; scored {task.score:.1f}" if task.score is not None else "")


async def _journal(store: Store, goal_id: str, tasks: Mapping[str, Task]) -> list[str]:
    entries = await store.journal(goal_id=goal_id, limit=ALL_ENTRIES)
    said = [(entry, journal_lines.describe(entry, tasks.get(entry.task_id or ""), None)) for entry in entries]
    lines = [f"  {journal_lines.stamped(entry, line)}" for entry, line in said if line is not None]
    return ["", "Journal, last entries:", *lines[-LAST_ENTRIES:]] if lines else []
