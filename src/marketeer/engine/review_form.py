"""The form that a reviewing model fills in. A verdict, or anything else it adds, is not read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from marketeer.domain.judgement import Mark, Said
from marketeer.domain.review import Finding, Severity

# Of each list: more is no review.
MOST = 60


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)  # many goals never see one


class ScoreForm(_Part):
    # Whether it lies between 0 and 10 is checked with the rest, so that what is wrong is said in our words.
    dimension: str
    score: float = Field(strict=True, allow_inf_nan=False)
    quote: str
    reason: str


class RequestForm(_Part):
    section: str
    found: str
    wanted: str = Field(min_length=1)
    severity: Literal["critical", "major", "minor"]


class ReviewForm(_Part):
    scores: list[ScoreForm] = Field(max_length=MOST)
    requests: list[RequestForm] = Field(default_factory=list, max_length=MOST)
    claims: list[str] = Field(default_factory=list, max_length=MOST)

    def said(self) -> Said:
        return Said(
            marks=tuple(
                Mark(dimension=s.dimension, score=s.score, quote=s.quote, reason=s.reason) for s in self.scores
            ),
            requests=tuple(
                Finding(section=r.section, severity=Severity(r.severity), found=r.found, wanted=r.wanted)
                for r in self.requests
            ),
            claims=tuple(self.claims),
        )
