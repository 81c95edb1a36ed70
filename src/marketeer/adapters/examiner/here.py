"""Examining in this process, on the spot."""

from __future__ import annotations

from marketeer.domain.contradiction import Comparison, Contradiction
from marketeer.domain.examination import Exam, Examined, compare, examine


class ExaminerHere:
    """See ports.Examiner."""

    async def examine(self, exam: Exam) -> Examined:
        return examine(exam)

    async def compare(self, comparison: Comparison) -> tuple[Contradiction, ...]:
        return compare(comparison)

    async def aclose(self) -> None:
        return None
