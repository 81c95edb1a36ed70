"""Events and mappings with sensible values: name only what a test is about."""

from __future__ import annotations

from typing import Any

from marketeer.domain.event import Event
from marketeer.domain.event_mapping import EventMapping, EventRules
from marketeer.domain.goal import Priority
from tests.support.builders import NOW

TYPES = {"traffic_drop": "Fewer visitors.", "new_blog_post": "A post.", "agent_failure": "A task failed."}


def an_event(event_id: str = "e1", **fields: Any) -> Event:
    values: dict[str, Any] = {"type": "traffic_drop", "timestamp": NOW, "source": "tests", "data": {}}
    return Event(event_id=event_id, **(values | fields))


def some_mapping(mapping_id: str = "one", **fields: Any) -> EventMapping:
    values: dict[str, Any] = {
        "event": "traffic_drop",
        "pipeline": "SEO Cycle",
        "priority": Priority.P1,
        "goal": "Win the visitors back",
    }
    return EventMapping(mapping_id=mapping_id, **(values | fields))


def rules_of(*mappings: EventMapping) -> EventRules:
    return EventRules(types=TYPES, mappings=mappings)


def raw_event(**fields: Any) -> dict[str, Any]:
    """As JSON brings it."""
    values: dict[str, Any] = {
        "id": "e1",
        "type": "traffic_drop",
        "timestamp": "2026-11-22T12:00:00Z",
        "source": "tests",
        "data": {"percentageDrop": 25},
    }
    return values | fields
