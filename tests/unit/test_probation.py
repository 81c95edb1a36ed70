"""Probation: the coin is fair and fixed, harm and idleness are found, and gain is kept."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.evidence import Evidence, effect, used_scores, with_score
from marketeer.domain.learning import Learning, LearningStatus
from marketeer.domain.probation import ENOUGH_USES, LOOK_EVERY, Trial, is_withheld, tried
from tests.support.builders import a_learning

FINAL = LearningStatus.RETIRED


def after(gain: float, tasks: int, *, noise: float = 0.3, seed: int = 1) -> Learning:
    """A learning whose every second task used it, with that gain in points."""
    chance, learning = random.Random(seed), a_learning()  # noqa: S311 - noise
    for number in range(tasks):
        used = number % 2 == 0
        score = 5.0 + gain * used + chance.gauss(0, noise)
        ids = ("l-1",)
        trial = Trial(task_id=f"t-{number}", used=ids if used else (), withheld=() if used else ids, score=score)
        (learning,) = tried(trial, [learning]) or (learning,)
    return learning


def test_half_of_the_tasks_do_without_one_on_probation_and_a_tenth_without_a_promoted_one() -> None:
    new = a_learning()
    promoted = replace(new, status=LearningStatus.PROMOTED)
    tasks = [f"goal{n}-01-skill-1" for n in range(4_000)]
    assert 0.47 < sum(is_withheld(new, task) for task in tasks) / len(tasks) < 0.53
    assert 0.08 < sum(is_withheld(promoted, task) for task in tasks) / len(tasks) < 0.12
    assert all(is_withheld(replace(new, status=FINAL), task) for task in tasks)


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_coin_of_a_learning_and_a_task_always_falls_the_same_way(learning_id: str, task_id: str) -> None:
    one = a_learning(learning_id)
    assert is_withheld(one, task_id) is is_withheld(replace(one, confidence=0.9), task_id)


def test_the_coins_of_two_learnings_have_nothing_to_do_with_each_other() -> None:
    one, other = a_learning("l-1"), a_learning("l-2")
    both = sum(is_withheld(one, f"t{n}") and is_withheld(other, f"t{n}") for n in range(4_000))
    assert 0.22 < both / 4_000 < 0.28


def test_what_harms_is_retired_as_soon_as_it_has_been_used_eight_times() -> None:
    assert after(-2.0, 14).status is LearningStatus.PROBATION
    learning = after(-2.0, 40)
    assert learning.status is FINAL
    assert (learning.retired_because or "").startswith("harmful")
    assert used_scores(learning.evidence).count == 8


def test_what_gains_nothing_is_retired_after_forty_uses_and_not_before() -> None:
    assert after(0.0, 2 * ENOUGH_USES - 2).status is not FINAL
    learning = after(0.0, 2 * ENOUGH_USES)
    assert learning.status is FINAL
    assert (learning.retired_because or "").startswith("useless")


def test_what_helps_is_promoted_and_stays() -> None:
    learning = after(1.0, 400)
    assert learning.status is LearningStatus.PROMOTED


def test_what_is_retired_learns_nothing_more() -> None:
    learning = replace(a_learning(), status=FINAL)
    assert tried(Trial(task_id="t", used=("l-1",), withheld=(), score=9.0), [learning]) == []


def test_a_promotion_that_does_not_hold_is_taken_back() -> None:
    lucky = replace(after(0.0, 2, noise=0.0), status=LearningStatus.PROMOTED)
    for number in range(2 * LOOK_EVERY):
        used = number % 2 == 0
        ids = ("l-1",)
        trial = Trial(task_id=f"u-{number}", used=ids if used else (), withheld=() if used else ids, score=5.0)
        (lucky,) = tried(trial, [lucky])
    assert lucky.status is LearningStatus.PROBATION


def test_a_learning_is_not_credited_with_what_another_one_in_the_prompt_does() -> None:
    strong: Evidence = ()
    for _ in range(50):
        strong = with_score(with_score(strong, 0.5, 8.0, used=True), 0.5, 5.0, used=False)
    helper = replace(a_learning("helper"), evidence=strong)
    (_, idle) = tried(Trial(task_id="t", used=("helper", "l-1"), withheld=(), score=8.0), [helper, a_learning()])
    assert used_scores(idle.evidence).mean == pytest.approx(5.0, abs=0.1)
    (helper, _) = tried(Trial(task_id="t", used=("helper", "l-1"), withheld=(), score=8.0), [helper, a_learning()])
    found = effect(helper.evidence)
    assert found is not None
    assert found.mean == pytest.approx(3.0, abs=0.1)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=120))
def test_status_follows_from_the_evidence_alone(scores: list[tuple[bool, float]]) -> None:
    learning = a_learning()
    for number, (used, score) in enumerate(scores):
        trial = Trial(
            task_id=f"t{number}", used=("l-1",) if used else (), withheld=() if used else ("l-1",), score=score
        )
        (learning,) = tried(trial, [learning]) or (learning,)
        uses, found = used_scores(learning.evidence).count, effect(learning.evidence)
        if learning.status is FINAL:
            assert uses >= LOOK_EVERY
            assert found is not None
            assert found.high < 0 or (uses >= ENOUGH_USES and found.high < 0.5)
            assert uses % LOOK_EVERY == 0
            assert learning.retired_because
