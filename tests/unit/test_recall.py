"""Recall: the skill's own first, what fits before what does not, never more than fits, and never both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.learning import Learning
from marketeer.domain.probation import is_withheld
from marketeer.domain.recall import MAX_SEARCH_WORDS, MAX_TOKENS, Found, ranked, recalled, search_words
from marketeer.domain.usage import token_estimate
from tests.support.builders import NOW, a_learning

HERE = "skill-1"
LEARNINGS = st.builds(
    a_learning,
    st.uuids().map(str),
    agent=st.sampled_from([HERE, "skill-2", "team"]),
    learning=st.text(max_size=200),
    confidence=st.floats(0, 1),
    confirmed_at=st.integers(0, 900).map(lambda days: NOW - timedelta(days=days)),
)
FOUND = st.lists(st.builds(Found, learning=LEARNINGS, relevance=st.floats(0, 20)), max_size=60)


def order(*found: tuple[Learning, float]) -> list[str]:
    pairs = [Found(learning=learning, relevance=relevance) for learning, relevance in found]
    return [learning.learning_id for learning in ranked(pairs, agent=HERE, now=NOW)]


def test_the_skills_own_come_before_better_fitting_ones_of_others() -> None:
    other = a_learning("other", agent="skill-2")
    assert order((other, 9.0), (a_learning("own"), 0.0)) == ["own", "other"]


def test_relevance_confidence_and_age_decide_in_this_order_of_weight() -> None:
    sure = replace(a_learning("sure"), confidence=0.9)
    old = replace(a_learning("old"), confirmed_at=NOW - timedelta(days=180))
    assert order((a_learning("plain"), 2.0), (a_learning("fits"), 8.0)) == ["fits", "plain"]
    assert order((a_learning("plain"), 2.0), (sure, 2.0)) == ["sure", "plain"]
    assert order((old, 2.0), (a_learning("plain"), 2.0)) == ["plain", "old"]
    assert order((old, 8.0), (a_learning("plain"), 2.0)) == ["old", "plain"]


def test_an_age_of_years_does_not_bury_what_fits() -> None:
    ancient = replace(a_learning("ancient"), confirmed_at=NOW - timedelta(days=3_000))
    assert order((a_learning("new"), 0.0), (ancient, 8.0)) == ["ancient", "new"]


@given(FOUND)
def test_a_prompt_never_holds_more_than_its_limit_and_nothing_twice(found: list[Found]) -> None:
    best_first = ranked(found, agent=HERE, now=NOW)
    told = recalled(best_first, task_id="t-1")
    assert token_estimate(told.text) <= MAX_TOKENS
    assert len({*told.used, *told.withheld}) == len(told.used) + len(told.withheld)
    known = {learning.learning_id: learning for learning in best_first}
    assert all(known[name].line() in told.text for name in told.used)
    assert all(is_withheld(known[name], "t-1") for name in told.withheld)
    assert recalled(best_first, task_id=None).withheld == ()


def test_of_equals_the_oldest_are_dropped() -> None:
    lessons = [
        replace(a_learning(f"l-{days}"), learning="x" * 1_200, confirmed_at=NOW - timedelta(seconds=days))
        for days in range(10)
    ]
    best_first = ranked([Found(learning=one, relevance=0.0) for one in lessons], agent=HERE, now=NOW)
    assert recalled(best_first, task_id=None).used == ("l-0", "l-1", "l-2", "l-3")


def test_of_two_that_contradict_each_other_only_the_better_ranked_is_told() -> None:
    one, other = a_learning("one", contradicts=("other",)), a_learning("other", contradicts=("one",))
    assert recalled([one, other], task_id=None).used == ("one",)


@given(st.text(max_size=300))
def test_search_words_are_plain_and_few(text: str) -> None:
    words = search_words(text)
    assert len(words) <= MAX_SEARCH_WORDS
    assert all(word.isalnum() and len(word) >= 3 for word in words)


def test_search_words_leave_out_what_says_nothing() -> None:
    assert search_words("Increase the sign-up conversion of our café by 20%") == (
        *("increase", "sign", "conversion", "cafe"),
    )
