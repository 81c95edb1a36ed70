"""Remembering by identity."""

from __future__ import annotations

from dataclasses import dataclass

from marketeer.domain.by_identity import MOST, by_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str


def test_it_is_made_once_for_an_object_and_again_for_its_equal() -> None:
    made: list[Thing] = []

    @by_identity
    def name_of(thing: Thing) -> str:
        made.append(thing)
        return thing.name

    one, equal = Thing(name="a"), Thing(name="a")
    assert [name_of(one), name_of(one), name_of(equal)] == ["a", "a", "a"]
    assert len(made) == 2


def test_an_object_that_takes_the_place_of_a_forgotten_one_is_not_taken_for_it() -> None:
    @by_identity
    def name_of(thing: Thing) -> str:
        return thing.name

    # each is let go at once: where its memory is free, the next one lies there
    assert [name_of(Thing(name=str(number))) for number in range(3 * MOST)] == [
        str(number) for number in range(3 * MOST)
    ]
