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
    FAILURE = "failure"
    PIPELINE = "pipeline"


class Decision(StrEnum):
    APPROVE = "approve"
    REVISE = "revise"
    REJECT = "reject"


class ApprovalStatus(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REVISED = "revised"
    REJECTED = "rejected"
    VOID = "void"


DECIDED = {
    Decision.APPROVE: ApprovalStatus.APPROVED,
    Decision.REVISE: ApprovalStatus.REVISED,
    Decision.REJECT: ApprovalStatus.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One question. `task_id` None means the whole goal waits. `choices` says what each decision does.

    `amount_usd` is the sum a budget question asks for.
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
