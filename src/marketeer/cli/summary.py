"""What a person is told when a goal has come to rest: what was made and where, what is open, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marketeer.cli import text
from marketeer.cli.common import Call, month_cap
from marketeer.domain.approval import Approval, ApprovalKind, ApprovalStatus, Decision
from marketeer.domain.budget import month_key
from marketeer.domain.follow_up import waits_for_budget
from marketeer.domain.goal import Goal, GoalStatus
from marketeer.domain.ledger import GoalBill, Spend
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.usage import dollars
from marketeer.domain.work import Scope
from marketeer.ports import Clock, Store

_HEADLINES = {
    GoalStatus.COMPLETED: "Done",
    GoalStatus.FAILED: "Failed",
    GoalStatus.CANCELLED: "Cancelled",
    GoalStatus.BUDGET_EXHAUSTED: "Budget exhausted",
    GoalStatus.MAX_ITERATIONS: "Ended after too many revisions",
    GoalStatus.BLOCKED: "Waiting for you",
    GoalStatus.PAUSED: "Paused",
    GoalStatus.WAITING: "Waiting",
}
_NEEDS_NOTE = {Decision.REVISE}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalFacts:
    """Everything a summary is made of. `report` is the report's text, `until` when deferred work is due,
    `page` what a reading has written."""

    goal: Goal
    tasks: Sequence[Task]
    bill: GoalBill
    questions: Sequence[Approval]
    report: str
    duration_s: float
    month_line: str
    until: str | None
    page: str | None = None


async def gather(call: Call, store: Store, clock: Clock, goal_id: str) -> GoalFacts:
    goal = await store.goal(goal_id)
    now = clock.now()
    report = await store.document(goal.report_path) if goal.report_path else None
    month = month_key(now)
    spend = await store.month_spend(month)
    scope = Scope(goal_ids=frozenset({goal_id}))
    until = await store.next_due(now=now, scope=scope) if goal.status is GoalStatus.WAITING else None
    return GoalFacts(
        goal=goal,
        tasks=await store.tasks(goal_id),
        bill=await store.goal_bill(goal_id),
        questions=await store.approvals(status=ApprovalStatus.OPEN, goal_id=goal_id),
        report=report.content if report else "",
        page=await _page(store, goal),
        duration_s=((goal.finished_at or now) - goal.created_at).total_seconds(),
        month_line=f"{dollars(spend.settled_usd)} of {dollars(await month_cap(store, call.settings, month))} spent",
        until=f"{until.astimezone():%Y-%m-%d %H:%M}" if until else None,
    )


async def _page(store: Store, goal: Goal) -> str | None:
    """What a reading has written; None for a goal of tasks."""
    if goal.status is not GoalStatus.COMPLETED or goal.phases:
        return None
    entries = await store.journal(goal_id=goal.goal_id)
    return next((str(entry.data["path"]) for entry in entries if entry.what == "review_page_written"), None)


def summary(call: Call, facts: GoalFacts) -> list[str]:
    """The lines, in the order a reader needs them."""
    goal = facts.goal
    lines = [_headline(facts)]
    lines += _made(call, facts)
    lines += _not_made(facts)
    lines += questions(call, facts.questions, goal_id=goal.goal_id)
    if goal.status is GoalStatus.WAITING and waits_for_budget(list(facts.tasks)):
        lines += _waiting_for_money(call, facts)
    blocked = any(question.kind is ApprovalKind.PIPELINE for question in facts.questions)
    if goal.status is GoalStatus.PAUSED and not blocked:
        lines += ["", f"To go on: {call.command(f'unpause {goal.goal_id}')}"]
    lines += _advice(facts)
    return [*lines, "", *_bill(call, facts)]


def _headline(facts: GoalFacts) -> str:
    current = [t for t in facts.tasks if t.superseded_by is None and not (t.reason or "").startswith("skipped:")]
    done = sum(t.status is TaskStatus.APPROVED for t in current)
    word = _HEADLINES.get(facts.goal.status, "Not finished yet")
    counts = f"{done} of {text.counted(len(current), 'deliverable')} approved" if current else _without_tasks(facts)
    shows_error = facts.goal.error and facts.goal.status is not GoalStatus.COMPLETED
    return f"{word}: {counts}" + (f"; {text.one_line(facts.goal.error or '')}" if shows_error else ".")


def _without_tasks(facts: GoalFacts) -> str:
    if any(question.kind is ApprovalKind.PLAN for question in facts.questions):
        return "the plan is made, and nothing is begun"
    if facts.page:
        return f"{facts.page} is written"
    return "there were no tasks" if facts.goal.status.is_final else "nothing planned yet"


def _made(call: Call, facts: GoalFacts) -> list[str]:
    made = [t for t in facts.tasks if t.status is TaskStatus.APPROVED and t.superseded_by is None and t.output_path]
    if not made:
        return []
    longest = max(len(task.skill) for task in made)
    rows = [f"  {t.skill:<{longest}}  {_place(call, t.output_path or '')}{_remark(t)}" for t in made]
    return ["", "Made:", *rows]


def _remark(task: Task) -> str:
    return f"  ({task.verdict})" if task.verdict and task.verdict != "approved" else ""


def _not_made(facts: GoalFacts) -> list[str]:
    over = (TaskStatus.FAILED, TaskStatus.CANCELLED)
    refused = [t for t in facts.tasks if t.status in over and t.superseded_by is None]
    if not refused:
        return []
    return ["", "Not made:", *(f"  {t.skill}: {text.one_line(t.reason or t.status.value)}" for t in refused)]


def questions(call: Call, asked: Sequence[Approval], *, goal_id: str | None) -> list[str]:
    """Each question with the exact commands that answer it; `goal_id` adds how to go on."""
    lines: list[str] = []
    for approval in asked:
        lines += ["", f"Question {approval.approval_id}: {text.one_line(approval.question)}"]
        commands = [(call.command(_answer(approval, decision)), effect) for decision, effect in approval.choices]
        commands[1:1] = [(call.command(text), effect) for text, effect in _ways(approval)]
        longest = max((len(command) for command, _ in commands), default=0)
        lines += [f"  {command:<{longest}}   {effect}" for command, effect in commands]
        lines += [f"  {line}" for line in _terms(approval)]
    if lines and goal_id is not None:
        lines += ["", f"Then: {call.command(f'resume {goal_id}')}"]
    return lines


def _ways(approval: Approval) -> list[tuple[str, str]]:
    """Other ways to say yes."""
    yes = f"approve {approval.approval_id}"
    if approval.gate:
        return [(f"{yes} --only SKILL", "start that task and what it needs; the rest goes on waiting")]
    if approval.kind in (ApprovalKind.QUALITY, ApprovalKind.FAILURE):
        return [(f"{yes} --edited", "accept the file as you have changed it")]
    return []


def _terms(approval: Approval) -> list[str]:
    """Who waits for the answer, if not everybody, and how long."""
    lines = [f"Waits for it: {', '.join(approval.holds)}."] if approval.holds else []
    lines += [f"Released already: {', '.join(approval.released)}."] if approval.released else []
    if approval.overdue:
        lines.append("It is overdue.")
    elif approval.expires_at is not None:
        lines.append(
            f"Without an answer by {approval.expires_at.astimezone():%Y-%m-%d %H:%M}: {approval.on_expiry.value}."
        )
    return lines


def _answer(approval: Approval, decision: Decision) -> str:
    note = ' --note "..."' if decision in _NEEDS_NOTE else ""
    return f"{decision.value} {approval.approval_id}{note}"


def _waiting_for_money(call: Call, facts: GoalFacts) -> list[str]:
    until = f" until {facts.until}" if facts.until else ""
    return [
        "",
        f"The month's budget does not allow the next call ({facts.month_line}); the work waits{until}.",
        f"To go on sooner: {call.command('budget raise AMOUNT')}",
        f"Then: {call.command(f'resume {facts.goal.goal_id}')}",
    ]


def _advice(facts: GoalFacts) -> list[str]:
    lines: list[str] = []
    before = section_items(facts.report, "Before you publish")
    if before:
        lines += ["", "Before you publish:", *(f"  - {item}" for item in before)]
    if facts.goal.continues_when and facts.goal.status is GoalStatus.COMPLETED:
        lines += ["", f"It continues after {text.one_line(facts.goal.continues_when).rstrip('.')}."]
    return lines


def _bill(call: Call, facts: GoalFacts) -> list[str]:
    goal, total = facts.goal, facts.bill.total
    amount = dollars(total.settled_usd)
    cost = f"would have cost {amount}; nothing was spent" if goal.rehearsal else amount
    rows = [("Cost", f"{cost} ({spent_on(total)})"), ("Time", text.span(facts.duration_s))]
    assumed = len(section_items(facts.report, "Assumptions"))
    if assumed:
        rows.append(("Assumptions", f"{text.counted(assumed, 'thing')} taken for granted; the report lists them"))
    if goal.report_path:
        rows.append(("Report", _place(call, goal.report_path)))
    rows.append(("Goal", goal.goal_id))
    return [f"{f'{name}:':<13}{value}" for name, value in rows]


def spent_on(spend: Spend) -> str:
    calls = text.counted(spend.calls, "model call")
    return f"{calls}, {spend.input_tokens:,} tokens in, {spend.output_tokens:,} out"


def _place(call: Call, path: str) -> str:
    return text.shown_path(Path(call.settings.workspace_dir) / path)


def section_items(markdown: str, title: str) -> list[str]:
    """The list items below `## title`."""
    items: list[str] = []
    inside = False
    for line in markdown.splitlines():
        if line.startswith("## "):
            inside = line.removeprefix("## ").strip() == title
        elif inside and line.startswith("- "):
            items.append(line.removeprefix("- ").strip())
    return items
