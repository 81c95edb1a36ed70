"""Approvals: a question to a human that work waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class ApprovalKind(StrEnum):
    """Why a human is asked."""

    QUALITY = "quality"
    BUDGET = "budget"
    LEGAL_RISK = "legal_risk"
    PRICING_CHANGE = "pricing_change"
    BRAND_CHANGE = "brand_change"
    FAILURE = "failure"
    PIPELINE = "pipeline"
    PLAN = "plan"


class Decision(StrEnum):
    APPROVE = "approve"
    REVISE = "revise"
    REJECT = "reject"


class OnExpiry(StrEnum):
    """What becomes of a question that nobody has answered in time. WAIT: it goes on waiting, marked as overdue."""

    WAIT = "wait"
    REJECT = "reject"
    APPROVE = "approve"


class ApprovalStatus(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REVISED = "revised"
    REJECTED = "rejected"
    VOID = "void"


# Of a question that all of a goal's work waits for, and of one that only some of it does.
HOLDING_ALL = ((Decision.APPROVE, "start the work"), (Decision.REJECT, "cancel the goal"))
HOLDING_SOME = (
    (Decision.APPROVE, "start what waits for it"),
    (Decision.REJECT, "drop what waits for it and what depends on that; the rest goes on"),
)

# Who answers a question that has expired.
BY_POLICY = "gates.yaml"

DECIDED = {
    Decision.APPROVE: ApprovalStatus.APPROVED,
    Decision.REVISE: ApprovalStatus.REVISED,
    Decision.REJECT: ApprovalStatus.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One question. `task_id` None means it is about the goal. `choices` says what each decision does.

    `amount_usd` is the sum a budget question asks for. A `gate` holds pending tasks: those of the skills in `holds`
    (none: of all), but for the `released` ones. `policy` names its rule in gates.yaml; `remind_at` and `expires_at`
    are its next due times, None: never; `reminders` counts those that went out.
    """

    approval_id: str
    goal_id: str
    kind: ApprovalKind
    question: str
    choices: tuple[tuple[Decision, str], ...]
    created_at: datetime
    task_id: str | None = None
    amount_usd: Decimal | None = None
    status: ApprovalStatus = ApprovalStatus.OPEN
    note: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    gate: bool = False
    holds: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    policy: str | None = None
    remind_at: datetime | None = None
    reminders: int = 0
    expires_at: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.WAIT
    overdue: bool = False

    @property
    def is_open(self) -> bool:
        return self.status is ApprovalStatus.OPEN

    @property
    def is_about_plan(self) -> bool:
        """The goal has no tasks before its plan is approved: no gate, which holds tasks, is such a question."""
        return self.kind is ApprovalKind.PLAN and not self.gate

    @property
    def may_be_asked_again(self) -> bool:
        """A gate that became void with its tasks holds them again when they are done over."""
        return self.gate and self.status is ApprovalStatus.VOID

    def holds_task(self, task_id: str, skill: str) -> bool:
        return self.gate and task_id not in self.released and (not self.holds or skill in self.holds)
