"""Conditions on whatever data there is, cooldowns, and what a goal is told of the event that starts it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.event_condition import (
    AllOf,
    AnyOf,
    EventCondition,
    FieldCondition,
    Operator,
    condition_document,
    condition_of,
    evaluate,
    in_words,
    wrong_condition,
)
from marketeer.domain.event_mapping import (
    IN_THE_EVENT,
    MAX_CHAIN,
    EventMapping,
    Key,
    decide,
    event_page,
    goal_text,
    key_of,
    mapping_document,
    mapping_of,
    wrong_mapping,
)
from tests.support.builders import NOW
from tests.support.events import an_event, rules_of, some_mapping

HOUR = timedelta(hours=1)
ANYTHING: Any = object()
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
DATA = st.dictionaries(st.sampled_from("abc"), VALUES | st.lists(VALUES, max_size=3), max_size=3)


@st.composite
def leaves(draw: st.DrawFn) -> FieldCondition:
    operator = draw(st.sampled_from(Operator))
    values: dict[Operator, st.SearchStrategy[Any]] = {
        Operator.ONE_OF: st.lists(VALUES, max_size=3),
        Operator.EXISTS: st.booleans(),
        Operator.EQUALS: VALUES.filter(lambda value: value is not None),
        Operator.DIFFERS: VALUES.filter(lambda value: value is not None),
        Operator.CONTAINS: st.text(max_size=3) | st.integers(),
    }
    field = "data." + draw(st.sampled_from("abc"))
    return FieldCondition(field=field, operator=operator, value=draw(values.get(operator, st.integers())))


CONDITIONS: st.SearchStrategy[EventCondition] = st.recursive(
    leaves(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(parts=tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(parts=tuple(parts)))
    ),
    max_leaves=8,
).filter(lambda condition: wrong_condition(condition) is None)


def leaf(operator: Operator, value: object, field: str = "data.x") -> FieldCondition:
    return FieldCondition(field=field, operator=operator, value=value)


def deep(levels: int) -> EventCondition:
    condition: EventCondition = leaf(Operator.EXISTS, True)
    for _ in range(levels - 1):
        condition = AnyOf(parts=(condition,))
    return condition


# -- conditions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "value", "met", "unmet"),
    [
        (Operator.ABOVE, 20, [20.01, 25, 1e9], [20, 19.9, -30]),
        (Operator.AT_LEAST, 20, [20, 20.0, 21], [19.99]),
        (Operator.BELOW, 20, [19.99, -1], [20, 21]),
        (Operator.AT_MOST, 20, [20, 0], [20.5]),
        (Operator.EQUALS, "pro", ["pro"], ["Pro", "", 0, [], ["pro"]]),
        (Operator.EQUALS, 1, [1, 1.0], [True, "1"]),
        (Operator.DIFFERS, "pro", ["team", 1, ["pro"]], ["pro"]),
        (Operator.ONE_OF, ["a", 2], ["a", 2.0], ["b", True, [], 3]),
        (Operator.CONTAINS, "Price", ["the price", "PRICE"], ["prize", [], ["price list"], 3, {}]),
        (Operator.CONTAINS, 2, [[1, 2]], [[1], [True, "2"], "2"]),
        (Operator.EXISTS, True, [0, "", False, []], [None, ANYTHING]),
        (Operator.EXISTS, False, [None, ANYTHING], [0, ""]),
    ],
)
def test_an_operator_holds_where_it_should_and_nowhere_else(
    operator: Operator, value: object, met: list[object], unmet: list[object]
) -> None:
    for found, wanted in [*((one, True) for one in met), *((one, False) for one in unmet)]:
        event = an_event(data={} if found is ANYTHING else {"x": found})
        assert evaluate(leaf(operator, value), event).met is wanted, found


@pytest.mark.parametrize("operator", [operator for operator in Operator if operator is not Operator.EXISTS])
@pytest.mark.parametrize("data", [{}, {"x": None}, {"y": 1}])
def test_what_is_missing_meets_nothing_and_the_answer_says_so(operator: Operator, data: dict[str, Any]) -> None:
    value: Any = [None] if operator is Operator.ONE_OF else 1
    answer = evaluate(leaf(operator, value), an_event(data=data))
    assert (answer.met, answer.why) == (False, "data.x is missing")


@pytest.mark.parametrize("odd", ["25", "25%", True, [25], {"value": 25}])
def test_what_is_no_number_is_not_compared_as_one(odd: object) -> None:
    answer = evaluate(leaf(Operator.ABOVE, 20), an_event(data={"x": odd}))
    assert not answer.met
    assert answer.why.endswith("which is no number")


def test_a_share_where_percent_are_meant_is_pointed_out() -> None:
    wanted = leaf(Operator.ABOVE, 20, "data.percentageDrop")
    assert "25 means 25%" in evaluate(wanted, an_event(data={"percentageDrop": 0.25})).why
    assert "means" not in evaluate(wanted, an_event(data={"percentageDrop": 19})).why
    assert "means" not in evaluate(wanted, an_event(data={"percentageDrop": 0})).why


def test_fields_may_lie_deep_and_be_source_or_type() -> None:
    event = an_event(source="ga", data={"page": {"url": "/a"}, "flat": 1})
    assert evaluate(leaf(Operator.EQUALS, "/a", "data.page.url"), event).met
    assert evaluate(leaf(Operator.EQUALS, "ga", "source"), event).met
    assert evaluate(leaf(Operator.EQUALS, "traffic_drop", "type"), event).met
    assert not evaluate(leaf(Operator.EXISTS, True, "data.flat.url"), event).met


@given(condition=CONDITIONS, data=DATA)
def test_any_condition_has_an_answer_with_a_reason_on_any_data(condition: EventCondition, data: dict[str, Any]) -> None:
    answer = evaluate(condition, an_event(data=data))
    assert answer.why
    if isinstance(condition, AllOf | AnyOf):
        combined = all if isinstance(condition, AllOf) else any
        assert answer.met is combined(evaluate(part, an_event(data=data)).met for part in condition.parts)


@given(condition=CONDITIONS)
def test_a_condition_is_the_same_after_being_kept_as_json(condition: EventCondition) -> None:
    assert condition_of(json.loads(json.dumps(condition_document(condition)))) == condition
    assert in_words(condition)


# -- cooldowns ---------------------------------------------------------------------------------------------------


def run(mapping: EventMapping, arrivals: Sequence[tuple[datetime, str | None]]) -> list[bool]:
    """Which of these (time, page) start a goal, decided in this order."""
    last: dict[Key, datetime] = {}
    started = []
    for at, page in arrivals:
        (made,) = decide(an_event(data={"page": page}), rules_of(mapping), at=at, chain=0, last=last)
        started.append(made.triggered)
        if made.triggered:
            last[made.place] = at
        assert made.why
    return started


@given(
    minutes=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["/a", "/b", None])), max_size=30),
    cooldown=st.integers(0, 90),
)
def test_goals_of_one_key_are_a_cooldown_apart_and_nothing_else_is_held_back(
    minutes: list[tuple[int, str | None]], cooldown: int
) -> None:
    arrivals = [(NOW + timedelta(minutes=at), page) for at, page in sorted(minutes, key=lambda one: one[0])]
    mapping = some_mapping(key="data.page", cooldown=timedelta(minutes=cooldown))
    starts: dict[str | None, list[datetime]] = defaultdict(list)
    for (at, page), started in zip(arrivals, run(mapping, arrivals), strict=True):
        rests = bool(starts[page]) and at - starts[page][-1] < mapping.cooldown
        assert started is not rests
        if started:
            starts[page].append(at)


def test_without_a_key_all_share_one_cooldown_and_so_do_those_that_lack_it() -> None:
    both = [(NOW, "/a"), (NOW, "/b")]
    assert run(some_mapping(cooldown=HOUR), both) == [True, False]
    assert run(some_mapping(cooldown=HOUR, key="data.page"), both) == [True, True]
    assert run(some_mapping(cooldown=HOUR, key="data.page"), [(NOW, None), (NOW, None)]) == [True, False]


def test_a_cooldown_ends_exactly_when_it_is_over() -> None:
    moments = [(NOW + offset, "/a") for offset in (timedelta(0), HOUR - timedelta(microseconds=1), HOUR)]
    assert run(some_mapping(cooldown=HOUR), moments) == [True, False, True]


def test_a_clock_that_was_put_back_does_not_hold_a_mapping_for_ever() -> None:
    moments = [(NOW, "/a"), (NOW - timedelta(days=300), "/a")]
    assert run(some_mapping(cooldown=HOUR), moments) == [True, True]


def test_keys_of_other_kinds_are_told_apart_and_never_long() -> None:
    mapping = some_mapping(key="data.page")
    keys = [key_of(mapping, an_event(data={"page": page})) for page in (1, "1", True, ["/a"], "x" * 5_000)]
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 100 for key in keys)


def test_a_chain_of_goals_that_events_started_ends() -> None:
    for chain in range(MAX_CHAIN + 2):
        (made,) = decide(an_event(), rules_of(some_mapping()), at=NOW, chain=chain, last={})
        assert made.triggered is (chain < MAX_CHAIN)
    assert "chain" in made.why


def test_a_mapping_that_is_switched_off_starts_nothing_and_says_so() -> None:
    (made,) = decide(an_event(), rules_of(some_mapping(enabled=False)), at=NOW, chain=0, last={})
    assert (made.triggered, made.why) == (False, "the mapping is switched off")


# -- what the goal is told ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [(25, "25"), (12.5, "12.5"), (-3, "-3"), (1e-7, "1e-07"), ("25", IN_THE_EVENT), (True, IN_THE_EVENT)],
)
def test_only_numbers_of_an_event_stand_in_a_goals_text(value: object, shown: str) -> None:
    mapping = some_mapping(goal="Fell by {data.drop}%, or {data.none}")
    assert goal_text(mapping, an_event(data={"drop": value})) == f"Fell by {shown}%, or {IN_THE_EVENT}"


@given(text=st.text(min_size=1))
def test_no_text_of_an_event_gets_into_a_goals_text(text: str) -> None:
    mapping = some_mapping(goal="Fell by {data.a}, seen on {data.b.c}")
    event = an_event(event_id="i" + text, source="s" + text, data={"a": text, "b": {"c": text}})
    assert goal_text(mapping, event) == f"Fell by {IN_THE_EVENT}, seen on {IN_THE_EVENT}"


def test_the_input_has_all_data_or_what_the_mapping_includes() -> None:
    event = an_event(data={"page": {"url": "/a", "title": "A"}, "secret": "s"})
    everything = event_page(some_mapping(), event)
    assert '"secret": "s"' in everything
    some = event_page(some_mapping(include=("data.page.url", "data.none")), event)
    assert '"data.page.url": "/a"' in some
    assert "secret" not in some
    assert "title" not in some


# -- mappings of programs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"mapping_id": "Not An Id"},
        {"goal": "Fell by {percentageDrop}"},
        {"goal": "x" * 2_001},
        {"key": "page"},
        {"include": ("data.",)},
        {"cooldown": timedelta(days=400)},
        {"cooldown": timedelta(seconds=-1)},
        {"condition": leaf(Operator.ABOVE, "20")},
        {"condition": leaf(Operator.ABOVE, 20, "x")},
        {"condition": AllOf(parts=())},
        {"condition": deep(6)},
        {"condition": AnyOf(parts=(leaf(Operator.EXISTS, True),) * 51)},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_a_mapping_that_could_not_be_used_is_found_wrong(fields: dict[str, Any]) -> None:
    assert wrong_mapping(some_mapping(**({"mapping_id": "one"} | fields))) is not None


@given(condition=CONDITIONS, cooldown=st.timedeltas(timedelta(0), timedelta(days=366)))
def test_a_mapping_is_the_same_after_being_kept_as_json(condition: EventCondition, cooldown: timedelta) -> None:
    mapping = some_mapping(condition=condition, cooldown=cooldown, key="data.a", include=("data.b",), origin="ana")
    assert mapping_of(json.loads(json.dumps(mapping_document(mapping)))) == mapping
