"""Events: what happened outside, or in here, that may start a goal; and everything that is wrong with one."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from marketeer.domain.errors import UsageError

MAX_NAME_CHARS = 200
MAX_DATA_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_VALUES = 2_000
MAX_KEY_CHARS = 100
# Beyond it a number is no longer the same one in every program that reads it.
MAX_NUMBER = 2**53
FIELDS = ("id", "type", "timestamp", "source", "data")
# What this program tells itself. Nobody outside may speak in its name, nor take an id that it will need.
INTERNAL_SOURCE = "marketeer"
INTERNAL_PREFIX = "marketeer:"


class InternalType(StrEnum):
    """Types that this program emits itself."""

    BUDGET_WARNING = "budget_warning"
    BUDGET_CRITICAL = "budget_critical"
    AGENT_FAILURE = "agent_failure"
    PIPELINE_BLOCKED = "pipeline_blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `event_id` is the sender's: the same one takes effect once. `data` is JSON-ready, and nothing to
    trust.

    `timestamp` is when it happened, as the sender says. `replays` is the id of the event that a human sent again.
    `goal_id` is the goal that it tells of, for what is emitted here.
    """

    event_id: str
    type: str
    timestamp: datetime
    source: str
    data: Mapping[str, Any]
    replays: str | None = None
    goal_id: str | None = None


class EventRefused(UsageError):
    """An event that cannot be taken. `fields` says what is wrong with each, `valid_types` what it may be."""

    def __init__(self, fields: Mapping[str, str], valid_types: Sequence[str]) -> None:
        super().__init__("; ".join(f"{name} {what}" for name, what in fields.items()))
        self.fields = dict(fields)
        self.valid_types = tuple(valid_types)


def read_event(raw: object, *, types: Collection[str]) -> Event:
    """An event from outside: `{id, type, timestamp, source, data}`. Raises EventRefused, naming every wrong field."""
    valid = tuple(types)
    if not isinstance(raw, dict):
        raise EventRefused({"event": f"must be a JSON object with {', '.join(FIELDS)}, not {_kind(raw)}"}, valid)
    wrong = dict(_wrong_fields(raw, valid))
    if wrong:
        raise EventRefused(wrong, valid)
    return Event(
        event_id=raw["id"],
        type=raw["type"],
        timestamp=datetime.fromisoformat(raw["timestamp"]).astimezone(UTC),
        source=raw["source"],
        data=raw["data"],
    )


def event_document(event: Event) -> dict[str, Any]:
    """The five fields as they came."""
    return {
        "id": event.event_id,
        "type": event.type,
        "timestamp": event.timestamp.isoformat(),
        "source": event.source,
        "data": dict(event.data),
    }


# -- what is wrong ---------------------------------------------------------------------------------------------


def _wrong_fields(raw: Mapping[str, Any], types: Sequence[str]) -> Iterator[tuple[str, str]]:
    checks = {"id": _wrong_id, "source": _wrong_source, "timestamp": _wrong_timestamp, "data": wrong_data}
    for name in FIELDS:
        if name not in raw:
            yield name, f"is missing; {_WANTED[name]}"
            continue
        found = _wrong_type(raw[name], types) if name == "type" else checks[name](raw[name])
        if found is not None:
            yield name, found
    for name in raw:
        if name not in FIELDS:
            near = difflib.get_close_matches(str(name), FIELDS, n=1)
            advice = f"did you mean {near[0]!r}?" if near else "put what belongs to the event under 'data'"
            yield _shown(name, 40), f"is no field of an event; {advice}"


_WANTED = {
    "id": f"give a text of 1 to {MAX_NAME_CHARS} characters, the same each time this event is sent",
    "type": "name the kind of event",
    "timestamp": "give the time it happened, such as '2026-11-22T18:30:00Z'",
    "source": f"name the sender in 1 to {MAX_NAME_CHARS} characters",
    "data": "give a JSON object, {} when there is nothing to say",
}


