"""The one document about a goal that the CLI, the library and others read, as plain JSON-ready data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from marketeer.domain.goal import Goal
from marketeer.domain.ledger import GoalBill, Spend
from marketeer.domain.review import Finding, Review
from marketeer.domain.task import Task, TaskStatus
from marketeer.ports import Clock, Store


async def goal_document(store: Store, goal_id: str, clock: Clock) -> dict[str, Any]:
    """See the README for the fields. Paths are relative to the workspace, costs US dollars, times UTC."""
    goal = await store.goal(goal_id)
    tasks = await store.tasks(goal_id)
    bill = await store.goal_bill(goal_id)
    return goal_dict(goal, tasks, bill, now=clock.now())


def goal_dict(goal: Goal, tasks: Sequence[Task], bill: GoalBill, *, now: datetime) -> dict[str, Any]:
    current = [task for task in tasks if task.superseded_by is None]
    end = goal.finished_at or now
    return {
        "goal_id": goal.goal_id,
        "description": goal.description,
        "status": goal.status.value,
        "category": goal.category.value if goal.category else None,
        "pipeline": goal.pipeline,
        "priority": goal.priority.value if goal.priority else None,
        "rehearsal": goal.rehearsal,
        "phases": _phases(goal, tasks, bill.by_task),
        "tasks_completed": sum(task.status is TaskStatus.APPROVED for task in current),
        "tasks_failed": sum(task.status is TaskStatus.FAILED for task in current),
        "calls": bill.total.calls,
        "input_tokens": bill.total.input_tokens,
        "output_tokens": bill.total.output_tokens,
        "cost_usd": float(bill.total.settled_usd),
        "duration_s": round((end - goal.created_at).total_seconds(), 3),
        "report_path": goal.report_path,
        "error": goal.error,
        "created_at": goal.created_at.isoformat(),
        "finished_at": goal.finished_at.isoformat() if goal.finished_at else None,
        "continues_when": goal.continues_when,
    }


def _phases(goal: Goal, tasks: Sequence[Task], spend: Mapping[str, Spend]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "tasks": [task_dict(t, spend.get(t.task_id, Spend())) for t in tasks if t.phase == index],
        }
        for index, name in enumerate(goal.phases)
    ]


def task_dict(task: Task, spend: Spend) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "skill": task.skill,
        "squad": task.squad,
        "status": task.status.value,
        "revision": task.revision,
        "attempts": task.attempts,
        "depends_on": list(task.depends_on),
        "output_path": task.output_path,
        "cost_usd": float(spend.settled_usd),
        "verdict": task.verdict,
        "reason": task.reason,
        "supersedes": task.supersedes,
        "superseded_by": task.superseded_by,
    }


def review_dict(review: Review) -> dict[str, Any]:
    """`total` and `scores` are None and empty where the contract judged alone; `note` says why."""
    return {
        "number": review.number,
        "output_version": review.output_version,
        "verdict": review.verdict.value,
        "depth": review.depth.value,
        "total": review.total,
        "scores": [
            {"dimension": s.dimension, "weight": s.weight, "score": s.score, "reason": s.reason, "quote": s.quote}
            for s in review.scores
        ],
        "findings": [finding_dict(finding) for finding in review.findings],
        "requests": [finding_dict(finding) for finding in review.requests],
        "claims_without_source": list(review.unsourced),
        "not_checked": list(review.waived),
        "note": review.note,
        "model": review.model,
        "cost_usd": float(review.cost_usd),
        "path": review.path,
        "created_at": review.created_at.isoformat(),
    }


def finding_dict(finding: Finding) -> dict[str, Any]:
    return {
        "section": finding.section,
        "severity": finding.severity.value,
        "found": finding.found,
        "wanted": finding.wanted,
    }
