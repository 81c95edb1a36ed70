"""What becomes of an event: kept first, then decided once, with the goals it starts; and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from marketeer.domain.advance import begin
from marketeer.domain.budget import BudgetLevel, runs_at, what_runs
from marketeer.domain.document import Author, Document, DocumentKind, tree_path
from marketeer.domain.event import Event
from marketeer.domain.event_mapping import (
    Decision,
    EventMapping,
    EventRules,
    Key,
    decide,
    event_page,
    goal_text,
    nothing_mapped,
    will,
)
from marketeer.domain.journal import WORKSPACE_JOURNAL, JournalEntry
from marketeer.domain.snapshot import Change
from marketeer.domain.submission import Submission, new_goal


class EventStatus(StrEnum):
    """RECEIVED is kept and owes its effect; DECIDED has had it."""

    RECEIVED = "received"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEffect:
    """What it came to. `note` is what holds its goals up, or why nothing was mapped."""

    decisions: tuple[Decision, ...]
    note: str | None
    decided_at: datetime

    @property
    def goal_ids(self) -> tuple[str, ...]:
        return tuple(decision.goal_id for decision in self.decisions if decision.goal_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as the store keeps it, in the order of arrival. `outlook` is what its sender was told at first;
    `chain` how many goals that events started lie behind it. `effect` is there once it is decided."""

    number: int
    event: Event
    received_at: datetime
    outlook: tuple[str, ...] = ()
    chain: int = 0
    effect: EventEffect | None = None

    @property
    def status(self) -> EventStatus:
        return EventStatus.RECEIVED if self.effect is None else EventStatus.DECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalStart:
    """A goal that an event starts, with the event as its input."""

    change: Change
    documents: tuple[Document, ...]
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """An effect and the goals to be stored with it, in one transaction."""

    effect: EventEffect
    starts: tuple[GoalStart, ...] = ()
    entries: tuple[JournalEntry, ...] = ()


