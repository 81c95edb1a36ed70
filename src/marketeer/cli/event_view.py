"""Events and mappings as people and `--json` see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from marketeer.cli import text
from marketeer.domain.event import event_document
from marketeer.domain.event_condition import in_words
from marketeer.domain.event_effect import StoredEvent, effect_words
from marketeer.domain.event_mapping import EventMapping, EventRules, mapping_document

OWED = "not decided yet"


def event_rows(events: Sequence[StoredEvent]) -> list[tuple[str, ...]]:
    """A table of them, with what came of each."""
    rows: list[tuple[str, ...]] = [("RECEIVED", "TYPE", "SOURCE", "ID", "WHAT CAME OF IT")]
    for one in events:
        when = f"{one.received_at.astimezone():%Y-%m-%d %H:%M:%S}"
        event = one.event
        rows.append((when, event.type, text.clipped(event.source, 24), text.clipped(event.event_id, 40), came_of(one)))
    return rows


def came_of(stored: StoredEvent) -> str:
    return OWED if stored.effect is None else text.one_line("; ".join(effect_words(stored.effect)))


def event_lines(stored: StoredEvent) -> list[str]:
    """One event, whole."""
    event = stored.event
    facts = [
        ("type", event.type),
        ("source", event.source),
        ("happened", f"{event.timestamp.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("received", f"{stored.received_at.astimezone():%Y-%m-%d %H:%M:%S}, as number {stored.number}"),
        ("status", stored.status.value),
    ]
    if event.replays is not None:
        facts.append(("replays", event.replays))
    if event.goal_id is not None:
        facts.append(("about", event.goal_id))
    lines = [f"Event {event.event_id}", *text.table(facts, indent="  ")]
    lines += ["", "Data", *_data_lines(event.data)]
    if stored.outlook:
        lines += ["", "What its sender was told", *(f"  {line}" for line in stored.outlook)]
    came = [OWED] if stored.effect is None else effect_words(stored.effect)
    return [*lines, "", "What came of it", *(f"  {line}" for line in came)]


def _data_lines(data: Mapping[str, Any]) -> list[str]:
    lines = json.dumps(dict(data), ensure_ascii=False, indent=2).splitlines()
    return [f"  {line}" for line in lines]


def stored_document(stored: StoredEvent) -> dict[str, Any]:
    effect = stored.effect
    return {
        **event_document(stored.event),
        "number": stored.number,
        "received_at": stored.received_at.isoformat(),
        "status": stored.status.value,
        "replays": stored.event.replays,
        "outlook": list(stored.outlook),
        "effect": effect_words(effect) if effect else [],
        "goals": list(effect.goal_ids) if effect else [],
        "decisions": [
            {
                "mapping": one.mapping_id,
                "triggered": one.triggered,
                "why": one.why,
                "pipeline": one.pipeline,
                "priority": one.priority.value,
                "goal_id": one.goal_id,
            }
            for one in (effect.decisions if effect else ())
        ],
        "decided_at": effect.decided_at.isoformat() if effect else None,
    }


# -- mappings --------------------------------------------------------------------------------------------------


def mapping_rows(rules: EventRules) -> list[tuple[str, ...]]:
    """Every type, with what it starts."""
    rows: list[tuple[str, ...]] = [("EVENT", "STARTS", "PRIORITY", "WHEN", "COOLDOWN", "MAPPING", "FROM")]
    for name in rules.types:
        mapped = rules.of(name)
        rows += [_mapping_row(mapping) for mapping in mapped] or [(name, "nothing", *("-",) * 5)]
    return rows


def _mapping_row(mapping: EventMapping) -> tuple[str, ...]:
    rest = span(mapping.cooldown) + (f" for each {mapping.key.removeprefix('data.')}" if mapping.key else "")
    starts = mapping.pipeline if mapping.enabled else f"nothing ({mapping.pipeline} is switched off)"
    when = in_words(mapping.condition)
    return mapping.event, starts, mapping.priority.value, when, rest, mapping.mapping_id, mapping.origin


def span(time: timedelta) -> str:
    """As events.yaml says it."""
    seconds = round(time.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and seconds % length == 0 and (unit != "d" or seconds > length):
            return f"{seconds // length} {unit}"
    return f"{seconds} s" if seconds else "none"


def rules_document(rules: EventRules) -> dict[str, Any]:
    return {
        "types": [{"type": name, "means": means} for name, means in rules.types.items()],
        "mappings": [mapping_document(mapping) for mapping in rules.mappings],
    }
