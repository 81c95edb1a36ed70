"""The page of learnings: what is written is read back as it was, and an edit means what a person would expect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.goal import Category
from marketeer.domain.learning import Learning, LearningOutcome, LearningStatus
from marketeer.domain.learnings_edit import Taken, changes_of
from marketeer.domain.learnings_page import Page, entry_of, read_page, render
from tests.support.builders import NOW, a_learning

AGENTS = frozenset({"skill-1", "skill-2", "director", "team"})
WORDS = st.text(min_size=1, max_size=80).filter(lambda text: bool(text.split()))
LEARNINGS = st.builds(
    a_learning,
    st.integers(0, 9_999).map(lambda number: f"l-{number}"),
    agent=st.sampled_from(sorted(AGENTS)),
    category=st.sampled_from([None, *(category.value for category in Category)]),
    outcome=st.sampled_from(list(LearningOutcome)),
    learning=WORDS,
    action=WORDS,
    tags=st.lists(WORDS, max_size=3).map(tuple),
    confidence=st.floats(0, 1),
    status=st.sampled_from([LearningStatus.PROBATION, LearningStatus.PROMOTED]),
)
MANY = st.lists(LEARNINGS, max_size=6, unique_by=lambda one: one.learning_id)


def page_of(*learnings: Learning, before: Page | None = None) -> str:
    return render(learnings, as_of=NOW, rehearsal=False, before=before)


def edited(text: str, *learnings: Learning) -> Taken:
    """`text` is what a person made of the page of these learnings."""
    known = {learning.learning_id: learning for learning in learnings}
    base = read_page(page_of(*learnings), AGENTS)
    return changes_of(read_page(text, AGENTS), base, known, rehearsal=False, now=NOW)


@given(MANY, st.booleans())
def test_what_is_written_is_read_back(learnings: list[Learning], rehearsal: bool) -> None:
    page = read_page(render(learnings, as_of=NOW, rehearsal=rehearsal), AGENTS)
    assert page.malformed == ()
    assert page.notes == ""
    assert page.as_of == NOW
    assert [replace(entry, line=0) for entry in page.entries] == [entry_of(one) for one in learnings]


@given(MANY)
def test_a_page_nobody_touched_changes_nothing(learnings: list[Learning]) -> None:
    taken = edited(page_of(*learnings), *learnings)
    assert (taken.new, taken.changed) == ((), ())


@given(st.text(max_size=400))
def test_whatever_a_person_writes_is_read_or_kept_word_for_word(text: str) -> None:
    page = read_page(text, AGENTS)
    again = read_page(page_of(before=page), AGENTS)
    assert [one.text for one in again.malformed] == [one.text for one in page.malformed]
    assert again.notes == page.notes


def test_a_changed_text_is_a_lesson_that_has_yet_to_prove_itself() -> None:
    learning = replace(a_learning(), status=LearningStatus.PROMOTED)
    (changed,) = edited(page_of(learning).replace("under forty", "under thirty"), learning).changed
    assert changed.action == "Keep subject lines under thirty characters"
    assert changed.status is LearningStatus.PROBATION
    assert "a person" in changed.provenance


def test_a_changed_tag_or_confidence_leaves_the_proof_alone() -> None:
    learning = replace(a_learning(), status=LearningStatus.PROMOTED)
    text = page_of(learning).replace("**Tags:** mail", "**Tags:** mail, b2b").replace("0.50", "0.8")
    (changed,) = edited(text, learning).changed
    assert (changed.tags, changed.confidence, changed.status) == (("mail", "b2b"), 0.8, LearningStatus.PROMOTED)


def test_an_entry_that_is_gone_is_retired_by_hand_and_no_other() -> None:
    one, other = a_learning("l-1"), a_learning("l-2")
    (gone,) = edited(page_of(other), one, other).changed
    assert (gone.learning_id, gone.status) == ("l-1", LearningStatus.RETIRED)
    assert "person" in (gone.retired_because or "")


def test_a_new_entry_needs_no_more_than_a_lesson_and_an_action() -> None:
    text = page_of(a_learning()) + "\n## Prices\n\n- **Learning:** People ask about VAT\n* **Action:** State it\n"
    (new,) = edited(text, a_learning()).new
    assert (new.agent, new.learning, new.action, new.confidence) == ("team", "People ask about VAT", "State it", 0.5)
    assert new.goal_id is None


def test_without_the_line_that_says_when_nothing_counts_as_removed() -> None:
    one, other = a_learning("l-1"), a_learning("l-2")
    page = read_page(page_of(other).replace("As of", "Once upon"), AGENTS)
    taken = changes_of(page, None, {"l-1": one, "l-2": other}, rehearsal=False, now=NOW)
    assert (taken.new, taken.changed) == ((), ())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("- **Confidence:** high", "'high' is no number"),
        ("- **Confidence:** 1.5", "'1.5' is no number from 0 to 1"),
        ("- **For:** skill-9", "'skill-9' is no skill"),
        ("- **Category:** sales", "'sales' is unknown"),
        ("- **Outcome:** fine", "'fine' is unknown"),
        ("- **Mood:** good", "'Mood' is unknown"),
        ("- **Action:** Do it", "twice"),
        ("some words", "'some words' is no field"),
    ],
)
def test_a_malformed_entry_is_reported_with_its_line_and_its_learning_stays(line: str, why: str) -> None:
    text = page_of(a_learning()).replace("- **Status:**", f"{line}\n- **Status:**")
    if line.startswith(("- **Conf", "- **For", "- **Cat", "- **Out")):
        name = line.partition(":**")[0]
        text = "\n".join(one for one in text.splitlines() if one == line or not one.startswith(name))
    page = read_page(text, AGENTS)
    (malformed,) = page.malformed
    assert why in malformed.why
    assert text.splitlines()[malformed.line - 1] == line
    taken = edited(text, a_learning())
    assert (taken.new, taken.changed) == ((), ())
    kept = page_of(a_learning(), before=page)
    assert line in kept
    assert kept.count("## l-1") == 1


def test_a_mended_entry_is_taken_in() -> None:
    learning = a_learning()
    bad = page_of(learning).replace("0.50", "high")
    kept = page_of(learning, before=read_page(bad, AGENTS))
    mended = read_page(kept.replace("high", "0.9"), AGENTS)
    taken = changes_of(mended, read_page(kept, AGENTS), {"l-1": learning}, rehearsal=False, now=NOW)
    assert [one.confidence for one in taken.changed] == [0.9]


def test_notes_above_the_entries_stay() -> None:
    page = read_page(page_of(a_learning()).replace("As of", "Ask Mira about these.\n\nAs of"), AGENTS)
    assert "Ask Mira about these." in page_of(a_learning(), before=page)


def test_what_a_person_brings_back_proves_itself_anew() -> None:
    gone = replace(a_learning(), status=LearningStatus.RETIRED, retired_because="useless")
    page, base = read_page(page_of(a_learning()), AGENTS), read_page(page_of(), AGENTS)
    (back,) = changes_of(page, base, {"l-1": gone}, rehearsal=False, now=datetime(2027, 1, 1, tzinfo=UTC)).changed
    assert (back.status, back.retired_because) == (LearningStatus.PROBATION, None)
