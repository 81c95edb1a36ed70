"""The chain of a journal: left alone it has no flaw, and whatever is done to it is found and named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.journal_chain import PRUNED, STUB_ENTRIES, STUB_HASH, FlawKind, Head, Link, flaws, link_hash

GOAL = "a-goal-abcd1234"
sizes = st.integers(min_value=1, max_value=12)


def a_link(number: int, previous: str, *, what: str = "task_queued", data: str = "{}") -> Link:
    content = (GOAL, "2026-11-22T12:00:00.000000Z", what, "marketeer", None, f"why {number}", data)
    return Link(
        entry_id=number * 10,
        number=number,
        hash=link_hash(previous, number, content),
        content=content,
        what=what,
        data=data,
    )


def a_chain(size: int, *, start: Head | None = None) -> list[Link]:
    links: list[Link] = []
    if start is not None:
        data = json.dumps({STUB_ENTRIES: start.number, STUB_HASH: start.hash})
        links.append(a_link(start.number + 1, start.hash, what=PRUNED, data=data))
    while len(links) < size:
        links.append(a_link(links[-1].number + 1 if links else 1, links[-1].hash if links else ""))
    return links


def head_of(links: list[Link]) -> Head:
    return Head(number=links[-1].number, hash=links[-1].hash)


def found(links: list[Link], head: Head | None) -> list[tuple[str, int, int | None]]:
    return [(flaw.kind.value, flaw.number, flaw.entry_id) for flaw in flaws(GOAL, links, head)]


@given(sizes)
def test_a_chain_left_alone_has_no_flaw(size: int) -> None:
    links = a_chain(size)
    assert found(links, head_of(links)) == []


@given(sizes, st.data())
def test_a_changed_entry_is_named_whatever_was_changed_in_it(size: int, data: st.DataObject) -> None:
    links = a_chain(size)
    at = data.draw(st.integers(0, size - 1))
    field = data.draw(st.integers(0, 6))
    content = list(links[at].content)
    content[field] = data.draw(st.text().filter(lambda text: text != content[field]))
    broken = [*links[:at], replace(links[at], content=tuple(content)), *links[at + 1 :]]
    assert found(broken, head_of(links)) == [("changed", at + 1, links[at].entry_id)]


@given(sizes, st.data())
def test_removed_entries_are_named_at_the_beginning_in_between_and_at_the_end(size: int, data: st.DataObject) -> None:
    links = a_chain(size)
    gone = data.draw(st.sets(st.integers(1, size), min_size=1))
    left = [link for link in links if link.number not in gone]
    named = found(left, head_of(links))
    assert {kind for kind, _, _ in named} == {"removed"}
    assert [number for _, number, _ in named] == sorted(number for number in gone if number - 1 not in gone)


@given(sizes, st.data())
def test_an_inserted_entry_is_named_wherever_it_is_put(size: int, data: st.DataObject) -> None:
    links = a_chain(size)
    number = data.draw(st.integers(-1, size + 3))
    previous = data.draw(st.sampled_from(["", *(link.hash for link in links)]))
    forged = replace(a_link(number, previous), entry_id=data.draw(st.integers(1, size * 10 + 9)), data="{ }")
    forged = replace(forged, content=(*forged.content[:5], "forged", forged.data), hash="0" * 64)
    named = found([*links, forged], head_of(links))
    assert named == [("inserted", number, forged.entry_id)]


def test_an_entry_changed_together_with_its_hash_is_found_at_the_one_behind_it_or_at_the_head() -> None:
    links = a_chain(4)
    for at in range(4):
        content = (*links[at].content[:5], "forged", "{}")
        previous = links[at - 1].hash if at else ""
        forged = replace(links[at], content=content, hash=link_hash(previous, at + 1, content))
        (flaw,) = flaws(GOAL, [*links[:at], forged, *links[at + 1 :]], head_of(links))
        assert (flaw.kind, flaw.number) == (FlawKind.CHANGED, min(at + 2, 4))


def test_entries_that_change_places_are_found() -> None:
    links = a_chain(3)
    swapped = [links[0], replace(links[1], entry_id=30), replace(links[2], entry_id=20)]
    assert found(swapped, head_of(links)) == [("changed", 3, 20)]


@given(sizes, st.integers(1, 50))
def test_a_stub_stands_for_what_was_pruned(size: int, pruned: int) -> None:
    links = a_chain(size, start=Head(number=pruned, hash="ab" * 32))
    assert found(links, head_of(links)) == []


@pytest.mark.parametrize(
    "data",
    ["{}", "[]", "nonsense", '{"entries": 4, "chain": "x"}', '{"entries": null, "chain": "x"}', '{"entries": 6}'],
)
def test_what_only_looks_like_a_stub_stands_for_nothing(data: str) -> None:
    stub = a_link(6, "x", what=PRUNED, data=data)
    assert found([stub], head_of([stub])) == [("removed", 1, None)]


def test_a_changed_stub_is_named() -> None:
    (stub,) = a_chain(1, start=Head(number=5, hash="ab" * 32))
    forged = replace(stub, content=(*stub.content[:3], "somebody else", *stub.content[4:]))
    assert found([forged], head_of([stub])) == [("changed", 6, 60)]


def test_a_journal_without_a_head_or_without_any_entry_is_no_journal() -> None:
    assert found([], Head(number=3, hash="x")) == [("removed", 1, None)]
    assert found(a_chain(1), None) == [("inserted", 1, 10)]
    assert found([], None) == []
