"""What workers bring when all goes well: a step claimed, a plan, an output, a verdict on it."""

from __future__ import annotations

from typing import Any

from marketeer.domain.approval import HOLDING_ALL, HOLDING_SOME, ApprovalKind, Decision
from marketeer.domain.draft import Draft
from marketeer.domain.errors import StaleClaim
from marketeer.domain.follow_up import fail_goal
from marketeer.domain.forecast import PlanForecast
from marketeer.domain.judging import judge
from marketeer.domain.outcome import Claimed, Executed, ItemRef, Planned, Reported, Reviewed, Taker
from marketeer.domain.plan import Plan
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.work import WorkItem, WorkKind, WorkState


def held(draft: Draft, ref: ItemRef) -> WorkItem:
    """The item, if the claim a result was made under is still the one in force."""
    item = draft.items.get(ref.item_id)
    if item is None or item.state is not WorkState.CLAIMED or item.claim != ref.claim:
        msg = f"the claim on {ref.item_id!r} is no longer held: another worker has it, or the goal ended"
        raise StaleClaim(msg)
    return item


def task_of(draft: Draft, item: WorkItem) -> Task:
    return draft.tasks[item.task_id or ""]


# -- claiming --------------------------------------------------------------------------------------------------


def claim(draft: Draft, claimed: Claimed) -> None:
    """Does nothing when the item cannot be claimed now: somebody was faster, or the goal stands still."""
    item = draft.items.get(claimed.item_id)
    if item is None or item.state is not WorkState.READY or not item.is_due(draft.now):
        return
    if draft.goal.status.is_final or draft.goal.paused:
        return
    draft.put(
        item,
        state=WorkState.CLAIMED,
        claim=item.claim + 1,
        owner=claimed.owner,
        lease_until=claimed.lease_until,
        attempts=item.attempts + 1,
        claimed_at=draft.now,
        # From here on its due times are by this clock, however far back that has gone.
        created_at=min(item.created_at, draft.now),
    )
    if item.task_id is None:
        draft.note(f"{item.kind.value}_started", item=item.work_item_id)
        return
    task = task_of(draft, item)
    if item.kind is WorkKind.REVIEW:
        draft.move(task, TaskStatus.IN_REVIEW)
        return
    if task.status is TaskStatus.DEFERRED:
        task = draft.move(task, TaskStatus.QUEUED, why="due", waits_for=None, reason=None)
    draft.move(task, TaskStatus.RUNNING, attempts=item.attempts + 1, attempted_at=task.attempted_at or draft.now)


def take_up(draft: Draft, taker: Taker) -> None:
    """The most urgent of the steps that this draft has made owed: the worker goes on with what it made possible."""
    owed = [item for item in draft.new_items() if item.state is WorkState.READY and taker.takes(item)]
    for item in sorted(owed, key=lambda item: item.queue_priority)[: taker.hands]:
        claim(draft, Claimed(item_id=item.work_item_id, owner=taker.owner, lease_until=taker.lease_until))


# -- planning and doing --------------------------------------------------------------------------------------


def plan(draft: Draft, planned: Planned) -> None:
    draft.close(held(draft, planned.item))
    if draft.goal.approve_plan and planned.plan.tasks:
        _expect(draft, planned.forecast)
        _ask_about_plan(draft, planned.plan)
    else:
        adopt(draft, planned.plan, planned.forecast)


def _ask_about_plan(draft: Draft, plan: Plan) -> None:
    """Until it is approved the goal has no tasks: what waits is a document, which may still change."""
    draft.note("plan_proposed", why=plan.why, pipeline=plan.pipeline, tasks=len(plan.tasks), **_made(plan))
    tasks = "one task" if len(plan.tasks) == 1 else f"{len(plan.tasks)} tasks"
    question = f"Begin by the plan of {tasks} that `marketeer plan show {draft.goal.token}` shows?"
    draft.ask(
        ApprovalKind.PLAN,
        question,
        [(Decision.APPROVE, "begin the work"), (Decision.REJECT, "cancel the goal")],
    )


