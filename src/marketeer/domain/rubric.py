"""The rubric: what a good output of a skill is judged by, beyond what its contract can check."""

from __future__ import annotations

from dataclasses import dataclass

SCORES = (3, 7, 10)  # the scores whose meaning a rubric spells out
WEIGHTS_SUM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One thing to judge, its share of the whole in percent, and what earns a 3, a 7 and a 10."""

    name: str
    weight: int
    weak: str
    good: str
    excellent: str


def weighted_score(rubric: tuple[Dimension, ...], scores: dict[str, float]) -> float | None:
    """The mean of the scores by weight; None unless every dimension has one."""
    if not rubric or any(dimension.name not in scores for dimension in rubric):
        return None
    return sum(dimension.weight * scores[dimension.name] for dimension in rubric) / WEIGHTS_SUM
