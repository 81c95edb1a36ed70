"""The score of a task: one number from 0 to 10 for how good its outputs were, to compare tasks by.

Each reviewed version scores what a model gave it by the rubric, or, where none judged, 10 less what its findings cost;
the task's score is the mean over its versions, so that an output which passes only after two revisions scores less than
one that passed at once. A task whose outputs were never
reviewed has no score: what stopped it (an outage, an empty input) says nothing about its quality.
"""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.domain.review import Finding, Severity

BEST = 10.0
COSTS = {Severity.CRITICAL: 4.0, Severity.MAJOR: 2.0, Severity.MINOR: 0.5}


def version_score(findings: Sequence[Finding], total: float | None = None) -> float:
    """Of one output version: the rubric's total, or by the contract's findings where there is none."""
    if total is not None:
        return total
    return max(0.0, BEST - sum(COSTS[finding.severity] for finding in findings))


def task_score(before: float | None, reviewed: int, findings: Sequence[Finding], total: float | None = None) -> float:
    """The mean with one more version; `before` is the mean of the `reviewed` ones until now."""
    score = version_score(findings, total)
    return score if before is None else (before * reviewed + score) / (reviewed + 1)
