"""Examining in this process, on the spot."""

from __future__ import annotations

from marketeer.domain.examination import Exam, Examined, examine


class ExaminerHere:
    """See ports.Examiner."""

    async def examine(self, exam: Exam) -> Examined:
        return examine(exam)

    async def aclose(self) -> None:
        return None
