"""Best of n, the pure part: wishes, angles, and how comparisons in both orders choose one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.adapters.team_files import BUILT_IN, FileTeam
from marketeer.domain.best_of import (
    ANGLES,
    LEAST,
    MOST,
    BestOf,
    Choice,
    Duel,
    Preferred,
    Said,
    agreed,
    angles,
    chosen,
    parse_wish,
    variants_of,
)
from marketeer.domain.errors import UsageError
from marketeer.domain.forecast import TaskSize, of_several, task_forecast
from marketeer.domain.review import Finding, Severity
from marketeer.domain.usage import Tier
from tests.support.builders import a_finding

SONNET = FileTeam(built_in=BUILT_IN).model(Tier.SONNET)
NOTHING: Mapping[int, tuple[Finding, ...]] = {}
counts = st.integers(LEAST, MOST)


def said(one: int, other: int, better: int | None) -> Said:
    """Of the two as they are shown."""
    shown = {one: Preferred.FIRST, other: Preferred.SECOND}
    return Said(preferred=Preferred.TIE if better is None else shown[better], reason="it is so")


def duel(one: int, other: int, forward: int | None, backward: int | None) -> Duel:
    return Duel(one=one, other=other, forward=said(one, other, forward), backward=said(other, one, backward))


@given(order=st.integers(LEAST, MOST).flatmap(lambda count: st.permutations(range(1, count + 1))))
def test_a_judge_with_a_taste_of_his_own_gets_his_favourite_in_one_comparison_less_than_there_are(
    order: list[int],
) -> None:
    asked = []

    def compare(one: int, other: int) -> Duel:
        asked.append((one, other))
        better = min(one, other, key=order.index)
        return duel(one, other, better, better)

    choice = chosen(sorted(order), compare, NOTHING)
    assert choice.winner == order[0]
    assert len(asked) == len(order) - 1 == len(choice.reasons)


@given(count=counts, weights=st.lists(st.sampled_from(Severity), min_size=MOST, max_size=MOST))
def test_a_judge_who_likes_whatever_stands_first_decides_nothing(count: int, weights: list[Severity]) -> None:
    findings = {number: (a_finding(weights[number - 1]),) for number in range(1, count + 1)}
    choice = chosen(range(1, count + 1), lambda one, other: duel(one, other, one, other), findings)
    rank = list(Severity)[::-1]
    assert choice.winner == min(findings, key=lambda number: (rank.index(weights[number - 1]), number))


@given(count=counts)
def test_when_nothing_tells_them_apart_the_first_one_is_chosen(count: int) -> None:
    choice = chosen(range(1, count + 1), lambda one, other: duel(one, other, None, None), NOTHING)
    assert choice.winner == 1
    assert all("a tie" in reason for reason in choice.reasons)


@given(forward=st.sampled_from([1, 2, None]), backward=st.sampled_from([1, 2, None]))
def test_the_orders_agree_only_on_the_same_variant(forward: int | None, backward: int | None) -> None:
    assert agreed(duel(1, 2, forward, backward)) == (forward if forward == backward else None)


def test_one_variant_needs_no_judge() -> None:
    assert chosen([2], lambda one, other: duel(one, other, None, None), NOTHING) == Choice(winner=2, reasons=())


@given(count=counts, task_id=st.text(min_size=1))
def test_variants_differ_and_come_again_the_same(count: int, task_id: str) -> None:
    told = angles(task_id, count)
    assert len(set(told)) == count
    assert told == angles(task_id, count)
    assert set(told) <= set(ANGLES)


@given(count=counts, skill=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True))
def test_a_wish_is_read_as_it_is_written(count: int, skill: str) -> None:
    assert parse_wish(f"{skill}={count}") == BestOf(skill=skill, count=count)


@pytest.mark.parametrize(
    "text", ["copywriting", "copywriting=1", "copywriting=6", "=3", "copywriting=three", "a b=3", ""]
)
def test_what_is_no_wish_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="such as copywriting=3"):
        parse_wish(text)


def test_what_was_wished_for_with_the_goal_counts_before_the_plan() -> None:
    wishes = (BestOf(skill="copywriting", count=3),)
    assert (variants_of(wishes, "copywriting", 5), variants_of(wishes, "seo-audit", 2)) == (3, 2)


@given(count=counts)
def test_the_forecast_counts_every_variant_and_every_comparison(count: int) -> None:
    size = TaskSize(input_tokens=4_000, min_words=200, max_words=900, max_output_tokens=8_000)
    one = task_forecast(size, SONNET, Tier.SONNET, ())
    several = of_several(one, size, SONNET, Tier.SONNET, count=count)
    assert several.cost.expected_usd > one.cost.expected_usd * count
    assert several.cost.low_usd <= several.cost.expected_usd <= several.cost.high_usd
    assert one.time.expected_s < several.time.expected_s < one.time.expected_s * count + 60
