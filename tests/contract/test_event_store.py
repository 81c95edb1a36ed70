"""The EventStore part of the Store port: an event is kept once and decided once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.errors import Conflict, UsageError
from marketeer.domain.event import Event
from marketeer.domain.event_condition import AllOf, AnyOf, FieldCondition, Operator
from marketeer.domain.event_effect import Circumstances, Ruling, StoredEvent, rule
from marketeer.domain.event_mapping import EventRules, Key, StoredMapping
from marketeer.domain.goal import Priority
from marketeer.domain.snapshot import Change
from marketeer.domain.work import Scope
from marketeer.ports import Store
from tests.support.builders import NOW, a_call, a_goal, a_plan, a_reservation, a_task
from tests.support.events import an_event, rules_of, some_mapping
from tests.support.play import started

HOUR = timedelta(hours=1)


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path / "marketeer.db" if request.param == "file" else None)
    await opened.open()
    yield opened
    await opened.close()


async def keep(store: Store, event: Event, *, at: datetime = NOW) -> StoredEvent:
    stored, _ = await store.accept_event(event, received_at=at, outlook=["starts a goal"])
    return stored


class Tokens:
    """Random ends of goal ids, one after the other."""

    def __init__(self, prefix: str = "tok") -> None:
        self._prefix = prefix
        self._given = 0

    def __call__(self) -> str:
        self._given += 1
        return f"{self._prefix}{self._given}"


async def decide(
    store: Store, event: Event, rules: EventRules, *, now: datetime = NOW, token: Callable[[], str] | None = None
) -> tuple[StoredEvent, list[Change]] | None:
    given = Circumstances(rules=rules, now=now, token=token or Tokens(event.event_id))

    def ruling(stored: StoredEvent, last: Mapping[Key, datetime]) -> Ruling:
        return rule(stored, last, given)

    keys = [(mapping.mapping_id, "") for mapping in rules.of(event.type)]
    done = await store.take_effect(event.event_id, keys=keys, decide=ruling)
    return None if done is None else (done[0], list(done[1]))


async def test_an_event_is_read_back_as_it_came(store: Store) -> None:
    event = an_event(data={"page": "/préço", "deep": {"list": [1, 2.5, None, True]}, "none": {}})
    stored = await keep(store, event)
    assert stored.event == event
    assert stored == await store.event("e1")
    assert (stored.number, stored.received_at, stored.outlook) == (1, NOW, ("starts a goal",))
    assert await store.owed_events(limit=9) == [stored]


async def test_the_same_id_is_kept_once_and_the_first_one_counts(store: Store) -> None:
    first = await keep(store, an_event(data={"n": 1}))
    again, new = await store.accept_event(an_event(data={"n": 2}), received_at=NOW + HOUR, outlook=["other"])
    assert (again, new) == (first, False)
    assert await store.events(limit=9) == [first]


async def test_ten_of_the_same_id_at_one_instant_are_one(store: Store) -> None:
    answers = await asyncio.gather(
        *(store.accept_event(an_event(), received_at=NOW, outlook=[str(n)]) for n in range(10))
    )
    assert sorted(new for _, new in answers) == [False] * 9 + [True]
    assert len({stored.number for stored, _ in answers}) == 1


async def test_a_decided_event_has_its_goals_their_plans_and_its_inputs_at_once(store: Store) -> None:
    await keep(store, an_event(data={"percentageDrop": 30}))
    done = await decide(store, an_event(), rules_of(some_mapping(goal="Fell by {data.percentageDrop}%")))
    assert done is not None
    stored, (change,) = done
    assert stored == await store.event("e1")
    assert stored.effect is not None
    assert stored.effect.goal_ids == (change.goal.goal_id,)
    goal = await store.goal(change.goal.goal_id)
    assert (goal.description, goal.pipeline, goal.priority) == ("Fell by 30%", "SEO Cycle", Priority.P1)
    (reference,) = goal.inputs
    document = await store.document(reference.partition("@")[0])
    assert document is not None
    assert '"percentageDrop": 30' in document.content
    (item,) = await store.ready_items(now=NOW, scope=Scope(), limit=9)
    assert item.goal_id == goal.goal_id
    told = [entry.what for entry in await store.journal()]
    assert told == ["goal_created", "started_by_event", "event_started_goals"]
    assert await store.owed_events(limit=9) == []


async def test_an_event_is_decided_once_however_many_try(store: Store) -> None:
    await keep(store, an_event())
    tries = await asyncio.gather(
        *(decide(store, an_event(), rules_of(some_mapping()), token=Tokens(f"t{n}x")) for n in range(5))
    )
    assert sum(done is not None for done in tries) == 1
    assert len(await store.goals(limit=9)) == 1


async def test_a_decision_that_fails_leaves_the_event_owed_and_nothing_else(store: Store) -> None:
    await keep(store, an_event("e1"))
    await keep(store, an_event("e2"))
    same = rules_of(some_mapping(), some_mapping("two"))
    assert await decide(store, an_event("e1"), same, token=Tokens("x")) is not None
    with pytest.raises(Conflict):  # the second goal's id is taken
        await decide(store, an_event("e2"), same, token=lambda: "x2")
    assert [stored.event.event_id for stored in await store.owed_events(limit=9)] == ["e2"]
    assert len(await store.goals(limit=9)) == 2
    assert len(await store.journal()) == 5


async def test_a_cooldown_begins_with_the_arrival_of_what_triggered_it(store: Store) -> None:
    rules = rules_of(some_mapping(cooldown=HOUR))
    for number, minutes in enumerate((0, 59, 61)):
        await keep(store, an_event(f"e{number}"), at=NOW + timedelta(minutes=minutes))
    goals = []
    for number in range(3):  # all are decided long after they came
        done = await decide(store, an_event(f"e{number}"), rules, now=NOW + 9 * HOUR)
        assert done is not None
        goals.append(len(done[1]))
    assert goals == [1, 0, 1]
    assert await store.cooldowns([("one", ""), ("other", "")]) == {("one", ""): NOW + timedelta(minutes=61)}


async def test_events_are_listed_newest_first_and_by_type(store: Store) -> None:
    await keep(store, an_event("a", type="traffic_drop"))
    await keep(store, an_event("b", type="new_blog_post"))
    await decide(store, an_event("a"), rules_of())
    assert [one.event.event_id for one in await store.events(limit=9)] == ["b", "a"]
    assert [one.event.event_id for one in await store.events(limit=9, event_type="traffic_drop")] == ["a"]
    assert [one.event.event_id for one in await store.events(limit=9, owed_only=True)] == ["b"]
    assert len(await store.events(limit=1)) == 1


async def test_an_event_is_found_by_its_id_its_beginning_or_its_number(store: Store) -> None:
    await keep(store, an_event("alpha-1"))
    await keep(store, an_event("alpha-12"))
    assert (await store.event("alpha-1")).number == 1
    assert (await store.event("alpha-12")).number == 2
    assert (await store.event("2")).event.event_id == "alpha-12"
    with pytest.raises(UsageError, match="more than one event"):
        await store.event("alpha")
    for unknown in ("beta", "", "99", "9" * 50):
        with pytest.raises(UsageError, match="no event"):
            await store.event(unknown)


async def test_mappings_of_programs_are_kept_whole_and_the_newest_counts(store: Store) -> None:
    deep = AllOf(
        parts=(
            FieldCondition(field="data.plan", operator=Operator.ONE_OF, value=["pro", 2, None]),
            AnyOf(parts=(FieldCondition(field="data.n", operator=Operator.AT_LEAST, value=2.5),)),
        )
    )
    whole = some_mapping(condition=deep, key="data.plan", include=("data.n",), cooldown=HOUR, enabled=False)
    for mapping in (some_mapping(), whole, None):
        stored = StoredMapping(mapping_id="one", mapping=mapping, who="ana", at=NOW)
        await store.put_event_mapping(stored)
        assert await store.event_mappings() == [stored]
    assert [(entry.what, entry.who) for entry in await store.journal()] == [
        ("event_mapping_added", "ana"),
        ("event_mapping_added", "ana"),
        ("event_mapping_removed", "ana"),
    ]


async def test_another_process_sees_events_and_mappings(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "marketeer.db"), SqliteStore(tmp_path / "marketeer.db")
    await one.open()
    await other.open()
    try:
        assert await other.event_mappings() == []
        await one.put_event_mapping(StoredMapping(mapping_id="one", mapping=some_mapping(), who="ana", at=NOW))
        await other.data_version()
        assert [stored.mapping_id for stored in await other.event_mappings()] == ["one"]
        await keep(one, an_event())
        _, new = await other.accept_event(an_event(), received_at=NOW, outlook=[])
        assert not new
    finally:
        await one.close()
        await other.close()


# -- of our own --------------------------------------------------------------------------------------------------


async def test_each_level_of_the_months_money_is_an_event_once_for_each_cap(store: Store) -> None:
    await store.set_month_cap("2026-11", Decimal(10), who="ana", now=NOW)
    play = started(goal=a_goal(), plan=a_plan([a_task(1)]))
    for change in play.changes:
        await store.commit(change)
    for number, cost in enumerate(("8.5", "0.1", "1.4")):
        await store.settle(a_call(a_reservation(f"c{number}"), cost))
    told = [(one.event.type, one.event.data["level"]) for one in await store.internal_events(after=0, limit=99)]
    assert told == [
        ("budget_warning", "warning"),
        ("budget_warning", "throttle"),
        ("budget_critical", "critical"),
        ("budget_critical", "exhausted"),
    ]
    await store.raise_month_cap("2026-11", Decimal(2), who="ana", now=NOW)
    await store.settle(a_call(a_reservation("c9"), "1"))
    (again,) = await store.internal_events(after=4, limit=99)
    assert (again.event.data["level"], again.event.data["capUsd"]) == ("throttle", 12.0)
    assert again.event.source == "marketeer"


async def test_what_an_event_started_counts_in_the_chain_of_what_it_emits(store: Store) -> None:
    await keep(store, an_event())
    done = await decide(store, an_event(), rules_of(some_mapping()))
    assert done is not None
    (change,) = done[1]
    about = replace(an_event("inside", source="marketeer"), goal_id=change.goal.goal_id)
    elsewhere = replace(an_event("elsewhere", source="marketeer"), goal_id="another-goal")
    assert (await keep(store, about)).chain == 1
    assert (await keep(store, elsewhere)).chain == 0
    assert (await keep(store, an_event("outside"))).chain == 0
