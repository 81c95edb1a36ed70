"""The score of a task: the better its outputs the higher, from 0 to 10."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.review import Finding, Severity
from marketeer.domain.task_score import task_score, version_score
from tests.support.builders import CRITICAL, MAJOR, MINOR, a_finding

FINDINGS = st.lists(st.sampled_from(list(Severity)).map(a_finding), max_size=8)


@pytest.mark.parametrize(
    ("findings", "score"),
    [([], 10.0), ([MINOR], 9.5), ([MAJOR], 8.0), ([CRITICAL], 6.0), ([CRITICAL] * 3, 0.0), ([MAJOR, MINOR], 7.5)],
)
def test_a_version_scores_ten_less_what_its_findings_cost(findings: list[Finding], score: float) -> None:
    assert version_score(findings) == score


@given(st.lists(FINDINGS, min_size=1, max_size=6))
def test_a_task_scores_the_mean_of_its_versions(versions: list[list[Finding]]) -> None:
    score: float | None = None
    for number, findings in enumerate(versions):
        score = task_score(score, number, findings)
    assert score is not None
    assert 0.0 <= score <= 10.0
    assert score == pytest.approx(sum(map(version_score, versions)) / len(versions))


@given(FINDINGS, st.sampled_from(list(Severity)))
def test_one_more_finding_never_raises_a_score(findings: list[Finding], severity: Severity) -> None:
    assert version_score([*findings, a_finding(severity)]) <= version_score(findings)
