"""Mappings: which events start which pipeline, under what condition, how often, and what the goal is told of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marketeer.domain.event import Event
from marketeer.domain.event_condition import (
    MISSING,
    EventCondition,
    condition_document,
    condition_of,
    evaluate,
    field_value,
    is_number,
    wrong_condition,
    wrong_field,
)
from marketeer.domain.goal import Priority

# An event about a goal that an event started may start one more goal; then the chain ends.
MAX_CHAIN = 2
MAX_KEY_CHARS = 100
PLACEHOLDER = re.compile(r"\{(data\.[A-Za-z0-9_.-]+)\}")
MAX_GOAL_CHARS = 2_000
MAX_COOLDOWN = timedelta(days=366)
_MAPPING_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_BRACES = re.compile(r"\{[^}]*\}?")
# What stands in a goal's text for anything but a number: texts of an event are never part of it.
IN_THE_EVENT = "(see the event)"
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMapping:
    """`goal` is the goal's text; `{data.x}` in it stands for a number of the event. `key` is the field that makes the
    cooldown one of its own for each value. `include` are the fields that the goal is given, none: all data."""

    mapping_id: str
    event: str
    pipeline: str
    priority: Priority
    goal: str
    condition: EventCondition | None = None
    cooldown: timedelta = timedelta(0)
    key: str | None = None
    include: tuple[str, ...] = ()
    enabled: bool = True
    origin: str = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMapping:
    """One that was added by a command or a program, or with `mapping` None, taken away by one."""

    mapping_id: str
    mapping: EventMapping | None
    who: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """The types there are, with their meaning, and what is mapped to what."""

    types: Mapping[str, str]
    mappings: tuple[EventMapping, ...] = ()

    def of(self, event_type: str) -> Sequence[EventMapping]:
        return [mapping for mapping in self.mappings if mapping.event == event_type]

    def overlaid(self, stored: Sequence[StoredMapping]) -> EventRules:
        """With what the store holds in place of namesakes, new ones last."""
        known = {mapping.mapping_id: mapping for mapping in self.mappings}
        for one in stored:
            if one.mapping is None:
                known.pop(one.mapping_id, None)
            else:
                known[one.mapping_id] = one.mapping
        return EventRules(types=self.types, mappings=tuple(known.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one mapping made of one event, and why. `goal_id` is set once the goal exists."""

    mapping_id: str
    triggered: bool
    why: str
    pipeline: str
    priority: Priority
    key: str = ""
    goal_id: str | None = None

    @property
    def place(self) -> Key:
        """Where its cooldown is kept."""
        return self.mapping_id, self.key


def key_of(mapping: EventMapping, event: Event) -> str:
    """Which cooldown the event falls under; all that lack the field share one."""
    if mapping.key is None:
        return ""
    value = field_value(event, mapping.key)
    if value is MISSING or value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= MAX_KEY_CHARS else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def keys_of(rules: EventRules, event: Event) -> list[Key]:
    """Every cooldown that matters to the event."""
    return [(mapping.mapping_id, key_of(mapping, event)) for mapping in rules.of(event.type)]


def decide(
    event: Event, rules: EventRules, *, at: datetime, chain: int, last: Mapping[Key, datetime]
) -> tuple[Decision, ...]:
    """What each mapping of its type makes of an event that came in at that time. `last` is when a mapping's cooldown
    last began; `chain` how many goals that events started lie behind this event."""
    return tuple(_decision(mapping, event, at, chain, last) for mapping in rules.of(event.type))


def _decision(mapping: EventMapping, event: Event, at: datetime, chain: int, last: Mapping[Key, datetime]) -> Decision:
    key = key_of(mapping, event)
    why_not = _why_not(mapping, event, at, chain, last.get((mapping.mapping_id, key)))
    return Decision(
        mapping_id=mapping.mapping_id,
        triggered=why_not is None,
        why=why_not or evaluate(mapping.condition, event).why,
        pipeline=mapping.pipeline,
        priority=mapping.priority,
        key=key,
    )


def _why_not(mapping: EventMapping, event: Event, at: datetime, chain: int, last: datetime | None) -> str | None:
    if not mapping.enabled:
        return "the mapping is switched off"
    if chain >= MAX_CHAIN:
        return f"it comes from a chain of {chain} goals that events started, and a chain ends there"
    answer = evaluate(mapping.condition, event)
    if not answer.met:
        return answer.why
    if last is not None and cools(last, at, mapping.cooldown):
        for_key = f" for {mapping.key} {key_of(mapping, event)}" if mapping.key and key_of(mapping, event) else ""
        return f"cooling down{for_key} until {last + mapping.cooldown:%Y-%m-%d %H:%M:%S} UTC"
    return None


