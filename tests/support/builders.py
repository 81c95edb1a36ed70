"""Small records with sensible values: name only what a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marketeer.domain.contradiction import CONTEXT, Contradiction, Topic
from marketeer.domain.document import Author, Document, DocumentKind
from marketeer.domain.goal import Category, Goal, GoalStatus, Priority
from marketeer.domain.learning import Learning, LearningOutcome
from marketeer.domain.ledger import Call, Reservation
from marketeer.domain.plan import Plan
from marketeer.domain.review import Finding, Severity
from marketeer.domain.task import Task
from marketeer.domain.usage import Tier, Usage
from marketeer.domain.work import WorkKind

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GOAL_ID = "more-signups-abc123"


def a_goal(goal_id: str = GOAL_ID, **fields: Any) -> Goal:
    """A real goal, just submitted."""
    values: dict[str, Any] = {
        "description": "Get more signups",
        "status": GoalStatus.PLANNING,
        "priority": None,
        "rehearsal": False,
        "created_at": NOW,
    }
    return Goal(goal_id=goal_id, **(values | fields))


def a_task(seq: int = 1, *needs: int | str, goal_id: str = GOAL_ID, **fields: Any) -> Task:
    """Task number `seq`, skill `skill-<seq>`. `needs` are numbers of tasks of the same goal, or whole task ids."""
    token = goal_id.rsplit("-", 1)[-1]
    values: dict[str, Any] = {
        "task_id": task_id(seq, token),
        "seq": seq,
        "phase": 0,
        "skill": f"skill-{seq}",
        "squad": "creative",
        "brief": "Write it",
        "depends_on": tuple(need if isinstance(need, str) else task_id(need, token) for need in needs),
        "created_at": NOW,
    }
    return Task(goal_id=goal_id, **(values | fields))


def task_id(seq: int, token: str = "abc123") -> str:
    return f"{token}-{seq:02d}-skill-{seq}"


def a_plan(tasks: Sequence[Task], **fields: Any) -> Plan:
    """These tasks, in as many phases as they name."""
    values: dict[str, Any] = {
        "category": Category.CONTENT,
        "pipeline": None,
        "priority": Priority.P1,
        "phases": tuple(f"phase {n}" for n in range(1 + max((t.phase for t in tasks), default=0))),
        "why": "because the words of the goal say so",
    }
    return Plan(tasks=tuple(tasks), **(values | fields))


def a_finding(severity: Severity = Severity.MAJOR, found: str = "too short") -> Finding:
    return Finding(section="Summary", severity=severity, found=found, wanted="100 words")


MINOR = a_finding(Severity.MINOR)
MAJOR = a_finding(Severity.MAJOR)
CRITICAL = a_finding(Severity.CRITICAL, "no summary at all")


def a_learning(learning_id: str = "l-1", **fields: Any) -> Learning:
    """One of skill-1's, on probation, learned from a task of the usual goal."""
    values: dict[str, Any] = {
        "agent": "skill-1",
        "goal_id": GOAL_ID,
        "outcome": LearningOutcome.SUCCESS,
        "learning": "Short subject lines are opened more often",
        "action": "Keep subject lines under forty characters",
        "rehearsal": False,
        "created_at": NOW,
        "confirmed_at": NOW,
        "task_id": task_id(1),
        "category": "content",
        "tags": ("mail",),
        "provenance": (task_id(1),),
    }
    return Learning(learning_id=learning_id, **(values | fields))


def a_document(path: str = "outputs/creative/skill-1/abc123-01-skill-1.md", **fields: Any) -> Document:
    values: dict[str, Any] = {
        "kind": DocumentKind.OUTPUT,
        "content": "# Text\n",
        "author": Author.MACHINE,
        "rehearsal": False,
        "created_at": NOW,
    }
    return Document(path=path, **(values | fields))


def a_reservation(call_id: str = "call-1", usd: str = "1", **fields: Any) -> Reservation:
    values: dict[str, Any] = {
        "goal_id": GOAL_ID,
        "task_id": task_id(1),
        "work_item_id": f"{task_id(1)}.execute.1",
        "kind": WorkKind.EXECUTE,
        "skill": "skill-1",
        "model": "some-model",
        "tier": Tier.SONNET,
        "rehearsal": False,
        "owner": "worker-1",
        "reserved_at": NOW,
    }
    return Reservation(call_id=call_id, amount_usd=Decimal(usd), **(values | fields))


def a_call(reservation: Reservation, usd: str, **fields: Any) -> Call:
    """What became of a reservation."""
    values: dict[str, Any] = {
        "usage": Usage(input_tokens=100, output_tokens=10),
        "latency_s": 1.5,
        "stop_reason": "end_turn",
        "request_id": "req_1",
        "estimated": False,
        "settled_at": NOW,
    }
    held = reservation
    return Call(
        call_id=held.call_id,
        goal_id=held.goal_id,
        task_id=held.task_id,
        work_item_id=held.work_item_id,
        kind=held.kind,
        skill=held.skill,
        model=held.model,
        tier=held.tier,
        cost_usd=Decimal(usd),
        rehearsal=held.rehearsal,
        reserved_at=held.reserved_at,
        **(values | fields),
    )


def contradiction(*, later: str, earlier: str = CONTEXT, **fields: Any) -> Contradiction:
    """Of two lengths of a free trial."""
    usual: dict[str, Any] = {"topic": Topic.TRIAL, "about": "the free trial", "section": "Summary"}
    usual |= {"earlier_says": "14 days", "earlier_quote": "Start your 14-day free trial."}
    usual |= {"later_says": "30 days", "later_quote": "Try it free for 30 days."}
    return Contradiction(later=later, earlier=earlier, **(usual | fields))
