"""What scores say of a learning's effect: the numbers, and that they say the same however the scores came in."""

from __future__ import annotations

import math
import random
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.evidence import (
    LEAST_DEVIATION,
    Evidence,
    effect,
    t_quantile,
    used_scores,
    with_score,
    withheld_scores,
)

SCORES = st.lists(st.floats(0, 10), min_size=2, max_size=30)
TRIALS = st.lists(st.tuples(st.sampled_from([0.5, 0.1]), st.floats(0, 10), st.booleans()), max_size=60)


def evidence_of(trials: list[tuple[float, float, bool]]) -> Evidence:
    evidence: Evidence = ()
    for share, score, used in trials:
        evidence = with_score(evidence, share, score, used=used)
    return evidence


def two_sides(used: list[float], withheld: list[float], share: float = 0.5) -> Evidence:
    return evidence_of([*((share, score, True) for score in used), *((share, score, False) for score in withheld)])


@given(SCORES, SCORES)
def test_within_one_share_the_effect_is_the_difference_of_the_means(used: list[float], withheld: list[float]) -> None:
    found = effect(two_sides(used, withheld))
    assert found is not None
    assert math.isclose(found.mean, fmean(used) - fmean(withheld), abs_tol=1e-6)
    floor = LEAST_DEVIATION**2
    error = math.sqrt(max(variance(used), floor) / len(used) + max(variance(withheld), floor) / len(withheld))
    assert math.isclose(found.error, error, rel_tol=1e-4)
    assert found.low < found.mean < found.high
    assert abs(found.expected) <= abs(found.mean)


@given(TRIALS, st.randoms())
def test_the_order_of_the_scores_does_not_matter(
    trials: list[tuple[float, float, bool]], chance: random.Random
) -> None:
    shuffled = list(trials)
    chance.shuffle(shuffled)
    one, other = effect(evidence_of(trials)), effect(evidence_of(shuffled))
    assert (one is None) is (other is None)
    if one is not None and other is not None:
        assert math.isclose(one.mean, other.mean, abs_tol=1e-6)


@given(TRIALS)
def test_every_score_is_counted_once(trials: list[tuple[float, float, bool]]) -> None:
    evidence = evidence_of(trials)
    assert used_scores(evidence).count == sum(used for _, _, used in trials)
    assert withheld_scores(evidence).count == sum(not used for _, _, used in trials)


@given(SCORES, SCORES, st.floats(-3, 3))
def test_a_team_that_gets_better_between_the_shares_makes_no_effect(
    used: list[float], withheld: list[float], better: float
) -> None:
    """The same scores again at another level: mixed, they would differ by how the shares were split."""
    before = two_sides(used, withheld)
    later = two_sides([s + better for s in used], [s + better for s in withheld], share=0.1)
    one, both = effect(before), effect((*before, *later))
    assert one is not None
    assert both is not None
    assert math.isclose(one.mean, both.mean, abs_tol=1e-6)
    assert both.error <= one.error + 1e-9


@pytest.mark.parametrize("used", [[], [5.0]])
def test_nothing_is_said_from_less_than_two_scores_a_side(used: list[float]) -> None:
    assert effect(two_sides(used, [1.0, 2.0])) is None


def test_equal_scores_are_no_certainty() -> None:
    found = effect(two_sides([9.5] * 8, [10.0] * 8))
    assert found is not None
    assert found.error == pytest.approx(LEAST_DEVIATION / 2)
    assert found.low < -0.5 < found.high


@pytest.mark.parametrize(("freedom", "known"), [(3, 1.638), (5, 1.476), (14, 1.345), (30, 1.310), (1e9, 1.2816)])
def test_the_quantile_is_that_of_the_tables(freedom: float, known: float) -> None:
    assert t_quantile(freedom) == pytest.approx(known, rel=0.01)


def test_the_upper_bound_holds_nine_times_in_ten() -> None:
    chance = random.Random(8)  # noqa: S311 - noise
    held = 0
    for _ in range(2_000):
        found = effect(two_sides([chance.gauss(7, 1) for _ in range(8)], [chance.gauss(6, 1) for _ in range(8)]))
        held += found is not None and found.high >= 1.0
    assert 0.88 <= held / 2_000 <= 0.92
