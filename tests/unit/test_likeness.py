"""Likeness: what is one learning and what is two, on pairs that people would judge the same way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.learning import MAX_PROVENANCE, Learning, LearningStatus
from marketeer.domain.likeness import merged, raised, says_the_opposite, says_the_same, sense, taken_in
from tests.support.builders import NOW, a_learning

LESSON = "Founders skip long mails"
SHARES = st.floats(0, 1)

SAME = [
    ("Keep subject lines under 40 characters", "Keep the subject lines under 40 characters."),
    ("Quote the price with VAT", "Always quote prices with VAT"),
    ("Name the deadline in the first sentence", "name the deadline in the first sentence!"),
    ("Lead with the customer's own words", "Leading with the customers' own words"),
    ("Send on Tuesday mornings", "Send on a Tuesday morning"),
    ("Put one call to action on each page", "Put one call-to-action on each page"),
    ("Check the output against its contract first", "Check outputs against their contract first"),
    ("Summarise the café interviews", "Summarise the cafe interviews"),
    ("Ask harbour masters for a quote before writing", "Ask the harbour master for quotes before writing"),
    ("Show three plans side by side on the pricing page", "Show the three plans side by side on your pricing page"),
]
NOT_THE_SAME = [
    (
        "Keep subject lines of cold mails to harbour masters in spring and early summer under 40 characters",
        "Keep subject lines of cold mails to harbour masters in spring and early summer under 60 characters",
    ),
    ("Keep subject lines under 40 characters", "Keep subject lines under 60 characters"),
    ("Summary: section missing; wanted: a section Summary", "Offer: section missing; wanted: a section Offer"),
    ("Use emojis in subject lines", "Never use emojis in subject lines"),
    ("Write short subject lines", "Write long subject lines"),
    ("Mention the free trial on the pricing page", "Mention the free trial in cold mails"),
    ("Send on Tuesday mornings", "Send on Friday evenings"),
    ("Ask for one referral", "Ask for one review"),
    ("Raise prices for new customers", "Lower prices for new customers"),
    ("Put testimonials above the fold", "Put testimonials below the fold"),
    ("Compare with PierPal by name", "Compare with Docksy by name"),
]
OPPOSITE = [
    ("Use emojis in subject lines", "Never use emojis in subject lines"),
    ("Write short subject lines", "Write long subject lines"),
    ("Put testimonials above the fold", "Put testimonials below the fold"),
    ("Raise prices for new customers", "Lower prices for new customers"),
    ("Keep cold mails under 90 words", "Avoid keeping cold mails under 90 words"),
    ("Send more reminders to trial users", "Send fewer reminders to trial users"),
    ("Offer discounts on annual plans", "Do not offer discounts on annual plans"),
]
NOT_OPPOSITE = [
    ("Write short subject lines", "Avoid long subject lines"),
    ("Use emojis in subject lines", "Never discount annual plans"),
    ("Write short subject lines", "Write long case studies"),
    ("Send on Tuesday mornings", "Send on Friday evenings"),
    ("Do not offer discounts", "Never offer discounts"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_light_rewording_is_the_same_learning(one: str, other: str) -> None:
    assert says_the_same(sense(LESSON, one), sense(LESSON, other))
    assert says_the_same(sense(one, "Do it"), sense(other, "Do it"))


@pytest.mark.parametrize(("one", "other"), [*NOT_THE_SAME, *OPPOSITE])
def test_what_differs_in_one_thing_that_matters_is_another_learning(one: str, other: str) -> None:
    assert not says_the_same(sense(LESSON, one), sense(LESSON, other))


@pytest.mark.parametrize(("one", "other"), OPPOSITE)
def test_opposite_advice_about_the_same_thing_is_a_contradiction(one: str, other: str) -> None:
    assert says_the_opposite(sense(LESSON, one), sense("Something else", other))
    assert says_the_opposite(sense(LESSON, other), sense(LESSON, one))


@pytest.mark.parametrize(("one", "other"), [*NOT_OPPOSITE, *SAME])
def test_other_advice_is_none(one: str, other: str) -> None:
    assert not says_the_opposite(sense(LESSON, one), sense(LESSON, other))


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_text_says_the_same_as_itself_and_never_its_opposite(lesson: str, action: str) -> None:
    assert says_the_same(sense(lesson, action), sense(lesson, action))
    assert not says_the_opposite(sense(lesson, action), sense(lesson, action))


@given(SHARES, SHARES)
def test_what_is_learned_again_is_believed_more_and_never_beyond_doubt(confidence: float, by: float) -> None:
    assert confidence - 1e-6 <= raised(confidence, by) <= 1.0
    assert raised(0.5, 0.5) == 0.625


def again(**fields: object) -> Learning:
    return replace(a_learning("l-2", provenance=("other-task",), confirmed_at=NOW + timedelta(days=1)), **fields)  # type: ignore[arg-type]


def test_a_near_duplicate_raises_the_one_it_repeats() -> None:
    (stored,) = taken_in(again(learning="The short subject lines are opened more often!"), [a_learning()])
    assert stored.learning_id == "l-1"
    assert stored.confidence == 0.625
    assert stored.provenance == (*a_learning().provenance, "other-task")
    assert stored.confirmed_at == NOW + timedelta(days=1)


def test_the_same_source_twice_teaches_nothing_more() -> None:
    assert taken_in(again(provenance=a_learning().provenance), [a_learning()]) == [a_learning()]


@pytest.mark.parametrize("fields", [{"agent": "skill-2"}, {"category": None}, {"rehearsal": True}])
def test_what_others_learned_stays_apart(fields: dict[str, object]) -> None:
    new = again(**fields)
    assert taken_in(new, [a_learning()]) == [new]


def test_what_is_retired_is_not_brought_back_by_being_learned_again() -> None:
    gone = replace(a_learning(), status=LearningStatus.RETIRED)
    (stored,) = taken_in(again(), [gone])
    assert (stored.learning_id, stored.status) == ("l-1", LearningStatus.RETIRED)


def test_a_contradiction_is_flagged_on_both_sides() -> None:
    new, old = taken_in(
        again(action="Keep subject lines above forty characters"),
        [old_one := a_learning(action="Keep subject lines below forty characters")],
    )
    assert (new.contradicts, old.contradicts) == (("l-1",), ("l-2",))
    assert old.confidence == old_one.confidence


def test_provenance_does_not_grow_for_ever() -> None:
    learning = a_learning()
    for number in range(3 * MAX_PROVENANCE):
        learning = merged(learning, again(provenance=(f"task-{number}",)))
    assert len(learning.provenance) == MAX_PROVENANCE
    assert learning.provenance[-1] == f"task-{3 * MAX_PROVENANCE - 1}"