def cools(last: datetime, at: datetime, cooldown: timedelta) -> bool:
    """Whether a mapping that was triggered at `last` still rests. A clock that was put back does not hold it longer
    than the cooldown itself."""
    return abs(at - last) < cooldown


# -- what the goal is told -------------------------------------------------------------------------------------


def goal_text(mapping: EventMapping, event: Event) -> str:
    """The mapping's own words; of the event only numbers get in."""
    return PLACEHOLDER.sub(lambda found: _number(field_value(event, found[1])), mapping.goal)


def _number(value: object) -> str:
    return f"{value:.10g}" if is_number(value) else IN_THE_EVENT


def event_page(mapping: EventMapping, event: Event) -> str:
    """The event as an input of the goal: Markdown, with the data as they came."""
    data = {name: value for name in mapping.include if (value := field_value(event, name)) is not MISSING}
    picked: Mapping[str, Any] = data if mapping.include else event.data
    head = [
        f"# Event {event.type}",
        "",
        f"- Happened: {event.timestamp:%Y-%m-%d %H:%M:%S} UTC",
        f"- Sent by: {event.source}",
        f"- Id: {event.event_id}",
    ]
    text = json.dumps(dict(picked), ensure_ascii=False, indent=2)
    return "\n".join([*head, "", "## Data", "", *(f"    {line}" for line in text.splitlines()), ""])


# -- what may stand in one -------------------------------------------------------------------------------------


def wrong_id(mapping_id: str) -> str | None:
    """What is wrong with an id; None when nothing is."""
    if _MAPPING_ID.fullmatch(mapping_id):
        return None
    return f"the id {mapping_id!r} must be small letters, digits and -, such as trial-expired; rename it"


def wrong_goal(text: str) -> str | None:
    """What is wrong with a goal's text."""
    if len(text) > MAX_GOAL_CHARS:
        return f"goal has {len(text)} characters; say it in {MAX_GOAL_CHARS}"
    odd = next((found for found in _BRACES.findall(text) if not PLACEHOLDER.fullmatch(found)), None)
    if odd is not None:
        return f"goal contains {odd!r}; write {{data.field}} for a number of the event, or leave the braces out"
    return None


def wrong_mapping(mapping: EventMapping) -> str | None:
    """What is wrong with one that was not read from a file."""
    fields = [wrong_field(name) for name in (*([mapping.key] if mapping.key else []), *mapping.include)]
    condition = wrong_condition(mapping.condition) if mapping.condition is not None else None
    found = [
        wrong_id(mapping.mapping_id),
        wrong_goal(mapping.goal),
        f"the condition {condition}" if condition else None,
        *(f"key or include {field}" if field else None for field in fields),
    ]
    if not timedelta(0) <= mapping.cooldown <= MAX_COOLDOWN:
        found.append(f"cooldown is {mapping.cooldown}; give at most {MAX_COOLDOWN.days} days")
    return next((one for one in found if one is not None), None)


# -- words and data --------------------------------------------------------------------------------------------


def will(decision: Decision) -> str:
    """What is going to happen, or why it is not."""
    if decision.triggered:
        return f"starts a goal: {decision.pipeline} ({decision.priority.value})"
    return f"does not start {decision.pipeline}: {decision.why}"


def nothing_mapped(event_type: str) -> str:
    return f"starts nothing: no mapping for {event_type}"


def mapping_document(mapping: EventMapping) -> dict[str, Any]:
    """In the form in which events.yaml says it."""
    return {
        "id": mapping.mapping_id,
        "event": mapping.event,
        "pipeline": mapping.pipeline,
        "priority": mapping.priority.value,
        "goal": mapping.goal,
        "condition": condition_document(mapping.condition),
        "cooldown_s": mapping.cooldown.total_seconds(),
        "key": mapping.key,
        "include": list(mapping.include),
        "enabled": mapping.enabled,
        "origin": mapping.origin,
    }


def mapping_of(document: Mapping[str, Any]) -> EventMapping:
    """Back from `mapping_document`."""
    return EventMapping(
        mapping_id=document["id"],
        event=document["event"],
        pipeline=document["pipeline"],
        priority=Priority(document["priority"]),
        goal=document["goal"],
        condition=condition_of(document["condition"]),
        cooldown=timedelta(seconds=document["cooldown_s"]),
        key=document["key"],
        include=tuple(document["include"]),
        enabled=document["enabled"],
        origin=document["origin"],
    )
