"""Notices: which entries of the journal a person is told of, how urgent they are, and how they read together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from marketeer.domain.goal import Goal, Priority
from marketeer.domain.journal import JournalEntry

LONGEST_TEXT = 400
SHOWN_AT_MOST = 20


class NoticeKind(StrEnum):
    APPROVAL = "approval"
    FAILURE = "failure"
    BUDGET = "budget"
    PIPELINE = "pipeline"
    SCHEDULE = "schedule"
    API = "api"
    DAEMON = "daemon"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell. Its id follows from the journal entry it tells of, so that nothing is told twice.

    `urgent` ones are told in quiet hours too. One about an approval is dropped when that is answered first.
    """

    notice_id: str
    kind: NoticeKind
    urgent: bool
    text: str
    made_at: datetime
    goal_id: str | None = None
    approval_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notice on its way through one channel. `sent_at` is the receipt; `given_up_at` ends it without one."""

    notice_id: str
    channel: str
    next_at: datetime
    attempts: int = 0
    error: str | None = None
    sent_at: datetime | None = None
    given_up_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes out."""

    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From `begin` to `end`, local time; over midnight when the end is the earlier of the two."""

    begin: time
    end: time

    def hold_at(self, moment: datetime, zone: tzinfo) -> bool:
        told = moment.astimezone(zone).time()
        if self.begin <= self.end:
            return self.begin <= told < self.end
        return told >= self.begin or told < self.end


_KINDS = {
    "approval_asked": NoticeKind.APPROVAL,
    "approval_reminded": NoticeKind.APPROVAL,
    "approval_overdue": NoticeKind.APPROVAL,
    "approval_expired": NoticeKind.APPROVAL,
    "task_failed": NoticeKind.FAILURE,
    "work_failed": NoticeKind.FAILURE,
    "goal_failed": NoticeKind.FAILURE,
    "goal_max_iterations": NoticeKind.FAILURE,
    "goal_budget_exhausted": NoticeKind.FAILURE,
    "budget_warning": NoticeKind.BUDGET,
    "budget_throttle": NoticeKind.BUDGET,
    "budget_critical": NoticeKind.BUDGET,
    "budget_exhausted": NoticeKind.BUDGET,
    "pipeline_blocked": NoticeKind.PIPELINE,
    "schedule_held_up": NoticeKind.SCHEDULE,
    "slots_missed": NoticeKind.SCHEDULE,
    "api_declared_down": NoticeKind.API,
    "api_declared_up": NoticeKind.API,
    "part_failed": NoticeKind.DAEMON,
    "review_page_written": NoticeKind.REVIEW,
}
_URGENT = frozenset({"approval_overdue", "budget_critical", "budget_exhausted", "pipeline_blocked", "part_failed"})
_WORDS = {
    "task_failed": "a task failed",
    "work_failed": "a step failed",
    "goal_failed": "the goal failed",
    "goal_max_iterations": "the goal was ended: it went in circles",
    "goal_budget_exhausted": "the goal's budget is exhausted",
    "pipeline_blocked": "stopped after failures in a row",
    "schedule_held_up": "a schedule is skipped again and again",
    "slots_missed": "slots of a schedule were missed",
    "api_declared_down": "the model API does not answer; work waits for it",
    "api_declared_up": "the model API answers again",
    "part_failed": "a part of the daemon fails and is begun anew",
}

_WAITS = {
    "approval_asked": "waits for you",
    "approval_reminded": "still waits for you",
    "approval_overdue": "is overdue and still waits for you",
}

TOLD_OF = frozenset(_KINDS)


def notice_of(entry: JournalEntry, goal: Goal | None) -> Notice | None:
    """None for what nobody need be told of: everything else, and whatever a rehearsal does."""
    kind = _KINDS.get(entry.what)
    if kind is None or (goal is not None and goal.rehearsal):
        return None
    pressing = goal is not None and goal.priority is Priority.P0 and kind in (NoticeKind.APPROVAL, NoticeKind.FAILURE)
    approval_id = entry.data.get("approval_id") if entry.what in _WAITS else None
    return Notice(
        notice_id=f"journal-{entry.entry_id}",
        kind=kind,
        urgent=pressing or entry.what in _URGENT,
        text=_text(entry, goal, approval_id),
        made_at=entry.at,
        goal_id=goal.goal_id if goal is not None else None,
        approval_id=approval_id,
    )


def _text(entry: JournalEntry, goal: Goal | None, approval_id: str | None) -> str:
    why = " ".join((entry.why or "").split())
    if approval_id is not None:
        said = f"{_WAITS[entry.what]}: {why} Answer with `marketeer approve {approval_id}` (or revise, reject)."
    else:
        said = ": ".join(filter(None, [_WORDS.get(entry.what), why])) or entry.what.replace("_", " ")
    skill = entry.data.get("skill")
    subject = f"{goal.goal_id}: " if goal is not None else ""
    text = f"{subject}{f'{skill}: ' if skill else ''}{said}"
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def message_of(notices: Sequence[Notice]) -> Message:
    """The urgent ones first, then as they came; of very many only so many, and how many more there are."""
    ordered = sorted(notices, key=lambda notice: (not notice.urgent, notice.made_at, notice.notice_id))
    shown = ordered[:SHOWN_AT_MOST]
    lines = [f"- {'URGENT: ' if notice.urgent else ''}{notice.text}" for notice in shown]
    if len(ordered) > len(shown):
        lines.append(f"- and {len(ordered) - len(shown)} more: `marketeer notify list` shows them")
    first = shown[0].text if shown else ""
    title = _short(first) if len(ordered) == 1 else f"{len(ordered)} things, first: {_short(first)}"
    return Message(title=f"Marketeer: {title}", body="\n".join(lines))


def _short(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# -- when ----------------------------------------------------------------------------------------------------

GATHER = timedelta(seconds=30)
GATHER_URGENT = timedelta(seconds=5)
APART = timedelta(minutes=10)
APART_URGENT = timedelta(minutes=1)
GIVE_UP_AFTER = timedelta(days=3)
LONGEST_PAUSE = timedelta(hours=1)


def pause_after(attempts: int) -> timedelta:
    """Before the next attempt to send, after so many failed."""
    return min(LONGEST_PAUSE, timedelta(seconds=15 * 2.0 ** min(attempts - 1, 12)))


def sends_at(notice: Notice, delivery: Delivery, last_sent_at: datetime | None) -> datetime:
    """The earliest moment: a little after it was made, so that others may join it, and some time after the message
    before. Quiet hours come on top."""
    gather, apart = (GATHER_URGENT, APART_URGENT) if notice.urgent else (GATHER, APART)
    # A retry waits for its pause alone: what it joins has waited long enough.
    ready = delivery.next_at if delivery.attempts else max(delivery.next_at, notice.made_at + gather)
    return max(ready, last_sent_at + apart) if last_sent_at is not None else ready
