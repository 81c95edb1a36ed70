"""What a model may add to the contradictions that rules find: what two quotations show, in the order of the plan."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketeer.domain.contradiction import CONTEXT, GOAL, Contradiction, Topic
from marketeer.domain.second_look import MAX_ADDED, shown_contradictions
from marketeer.engine.agreement_form import excerpt
from tests.support.builders import contradiction

DOCUMENTS = {
    GOAL: "Tell everybody of offline mode",
    CONTEXT: "Support answers within 4 hours. The feature is called Offline mode.",
    "page": "You get 5 seats with every Crew account. Support answers within 4 hours.",
    "mail": "Bring the crew: 8 seats are yours. Our new Pocket Mode is here.",
}
SEATS: dict[str, Any] = {
    "topic": Topic.OFFER,
    "about": "seats",
    "earlier": "page",
    "earlier_quote": "You get 5 seats with every Crew account.",
    "later": "mail",
    "later_quote": "Bring the crew: 8 seats are yours.",
}


def added(*said: dict[str, Any], known: tuple[Contradiction, ...] = ()) -> list[Contradiction]:
    return shown_contradictions([contradiction(**one) for one in said], DOCUMENTS, known=known)


def test_what_two_quotations_show_is_added() -> None:
    (one,) = added(SEATS)
    assert (one.later, one.about) == ("mail", "seats")


def test_the_later_document_is_the_later_one_whatever_the_model_says() -> None:
    (one,) = added(
        {
            **SEATS,
            "earlier": "mail",
            "earlier_quote": SEATS["later_quote"],
            "later": "page",
            "later_quote": SEATS["earlier_quote"],
        }
    )
    assert (one.later, one.later_quote) == ("mail", SEATS["later_quote"])


@pytest.mark.parametrize(
    "change",
    [
        {"later_quote": "Bring the crew: 9 seats are yours."},
        {"earlier_quote": "You get 5 seats ... account."},
        {"later": "page"},
        {"later": "a page that is not there"},
        {"earlier_quote": "Support answers within 4 hours.", "earlier": CONTEXT, "later": "page",
         "later_quote": "Support answers within 4 hours."},
        {"later_quote": "Our new Pocket Mode is here."},
        {"later": CONTEXT, "later_quote": "Support answers within 4 hours.", "earlier": GOAL,
         "earlier_quote": "Tell everybody of offline mode"},
        {"later_quote": "Bring"},
    ],
)  # fmt: skip
def test_what_they_do_not_show_is_not(change: dict[str, Any]) -> None:
    assert added({**SEATS, **change}) == []


def test_names_and_promises_may_be_shown_in_words_alone() -> None:
    name = {"topic": Topic.NAME, "about": "the feature", "earlier": CONTEXT, "later": "mail"}
    quotes = {"earlier_quote": "The feature is called Offline mode.", "later_quote": "Our new Pocket Mode is here."}
    assert len(added(name | quotes)) == 1
    assert added(name | quotes | {"topic": Topic.PRICE}) == []


def test_what_is_known_already_is_not_added_again() -> None:
    assert added(SEATS, SEATS, known=(contradiction(later="mail", about="Seats"),)) == []
    assert len(added(SEATS, SEATS)) == 1


def test_no_more_than_a_few_are_added() -> None:
    assert len(added(*({**SEATS, "about": f"seats, {number}"} for number in range(20)))) == MAX_ADDED


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"later": st.text(), "earlier": st.text(), "later_quote": st.text()}), max_size=5)
)
def test_no_answer_breaks_it(said: list[dict[str, Any]]) -> None:
    assert added(*said) == []


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=2_000), st.integers(min_value=10, max_value=500))
def test_an_excerpt_has_room_and_holds_what_stands_in_the_text(text: str, limit: int) -> None:
    cut = excerpt(text, limit)
    assert len(cut) <= max(limit, 0)
    assert all(piece in text for piece in cut.split("\n\n"))


def test_of_a_long_document_what_customers_read_is_shown_first() -> None:
    copy = "```copy\nFree for 14 days.\n```"
    text = f"# Page\n\n## Notes\n\n{'Long words about nothing at all. ' * 40}\n\n## Copy\n\n{copy}\n"
    assert excerpt(text, 200) == "Free for 14 days."
