"""Conditions: what holds for the whole workspace, for every process that works here, until somebody ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry


class ConditionName(StrEnum):
    """PAUSED is the kill switch; API_DOWN, API_ON_TRIAL and API_WEAK are what a working process has found out about the
    model API; PART_DOWN is a daemon's word of those of its parts that fail."""

    PAUSED = "paused"
    API_DOWN = "api_down"
    API_ON_TRIAL = "api_on_trial"
    API_WEAK = "api_weak"
    PART_DOWN = "part_down"
    QUEUE_DOWN = "queue_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """It holds `since` then; `who` says so."""

    name: ConditionName
    since: datetime
    who: str
    why: str | None = None


_BEGINS = {
    ConditionName.PAUSED: "everything_paused",
    ConditionName.API_DOWN: "api_declared_down",
    ConditionName.API_ON_TRIAL: "api_tried",
    ConditionName.API_WEAK: "api_declared_weak",
    ConditionName.PART_DOWN: "part_failed",
    ConditionName.QUEUE_DOWN: "queue_lost",
}
_ENDS = {
    ConditionName.PAUSED: "everything_unpaused",
    ConditionName.API_DOWN: "api_declared_up",
    ConditionName.API_ON_TRIAL: "api_trial_over",
    ConditionName.API_WEAK: "api_declared_steady",
    ConditionName.PART_DOWN: "parts_recovered",
    ConditionName.QUEUE_DOWN: "queue_back",
}


def begin_entry(condition: Condition) -> JournalEntry:
    return _entry(_BEGINS[condition.name], condition.since, condition.who, condition.why)


def end_entry(condition: Condition, *, who: str, now: datetime) -> JournalEntry:
    """`condition` is the one that ends."""
    return _entry(_ENDS[condition.name], now, who, f"held since {condition.since:%Y-%m-%d %H:%M:%S} UTC")


def _entry(what: str, at: datetime, who: str, why: str | None) -> JournalEntry:
    return JournalEntry(goal_id=WORKSPACE_JOURNAL, at=at, what=what, who=who, why=why)
