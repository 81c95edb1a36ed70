"""Evidence: how tasks scored with a learning in the prompt and without it, and what that says of its effect.

The two sides are compared within each share that was withheld (half of the tasks on probation, a tenth afterwards) and
the differences then weighted by their precision: as the team gets better, tasks of the two times must not be mixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

CONFIDENCE = 0.9
# The least by which a score moves (a minor finding): a handful of equal scores is no proof of certainty.
LEAST_DEVIATION = 0.5
# How far learnings move scores, before anything is known of one.
USUAL_EFFECT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Some scores, as much of them as mean and deviation need."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, score: float) -> Scores:
        return Scores(count=self.count + 1, total=self.total + score, squares=self.squares + score * score)

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    @property
    def variance(self) -> float:
        """Of one score; needs two of them."""
        around_mean = self.squares - self.total * self.total / self.count
        return max(around_mean / (self.count - 1), LEAST_DEVIATION**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """The scores of tasks from which the learning was withheld with the chance `share`."""

    share: float
    used: Scores = field(default_factory=Scores)
    withheld: Scores = field(default_factory=Scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """By how much tasks score better with the learning. Each bound alone holds with 90% confidence."""

    mean: float
    low: float
    high: float
    error: float
    freedom: float

    def below(self, confidence: float) -> float:
        """The bound that the effect lies below with this confidence; `high` is that for 90%."""
        return self.mean + t_quantile(self.freedom, confidence) * self.error

    @property
    def expected(self) -> float:
        """Drawn towards none, the more so the less is known."""
        return self.mean / (1.0 + (self.error / USUAL_EFFECT) ** 2)


Evidence = tuple[Stratum, ...]


def with_score(evidence: Evidence, share: float, score: float, *, used: bool) -> Evidence:
    """The evidence, one task later."""
    old = next((one for one in evidence if one.share == share), Stratum(share=share))
    new = replace(old, used=old.used.plus(score)) if used else replace(old, withheld=old.withheld.plus(score))
    return tuple(sorted((*(one for one in evidence if one is not old), new), key=lambda one: one.share, reverse=True))


def used_scores(evidence: Evidence) -> Scores:
    return _sum([one.used for one in evidence])


def withheld_scores(evidence: Evidence) -> Scores:
    return _sum([one.withheld for one in evidence])


def effect(evidence: Evidence) -> Effect | None:
    """None while there are not two tasks on either side: nothing can be said then."""
    weight = total = freedom = 0.0
    for one in evidence:
        if one.used.count < 2 or one.withheld.count < 2:
            continue
        used, withheld = one.used.variance / one.used.count, one.withheld.variance / one.withheld.count
        variance = used + withheld
        weight += 1.0 / variance
        total += ((one.used.mean or 0.0) - (one.withheld.mean or 0.0)) / variance
        freedom += variance**2 / (used**2 / (one.used.count - 1) + withheld**2 / (one.withheld.count - 1))
    if not weight:
        return None
    mean, error = total / weight, math.sqrt(1.0 / weight)
    reach = t_quantile(freedom) * error
    return Effect(mean=mean, low=mean - reach, high=mean + reach, error=error, freedom=freedom)


def t_quantile(freedom: float, confidence: float = CONFIDENCE) -> float:
    """Student's t, by the usual series around the normal quantile: at 90% within 1% from 3 degrees of freedom on."""
    z = NormalDist().inv_cdf(confidence)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _sum(parts: Sequence[Scores]) -> Scores:
    return Scores(
        count=sum(part.count for part in parts),
        total=sum(part.total for part in parts),
        squares=sum(part.squares for part in parts),
    )
