"""What time does to open questions: they are put again, and what nobody answers in time goes by its policy."""

from __future__ import annotations

from datetime import datetime

from marketeer.domain.approval import BY_POLICY, Approval, Decision, OnExpiry
from marketeer.domain.decisions import decide
from marketeer.domain.draft import Draft
from marketeer.domain.gates import MOST_REMINDERS
from marketeer.domain.outcome import Decided

_ANSWERS = {OnExpiry.REJECT: Decision.REJECT, OnExpiry.APPROVE: Decision.APPROVE}


def look(draft: Draft) -> None:
    """Expire and remind of whatever is due. What an expired question takes with it is not asked about any more."""
    for approval_id in [approval.approval_id for approval in draft.open_approvals()]:
        approval = draft.approvals[approval_id]
        if not approval.is_open:
            continue
        if _is_due(approval.expires_at, draft.now):
            _expire(draft, approval)
        elif _is_due(approval.remind_at, draft.now):
            _remind(draft, approval)


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _expire(draft: Draft, approval: Approval) -> None:
    answer = _ANSWERS.get(approval.on_expiry)
    if answer is None or answer not in [choice for choice, _ in approval.choices]:
        draft.put_approval(approval, overdue=True, expires_at=None)
        draft.note(
            "approval_overdue", task_id=approval.task_id, why=approval.question, approval_id=approval.approval_id
        )
        return
    days = _waited(draft, approval)
    why = f"nobody answered within {days}, so it counts as {answer.value}: {approval.question}"
    draft.note("approval_expired", task_id=approval.task_id, why=why, expired=approval.approval_id)
    decide(
        draft, Decided(approval_id=approval.approval_id, decision=answer, by=BY_POLICY, note=f"no answer within {days}")
    )


def _waited(draft: Draft, approval: Approval) -> str:
    hours = (draft.now - approval.created_at).total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def _remind(draft: Draft, approval: Approval) -> None:
    """Again after as long as it took the first time, so many times."""
    count = approval.reminders + 1
    apart = draft.gates.of(approval.kind).remind_after
    again = apart is not None and count < MOST_REMINDERS
    draft.put_approval(approval, reminders=count, remind_at=draft.now + apart if apart and again else None)
    draft.note("approval_reminded", task_id=approval.task_id, why=approval.question, approval_id=approval.approval_id)
