"""What contradicts what across a goal's outputs, measured on planted statements and on the examples of the skills."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketeer.domain.consistency import contradictions
from marketeer.domain.contradiction import CONTEXT as THE_CONTEXT
from marketeer.domain.contradiction import GOAL, Contradiction, Output
from tests.support.contradictions import COMPATIBLE, CONTRADICTORY, HARBOUR, cases, planted
from tests.support.deliverables import CONTEXT, deliverables
from tests.support.lookalikes import LOOKALIKES

SEED = int(os.environ.get("MARKETEER_TEST_SEED", "20261123"))
COUNT = 200
FOUND = 0.8


def of(
    *texts: str, context: str = HARBOUR, goal: str = "", inputs: dict[str, str] | None = None
) -> list[Contradiction]:
    outputs = [Output(name=f"output {at}", text=f"# Page\n\n## Copy\n\n{text}\n") for at, text in enumerate(texts, 1)]
    return contradictions(outputs, context=context, goal=goal, inputs=inputs)


def tell(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def test_planted_contradictions_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    missed, total = Counter[str](), Counter[str]()
    for case in cases(CONTRADICTORY, seed=SEED, count=COUNT):
        total[case.kind] += 1
        missed[case.kind] += not contradictions(case.outputs, context=case.context)
    rate = 1 - missed.total() / COUNT
    tell(capsys, f"planted contradictions: {rate:.1%} of {COUNT} found, seed {SEED}; missed: {dict(+missed)}")
    assert rate >= FOUND, (missed, total)


def test_what_merely_differs_is_no_contradiction(capsys: pytest.CaptureFixture[str]) -> None:
    alarms = [
        (case.kind, case.said, found[0].line())
        for case in cases(COMPATIBLE, seed=SEED, count=COUNT)
        if (found := contradictions(case.outputs, context=case.context))
    ]
    tell(capsys, f"statements that merely differ: {len(alarms)} of {COUNT} taken for contradictions, seed {SEED}")
    assert alarms == []


def test_what_only_looks_like_a_contradiction_is_none() -> None:
    alarms = [
        (first, second, found[0].line())
        for context, first, second in LOOKALIKES
        if (found := of(first, second, context=context))
    ]
    assert alarms == []


def test_the_examples_of_all_skills_agree_with_each_other_and_with_their_context() -> None:
    examples = [Output(name=one.name, text=one.text) for one in deliverables()]
    for turn in range(3):
        random.Random(SEED + turn).shuffle(examples)  # noqa: S311 - an order, repeatable by its seed
        assert [found.line() for found in contradictions(examples, context=CONTEXT)] == []


def test_a_price_beside_the_context_names_both_and_quotes_both() -> None:
    (found,) = of("Quay is €39 a month. Basin is €129 a month.")
    assert (found.later, found.earlier) == ("output 1", THE_CONTEXT)
    assert found.later_quote == "Basin is €129 a month."
    assert (found.later_says, found.earlier_says) == ("€129 a month", "€119 a month")
    assert found.line().startswith("the price of 'basin': output 1 says €129 a month")


def test_of_two_outputs_the_later_one_is_wrong() -> None:
    (found,) = of("Start your 14-day free trial.", "Try Harbourlog free for 30 days.")
    assert (found.later, found.earlier) == ("output 2", "output 1")


def test_what_contradicts_the_context_is_not_held_against_later_outputs() -> None:
    found = of("Basin is €129 a month.", "Basin is €119 a month.")
    assert [one.later for one in found] == ["output 1"]


def test_the_goals_own_words_come_before_the_context() -> None:
    goal = "From May on Basin is €129 a month. Announce it."
    assert of("Basin is €129 a month.", goal=goal) == []
    (found,) = of("The webinar is on 10 March.", goal="The webinar is on 3 March. Fill it.")
    assert found.earlier == GOAL


def test_a_price_that_an_input_names_is_meant_to_replace_that_of_the_context() -> None:
    assert of("Basin is €129 a month.", inputs={"inputs/new-prices.md": "Basin 129"}) == []


def test_a_price_that_an_earlier_output_proposes_may_be_used_by_a_later_one() -> None:
    assert of("We propose €129 a month for Basin.", "Basin is €129 a month.") == []


def test_a_document_that_gives_a_thing_two_values_is_not_judged_on_it() -> None:
    assert of("Start your 14-day free trial. Partners: a 30-day free trial.", "Start your 21-day free trial.") == []


def test_a_thing_is_named_once_however_often_an_output_says_it() -> None:
    assert len(of("Basin is €129 a month.\n\nTake Basin at €129 a month.")) == 1


def test_the_name_written_in_another_way_is_found_in_copy_and_not_in_addresses() -> None:
    (found,) = of("HarbourLog fills the quay.")
    assert (found.about, found.later_says) == ("the product's name", "'HarbourLog'")
    assert of("Write to us at HarbourLog.example or @HarbourLog.") == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(max_size=300), min_size=1, max_size=4),
    st.text(max_size=200),
    st.text(max_size=200),
)
def test_any_texts_can_be_compared(texts: list[str], context: str, goal: str) -> None:
    for found in of(*texts, context=context, goal=goal):
        assert found.later_quote
        assert found.earlier_quote


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 25))
def test_a_document_agrees_with_itself_whatever_is_planted_in_it(seed: int, number: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - repeatable by its seed
    host = deliverables()[number]
    case = next(cases(CONTRADICTORY, seed=seed, count=1))
    text = planted(host.text, rng.choice(case.said), rng)
    twins = [Output(name="one", text=text), Output(name="two", text=text)]
    assert [found.line() for found in contradictions(twins, context="")] == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_decides_who_is_wrong_and_not_whether(seed: int) -> None:
    case = next(cases(CONTRADICTORY, seed=seed, count=1))
    there = contradictions(case.outputs, context="")
    back = contradictions(case.outputs[::-1], context="")
    assert {found.about for found in there} == {found.about for found in back}
    assert {found.later for found in there} <= {"output 2"}
    assert {found.later for found in back} <= {"output 1"}
