"""Reviews: findings with a severity, and the verdict they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from marketeer.domain.rubric import ReviewDepth, Score
from marketeer.domain.sourced import Sourced


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Verdict(StrEnum):
    APPROVE = "APPROVE"
    REVISE = "REVISE"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One failed check. `section` is the H2 it was found in ("" for the whole document)."""

    section: str
    severity: Severity
    found: str
    wanted: str

    def line(self) -> str:
        """One readable line: `section: found; wanted`."""
        where = f"{self.section}: " if self.section else ""
        return f"{where}{self.found}; wanted: {self.wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The judgement of one output version. `waived` are checks that an Unknown in the context made impossible.

    `sourced` are the first of `sourced_count` figures, quotations, names and links, with where they come from.

    `findings` are the contract's. The rest is there when a model was asked: `scores` by the rubric and `total`, their
    weighted sum, `requests` for the next revision, `unsourced` claims; `model` and `cost_usd` of its calls. `depth` is
    what the verdict rests on in the end, and `note` says why that is less than was wanted.
    """

    task_id: str
    goal_id: str
    number: int
    output_version: int
    verdict: Verdict
    findings: tuple[Finding, ...]
    waived: tuple[str, ...]
    path: str
    created_at: datetime
    sourced: tuple[Sourced, ...] = ()
    sourced_count: int = 0
    depth: ReviewDepth = ReviewDepth.QUICK
    total: float | None = None
    scores: tuple[Score, ...] = ()
    requests: tuple[Finding, ...] = ()
    unsourced: tuple[str, ...] = ()
    note: str | None = None
    model: str | None = None
    cost_usd: Decimal = Decimal(0)

    @property
    def unusable(self) -> bool:
        """A model was asked, and nothing could be made of what it said."""
        return self.model is not None and self.total is None


def is_serious(finding: Finding) -> bool:
    return finding.severity is not Severity.MINOR


def verdict_of(findings: tuple[Finding, ...]) -> Verdict:
    """The contract's verdict: any critical or major finding sends the output back."""
    return Verdict.REVISE if any(map(is_serious, findings)) else Verdict.APPROVE
