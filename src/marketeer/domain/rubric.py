"""The rubric: what a good output of a skill is judged by, beyond what its contract can check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCORES = (3, 7, 10)  # the scores whose meaning a rubric spells out
WEIGHTS_SUM = 100


class ReviewDepth(StrEnum):
    """Quick: the contract alone. Standard: a model judges by the rubric. Deep: the best one does, and it reads what the
    specialist was taught."""

    QUICK = "quick"
    STANDARD = "standard"
    DEEP = "deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One thing to judge, its share of the whole in percent, and what earns a 3, a 7 and a 10."""

    name: str
    weight: int
    weak: str
    good: str
    excellent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a reviewer gave one dimension, from 0 to 10: the passage of the output it rests on, why, and what would earn
    more."""

    dimension: str
    weight: int
    score: float
    quote: str
    reason: str
    wanted: str