def _expect(draft: Draft, forecast: PlanForecast | None) -> None:
    """What the plan may cost. None, of a rehearsal: nothing."""
    if forecast is not None:
        draft.set_goal(
            forecast_low_usd=forecast.cost.low_usd,
            forecast_usd=forecast.cost.expected_usd,
            forecast_high_usd=forecast.cost.high_usd,
            forecast_s=forecast.time.expected_s,
        )


def _made(plan: Plan) -> dict[str, Any]:
    """Who made it, and why no model did, for the journal."""
    return {"planned_by": plan.made_by.value, **({"not_by_model": plan.made_note} if plan.made_note else {})}


def adopt(draft: Draft, plan: Plan, forecast: PlanForecast | None) -> None:
    """The goal goes by this plan."""
    draft.set_goal(
        category=plan.category,
        pipeline=plan.pipeline,
        priority=plan.priority,
        phases=plan.phases,
        barriers=plan.barriers,
        continues_when=plan.continues_when,
        before_you_publish=plan.before_you_publish,
    )
    _expect(draft, forecast)
    draft.note(
        "goal_planned",
        why=plan.why,
        category=plan.category.value,
        pipeline=plan.pipeline,
        tasks=len(plan.tasks),
        phases=list(plan.phases),
        notes=list(plan.notes),
        **_made(plan),
        **_named(learnings=plan.learnings),
    )
    if not plan.tasks and plan.reading is None:
        fail_goal(draft, "the plan has no tasks: say more in the goal, or name a pipeline")
        return
    for task in plan.tasks:
        draft.add(task, why=task.why or None)
    for gate in plan.gates:
        draft.ask(gate.kind, gate.question, HOLDING_SOME if gate.holds else HOLDING_ALL, gate=True, holds=gate.holds)


def execute(draft: Draft, executed: Executed) -> None:
    item = held(draft, executed.item)
    draft.close(item)
    seen = _learnings_seen(task_of(draft, item), executed)
    task = draft.move(
        task_of(draft, item),
        TaskStatus.COMPLETED,
        output_path=executed.output_path,
        output_version=executed.output_version,
        reason=None,
        **seen,
    )
    if seen:
        named = _named(learnings=task.learnings, withheld=task.learnings_withheld)
        draft.note("learnings_used", task_id=task.task_id, **named)
    if executed.choice is not None:
        chosen = executed.choice
        draft.note("variant_chosen", task_id=task.task_id, why="; ".join(chosen.reasons), variant=chosen.winner)
    for warning in executed.warnings:
        draft.note("task_warned", task_id=task.task_id, why=warning)
    owed = draft.owe(WorkKind.REVIEW, task.task_id, task.generation, task_id=task.task_id)
    if executed.judged is not None:
        began_at = executed.judged.began_at
        draft.put(owed, state=WorkState.DONE, claim=1, attempts=1, claimed_at=began_at, done_at=draft.now)
        judge(draft, draft.move(task, TaskStatus.IN_REVIEW), executed.judged)


def _learnings_seen(task: Task, executed: Executed) -> dict[str, Any]:
    """Those of the first execution: that is where a revision begins from, whatever was learned meanwhile."""
    if task.reviewed or not (executed.learnings or executed.learnings_withheld):
        return {}
    return {"learnings": executed.learnings, "learnings_withheld": executed.learnings_withheld}


def _named(**ids: tuple[str, ...]) -> dict[str, Any]:
    """For a journal entry: the lists that are not empty."""
    return {name: list(values) for name, values in ids.items() if values}


# -- reviewing -----------------------------------------------------------------------------------------------


def review(draft: Draft, reviewed: Reviewed) -> None:
    item = held(draft, reviewed.item)
    draft.close(item)
    judge(draft, task_of(draft, item), reviewed)


def close_reading(draft: Draft, reported: Reported) -> None:
    """What a reading has left besides the report: its page, and the goal it begins."""
    if reported.page_path is not None:
        draft.note("review_page_written", why=reported.headline, path=reported.page_path)
    if reported.begins is not None:
        draft.begins = reported.begins
        draft.note("follow_up_begun", why=reported.begins.goal.description, follow_up=reported.begins.goal.goal_id)
