"""An event from outside is taken whole or refused with every wrong field by name, whatever it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.event import (
    FIELDS,
    MAX_DATA_BYTES,
    MAX_DEPTH,
    MAX_NAME_CHARS,
    MAX_NUMBER,
    MAX_VALUES,
    Event,
    EventRefused,
    event_document,
    read_event,
)
from tests.support.events import TYPES, raw_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refused(raw: object) -> EventRefused:
    with pytest.raises(EventRefused) as caught:
        read_event(raw, types=TYPES)
    return caught.value


def tried(raw: object) -> Event | EventRefused:
    try:
        return read_event(raw, types=TYPES)
    except EventRefused as exc:
        return exc


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"in": data}
    return data


def test_a_good_event_is_taken_as_it_is() -> None:
    event = read_event(raw_event(timestamp="2026-11-22T13:00:00+01:00"), types=TYPES)
    assert event == Event(
        event_id="e1",
        type="traffic_drop",
        timestamp=datetime(2026, 11, 22, 12, tzinfo=UTC),
        source="tests",
        data={"percentageDrop": 25},
    )


def test_every_wrong_field_is_named_at_once_with_the_types_there_are() -> None:
    wrong = refused({"id": 7, "type": "trafic_drop", "timestamp": "yesterday", "source": "", "data": [], "datum": {}})
    assert set(wrong.fields) == {*FIELDS, "datum"}
    assert wrong.valid_types == tuple(TYPES)
    assert "did you mean 'traffic_drop'?" in wrong.fields["type"]
    assert "did you mean 'data'?" in wrong.fields["datum"]
    assert all(name in str(wrong) for name in wrong.fields)


def test_every_missing_field_is_named() -> None:
    assert set(refused({}).fields) == set(FIELDS)


@pytest.mark.parametrize("raw", [None, [], "event", 3, [raw_event()]])
def test_what_is_no_object_is_refused_as_a_whole(raw: object) -> None:
    assert set(refused(raw).fields) == {"event"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", " e1"),
        ("id", "x" * (MAX_NAME_CHARS + 1)),
        ("id", "a\nb"),
        ("id", "\ud800"),
        ("id", None),
        ("id", "marketeer:budget:2026-11:100:warning"),
        ("id", "Marketeer:x"),
        ("source", "marketeer"),
        ("source", "MARKETEER"),
        ("source", "\x1b[31mred"),
        ("timestamp", "2026-11-22T12:00:00"),
        ("timestamp", "2026-13-01T00:00:00Z"),
        ("timestamp", "0001-01-01T00:00:00+23:59"),
        ("timestamp", 1_700_000_000),
        ("type", ["traffic_drop"]),
        ("type", "TRAFFIC_DROP" * 100),
        ("data", None),
        ("data", {"x": float("nan")}),
        ("data", {"x": float("inf")}),
        ("data", {"x": MAX_NUMBER + 1}),
        ("data", {"x": 10**400}),
        ("data", {"x": "\ud800"}),
        ("data", {"x": "a\0b"}),
        ("data", {"\0": 1}),
        ("data", {"x" * 101: 1}),
        ("data", {"x": [0] * MAX_VALUES}),
        ("data", {"x": "y" * MAX_DATA_BYTES}),
        ("data", nested(MAX_DEPTH + 1)),
    ],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_a_field_that_cannot_be_is_named_alone(field: str, value: object) -> None:
    wrong = refused(raw_event(**{field: value}))
    assert list(wrong.fields) == [field]
    assert len(wrong.fields[field]) < 700
    assert wrong.fields[field].isprintable()


def test_even_what_no_parser_would_hand_on_is_looked_at_without_recursion() -> None:
    assert "nested deeper" in refused(raw_event(data=nested(100_000))).fields["data"]


def test_the_limits_themselves_are_allowed() -> None:
    data = {"deep": nested(MAX_DEPTH - 1), "most": MAX_NUMBER, "least": -MAX_NUMBER, "many": [0] * 1_900}
    assert read_event(raw_event(id="x" * MAX_NAME_CHARS, data=data), types=TYPES).data == data


@given(raw=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)) | JSON)
def test_whatever_comes_is_taken_or_refused_in_printable_words(raw: object) -> None:
    answer = tried(raw)
    assert isinstance(answer, Event) or (answer.fields and str(answer).isprintable())


@given(data=st.dictionaries(st.text(max_size=20), JSON, max_size=5))
def test_what_is_taken_can_be_kept_and_sent_on(data: dict[str, Any]) -> None:
    event = tried(raw_event(data=data))
    if isinstance(event, EventRefused):
        assert list(event.fields) == ["data"]
        return
    assert json.loads(json.dumps(event_document(event), ensure_ascii=False).encode()) == event_document(event)
    assert read_event(event_document(event), types=TYPES) == event
