"""How the workspace stands, as the document that `status --json` prints and the server answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketeer.domain.approval import Approval, ApprovalStatus
from marketeer.domain.budget import month_key
from marketeer.domain.condition import Condition
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Spend
from marketeer.domain.task import Task, TaskStatus
from marketeer.ports import Clock, Store

SHOWN_GOALS = 20
ALL_GOALS = 1_000_000


async def status_document(
    store: Store, clock: Clock, *, limit: int, budget_usd: Decimal, worker: Mapping[str, object] | None
) -> dict[str, Any]:
    """`budget_usd` is the cap of a month that has none stored; `worker` is who works here."""
    month = month_key(clock.now())
    goals = [await _goal_row(store, goal) for goal in await store.goals(limit=limit)]
    asked = await store.approvals(status=ApprovalStatus.OPEN)
    spend, budget = await store.month_spend(month), await store.month_budget(month)
    cap_usd = budget.cap_usd if budget is not None else budget_usd
    return _document(goals, asked, _spend_dict(month, cap_usd, spend), worker, await store.conditions())


def empty_status(clock: Clock, *, budget_usd: Decimal) -> dict[str, Any]:
    """Of a workspace that is still to be made."""
    return _document([], [], _spend_dict(month_key(clock.now()), budget_usd, Spend()), None, [])


def _document(
    goals: list[dict[str, Any]],
    asked: Sequence[Approval],
    spend: dict[str, Any],
    worker: Mapping[str, object] | None,
    conditions: Sequence[Condition],
) -> dict[str, Any]:
    return {
        "goals": goals,
        "approvals": [approval_dict(approval) for approval in asked],
        "spend": spend,
        "conditions": [
            {"name": each.name.value, "since": each.since.isoformat(), "who": each.who, "why": each.why}
            for each in conditions
        ],
        "worker": {"pid": worker.get("pid"), "scope": worker.get("scope"), "daemon": worker.get("daemon", False)}
        if worker is not None
        else None,
    }


async def _goal_row(store: Store, goal: Goal) -> dict[str, Any]:
    tasks = [task for task in await store.tasks(goal.goal_id) if _counts(task)]
    bill = await store.goal_bill(goal.goal_id)
    return {
        "goal_id": goal.goal_id,
        "description": goal.description,
        "status": goal.status.value,
        "category": goal.category.value if goal.category else None,
        "pipeline": goal.pipeline,
        "priority": goal.priority.value if goal.priority else None,
        "rehearsal": goal.rehearsal,
        "tasks_total": len(tasks),
        "tasks_completed": sum(task.status is TaskStatus.APPROVED for task in tasks),
        "tasks_failed": sum(task.status is TaskStatus.FAILED for task in tasks),
        "cost_usd": float(bill.total.settled_usd),
        "created_at": goal.created_at.isoformat(),
        "finished_at": goal.finished_at.isoformat() if goal.finished_at else None,
    }


def _counts(task: Task) -> bool:
    """Neither done over nor skipped as not needed."""
    return task.superseded_by is None and not (task.reason or "").startswith("skipped:")


def _spend_dict(month: str, cap_usd: Decimal, spend: Spend) -> dict[str, Any]:
    return {
        "month": month,
        "settled_usd": float(spend.settled_usd),
        "reserved_usd": float(spend.reserved_usd),
        "budget_usd": float(cap_usd),
    }


def approval_dict(approval: Approval) -> dict[str, Any]:
    return {
        "approval_id": approval.approval_id,
        "goal_id": approval.goal_id,
        "task_id": approval.task_id,
        "kind": approval.kind.value,
        "question": approval.question,
        "choices": [{"decision": decision.value, "effect": effect} for decision, effect in approval.choices],
        "amount_usd": float(approval.amount_usd) if approval.amount_usd is not None else None,
        "created_at": approval.created_at.isoformat(),
        "policy": approval.policy,
        "holds": list(approval.holds),
        "released": list(approval.released),
        "remind_at": _moment(approval.remind_at),
        "reminders": approval.reminders,
        "expires_at": _moment(approval.expires_at),
        "on_expiry": approval.on_expiry.value,
        "overdue": approval.overdue,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