# It is run inside the transaction, with when each cooldown last began, and changes nothing itself.
Decide = Callable[[StoredEvent, Mapping[Key, datetime]], Ruling]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Under which an event is decided. `token` gives a new goal's random end; `paused` says that everything is, and by
    whom. Goals are begun whatever holds them up: they wait by the usual rules."""

    rules: EventRules
    now: datetime
    token: Callable[[], str]
    paused: str | None = None
    budget: BudgetLevel = BudgetLevel.NORMAL
    rehearsal: bool = False


def rule(stored: StoredEvent, last: Mapping[Key, datetime], given: Circumstances) -> Ruling:
    """What becomes of it."""
    mappings = {mapping.mapping_id: mapping for mapping in given.rules.of(stored.event.type)}
    decisions: list[Decision] = []
    starts: list[GoalStart] = []
    for decision in decide(stored.event, given.rules, at=stored.received_at, chain=stored.chain, last=last):
        if decision.triggered:
            start = _start(stored, mappings[decision.mapping_id], decision, given)
            starts.append(start)
            decisions.append(start.decision)
        else:
            decisions.append(decision)
    effect = EventEffect(decisions=tuple(decisions), note=_note(stored.event, decisions, given), decided_at=given.now)
    return Ruling(effect=effect, starts=tuple(starts), entries=(_entry(stored, effect),))


def foresee(event: Event, last: Mapping[Key, datetime], given: Circumstances, *, ahead: bool) -> tuple[str, ...]:
    """What an event that comes in now is going to do, in words. `ahead` says that others are still to be decided."""
    resting = {mapping.mapping_id for mapping in given.rules.of(event.type) if mapping.cooldown}
    decisions = decide(event, given.rules, at=given.now, chain=0, last=last)
    note = _note(event, decisions, given)
    lines = [
        f"{will(one)}, unless an event before it does so first"
        if ahead and one.triggered and one.mapping_id in resting
        else will(one)
        for one in decisions
    ]
    return (*lines, *([note] if note else []))


def _start(stored: StoredEvent, mapping: EventMapping, decision: Decision, given: Circumstances) -> GoalStart:
    submission = Submission(
        description=goal_text(mapping, stored.event),
        rehearsal=given.rehearsal,
        pipeline=mapping.pipeline,
        priority=mapping.priority,
    )
    goal = new_goal(submission, token=given.token(), now=given.now)
    change = begin(goal, given.now)
    told = JournalEntry(
        goal_id=goal.goal_id,
        at=given.now,
        what="started_by_event",
        why=f"{stored.event.type} {stored.event.event_id}, mapping {mapping.mapping_id}",
        data={"event_id": stored.event.event_id, "mapping": mapping.mapping_id},
    )
    document = Document(
        path=tree_path(f"inputs/event-{goal.token}.md", rehearsal=goal.rehearsal),
        kind=DocumentKind.INPUT,
        content=event_page(mapping, stored.event),
        author=Author.MACHINE,
        rehearsal=goal.rehearsal,
        created_at=given.now,
        goal_id=goal.goal_id,
    )
    return GoalStart(
        change=replace(change, entries=(*change.entries, told)),
        documents=(document,),
        decision=replace(decision, goal_id=goal.goal_id),
    )


def _note(event: Event, decisions: Sequence[Decision], given: Circumstances) -> str | None:
    if not decisions:
        return nothing_mapped(event.type)
    triggered = [decision for decision in decisions if decision.triggered]
    if triggered and given.paused is not None:
        return f"waits: {given.paused}"
    if not given.rehearsal and any(not runs_at(given.budget, decision.priority) for decision in triggered):
        return f"waits: budget level {given.budget.value}, {what_runs(given.budget)}"
    return None


def _entry(stored: StoredEvent, effect: EventEffect) -> JournalEntry:
    event = stored.event
    return JournalEntry(
        goal_id=WORKSPACE_JOURNAL,
        at=effect.decided_at,
        what="event_started_goals" if effect.goal_ids else "event_started_nothing",
        why=f"{event.type} from {event.source}: {'; '.join(effect_words(effect))}",
        data={"event_id": event.event_id, "type": event.type, "goals": list(effect.goal_ids)},
    )


def effect_words(effect: EventEffect) -> list[str]:
    """What became of it, a line for each mapping."""
    lines = [
        f"started goal {one.goal_id}: {one.pipeline} ({one.priority.value})" if one.goal_id else will(one)
        for one in effect.decisions
    ]
    return [*lines, effect.note] if effect.note else lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to whoever sent an event: it is kept. `outlook` says what it does, as far as can be told before it is
    decided; a duplicate gets what the first one got, and `differs` when it is not the same event at all."""

    event_id: str
    number: int
    duplicate: bool
    status: EventStatus
    outlook: tuple[str, ...]
    effect: EventEffect | None = None
    differs: bool = False


def receipt_of(stored: StoredEvent, sent: Event, *, duplicate: bool) -> Receipt:
    """`stored` is what the store holds under the id of what was sent."""
    kept = stored.event
    differs = (kept.type, kept.source, dict(kept.data)) != (sent.type, sent.source, dict(sent.data))
    return Receipt(
        event_id=kept.event_id,
        number=stored.number,
        duplicate=duplicate,
        status=stored.status,
        outlook=stored.outlook,
        effect=stored.effect,
        differs=duplicate and differs,
    )


def receipt_document(receipt: Receipt) -> dict[str, object]:
    """As HTTP and `--json` say it."""
    lines = list(receipt.outlook) if receipt.effect is None else effect_words(receipt.effect)
    return {
        "id": receipt.event_id,
        "status": receipt.status.value,
        "duplicate": receipt.duplicate,
        "effect": lines,
        "goals": list(receipt.effect.goal_ids) if receipt.effect else [],
    }