def _wrong_id(value: object) -> str | None:
    found = _wrong_name(value, "id")
    if found is None and str(value).casefold().startswith(INTERNAL_PREFIX):
        return f"must not begin with {INTERNAL_PREFIX!r}: such ids are this program's own"
    return found


def _wrong_source(value: object) -> str | None:
    found = _wrong_name(value, "source")
    if found is None and str(value).strip().casefold() == INTERNAL_SOURCE:
        return f"must not be {INTERNAL_SOURCE!r}: that is this program itself"
    return found


def _wrong_name(value: object, field: str) -> str | None:
    if not isinstance(value, str):
        return f"is {_kind(value)}; {_WANTED[field]}"
    if not value.strip() or value != value.strip():
        return f"is {_shown(value, 40)!r}, empty or with space around it; {_WANTED[field]}"
    if len(value) > MAX_NAME_CHARS:
        return f"has {len(value)} characters; {_WANTED[field]}"
    if not value.isprintable():
        return f"is {_shown(value, 40)!r}, with characters that cannot be printed; {_WANTED[field]}"
    return None


def _wrong_type(value: object, types: Sequence[str]) -> str | None:
    if isinstance(value, str) and value in types:
        return None
    shown = repr(_shown(value, 60)) if isinstance(value, str) else _kind(value)
    near = difflib.get_close_matches(value, types, n=1) if isinstance(value, str) and len(value) < 100 else []
    return f"is {shown}; {f'did you mean {near[0]!r}?' if near else 'it must be one of'} ({', '.join(types)})"


def _wrong_timestamp(value: object) -> str | None:
    if not isinstance(value, str):
        return f"is {_kind(value)}; {_WANTED['timestamp']}"
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            return f"is {_shown(value, 40)!r}, without a time zone; end it with 'Z' or an offset such as '+01:00'"
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        return f"is {_shown(value, 40)!r}; {_WANTED['timestamp']}"
    return None


def wrong_data(value: object) -> str | None:
    """What is wrong with an event's data; None when nothing is. Never recurses, however deep it is."""
    if not isinstance(value, dict):
        return f"is {_kind(value)}; {_WANTED['data']}"
    found = _wrong_values(value)
    if found is not None:
        return found
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MAX_DATA_BYTES:
        return f"has {size} bytes; at most {MAX_DATA_BYTES} are taken, so send what matters"
    return None


def _wrong_values(data: Mapping[str, Any]) -> str | None:
    waiting: list[tuple[object, int]] = [(data, 1)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH:
            return f"is nested deeper than {MAX_DEPTH}; make it flatter"
        if seen > MAX_VALUES:
            return f"has more than {MAX_VALUES} values; send what matters"
        found = _wrong_value(value)
        if found is not None:
            return found
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(one, depth + 1) for one in inside]
    return None


def _wrong_value(value: object) -> str | None:
    if isinstance(value, dict):
        bad = next((key for key in value if not isinstance(key, str) or len(key) > MAX_KEY_CHARS or _odd(key)), None)
        return None if bad is None else f"has the key {_shown(bad, 40)!r}; keys are texts of {MAX_KEY_CHARS} characters"
    if isinstance(value, str):
        return "holds a text with characters that no file can hold; remove them" if _odd(value) else None
    if value is None or isinstance(value, (bool, list)):
        return None
    if isinstance(value, (int, float)):
        fits = -MAX_NUMBER <= value <= MAX_NUMBER and math.isfinite(value)
        return None if fits else f"holds a number beyond {MAX_NUMBER}; send it as a text"
    return f"holds {_kind(value)}; only what JSON knows is taken"


def _odd(text: str) -> bool:
    """NUL, and halves of characters, which UTF-8 cannot hold."""
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value)) or ("a number" if isinstance(value, (int, float)) else f"a {type(value).__name__}")


def _shown(value: object, most: int) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(value)[: most + 1])
    return text if len(text) <= most else f"{text[:most]}..."
