"""Schedules: which pipeline begins when, and what becomes of a slot that finds its forerunner at work or was missed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from marketeer.domain import cron as cron_of
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Priority
from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry

MAX_ID_CHARS = 40
MOST_MADE_UP = 100
USUAL_LATENESS = timedelta(hours=6)

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ONCE = re.compile(r"once(?: within (\d{1,4}) ?(m|h|d))?")
_ALL = re.compile(r"all up to (\d{1,3})")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Overlap(StrEnum):
    """What to do with a slot while the goal of an earlier one is still at work."""

    SKIP = "skip"
    QUEUE_ONE = "queue-one"
    ALLOW = "allow"


class MissedKind(StrEnum):
    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Which of the slots that nobody was there for are made up for: none; the newest, if it is not `within` late any
    more; or the newest `most`."""

    kind: MissedKind = MissedKind.ONCE
    within: timedelta = USUAL_LATENESS
    most: int = 1

    def made_up(self, missed: Sequence[datetime], now: datetime) -> Sequence[datetime]:
        """Of the missed slots, oldest first."""
        match self.kind:
            case MissedKind.SKIP:
                return ()
            case MissedKind.ONCE:
                return [slot for slot in missed[-1:] if now - slot < self.within]
            case MissedKind.ALL:
                return missed[-self.most :]

    def __str__(self) -> str:
        """As `parse_missed` reads it."""
        match self.kind:
            case MissedKind.SKIP:
                return "skip"
            case MissedKind.ONCE:
                return f"once within {_span_text(self.within)}"
            case MissedKind.ALL:
                return f"all up to {self.most}"


def _span_text(span: timedelta) -> str:
    unit = next(unit for unit in reversed(_UNITS) if not span % _UNITS[unit])
    return f"{span // _UNITS[unit]}{unit}"


def parse_missed(text: str) -> Missed:
    """`skip`, `once`, `once within 6h` (m, h or d) or `all up to 5`. Raises UsageError."""
    words = " ".join(text.lower().split())
    if words == "skip":
        return Missed(kind=MissedKind.SKIP)
    if found := _ONCE.fullmatch(words):
        within = int(found[1]) * _UNITS[found[2]] if found[1] else USUAL_LATENESS
        if within:
            return Missed(kind=MissedKind.ONCE, within=within)
    if (found := _ALL.fullmatch(words)) and 0 < int(found[1]) <= MOST_MADE_UP:
        return Missed(kind=MissedKind.ALL, most=int(found[1]))
    msg = f'missed is {text!r}; it must be "skip", "once within 6h" (m, h or d) or "all up to 5" (at most 100)'
    raise UsageError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule as it holds now. `cron` has five fields, or six with seconds in front; `zone` is an IANA name."""

    schedule_id: str
    cron: str
    zone: str
    pipeline: str
    priority: Priority
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed()
    enabled: bool = True

    @property
    def timing(self) -> str:
        """What its slots follow from."""
        return f"{self.cron} {self.zone}"

    def slots(self, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
        return cron_of.slots(self.cron, self.zone, after, until)

    def next_slot(self, after: datetime) -> datetime | None:
        return cron_of.next_slot(self.cron, self.zone, after)

    def a_month(self, now: datetime) -> float:
        """How many slots an average month has."""
        return cron_of.slots_a_month(self.cron, self.zone, now)


def schedule_fault(schedule: Schedule) -> str | None:
    """What is wrong with it, None when nothing is; its pipeline is for others to look up."""
    if not _ID.fullmatch(schedule.schedule_id) or len(schedule.schedule_id) > MAX_ID_CHARS:
        wanted = f"small letters, digits and single dashes, at most {MAX_ID_CHARS}"
        return f"schedule id {schedule.schedule_id!r} is not valid; use {wanted}"
    return cron_of.cron_fault(schedule.cron) or cron_of.zone_fault(schedule.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """What the store keeps of a schedule: what commands have changed, and since when its slots are owed.

    `added` is the whole schedule, as plain texts, when a command has added it; `enabled` None: as its file has it.
    `timing` is what it was when a scheduler first saw it so, at `known_since`: slots before then are nobody's.
    """

    schedule_id: str
    added: Mapping[str, str] | None = None
    enabled: bool | None = None
    removed: bool = False
    timing: str | None = None
    known_since: datetime | None = None


def as_texts(schedule: Schedule, *, own_zone: bool) -> Mapping[str, str]:
    """For `ScheduleState.added`. `own_zone` False: it follows the workspace's zone, whatever that comes to be."""
    texts = {
        "cron": schedule.cron,
        "pipeline": schedule.pipeline,
        "priority": schedule.priority.value,
        "overlap": schedule.overlap.value,
        "missed": str(schedule.missed),
    }
    return texts | ({"zone": schedule.zone} if own_zone else {})


def from_texts(schedule_id: str, texts: Mapping[str, str], *, zone: str) -> Schedule:
    """What `as_texts` wrote down; `zone` is the workspace's."""
    return Schedule(
        schedule_id=schedule_id,
        cron=texts["cron"],
        zone=texts.get("zone", zone),
        pipeline=texts["pipeline"],
        priority=Priority(texts["priority"]),
        overlap=Overlap(texts["overlap"]),
        missed=parse_missed(texts["missed"]),
    )


def in_force(
    files: Sequence[Schedule], states: Sequence[ScheduleState], *, zone: str
) -> tuple[tuple[Schedule, ...], frozenset[str]]:
    """The schedules that hold: those of the files and those added, as commands have changed them; and the ids of those
    added. A command's word goes before the file's."""
    known = {state.schedule_id: state for state in states}
    added = {s.schedule_id: from_texts(s.schedule_id, s.added, zone=zone) for s in states if s.added is not None}
    found = {schedule.schedule_id: schedule for schedule in files} | added
    held = []
    for schedule_id, schedule in found.items():
        state = known.get(schedule_id)
        if state is None:
            held.append(schedule)
        elif not state.removed:
            enabled = schedule.enabled if state.enabled is None else state.enabled
            held.append(replace(schedule, enabled=enabled))
    return tuple(held), frozenset(added)


def schedule_entry(what: str, schedule_id: str, *, who: str, now: datetime, why: str | None = None) -> JournalEntry:
    """What the journal is told of a schedule; the id stands in front of the reason."""
    text = f"{schedule_id}: {why}" if why else schedule_id
    return JournalEntry(
        goal_id=WORKSPACE_JOURNAL, at=now, what=what, who=who, why=text, data={"schedule_id": schedule_id}
    )
