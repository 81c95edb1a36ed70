"""Reviews: findings with a severity, and the verdict they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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


def verdict_of(findings: tuple[Finding, ...]) -> Verdict:
    """The contract's verdict: any critical or major finding sends the output back."""
    if any(f.severity in (Severity.CRITICAL, Severity.MAJOR) for f in findings):
        return Verdict.REVISE
    return Verdict.APPROVE
