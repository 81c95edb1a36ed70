"""How an exam is sent to the helper: what many exams share goes once and is named by its number from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketeer.domain.contract import Contract
from marketeer.domain.contradiction import Comparison
from marketeer.domain.examination import Exam, Standard
from marketeer.helper.wire import frame

# A standard is a contract and a product context, some 50 KB; a team has a few dozen.
MOST_STANDARDS = 128

# What is asked.
Asked = Exam | Comparison


@dataclass(slots=True)
class Sender:
    """Makes the frames of questions. A contract is told from others by its identity: it is kept, so that stays so."""

    _numbers: dict[tuple[int, frozenset[str], str], int] = field(default_factory=dict)
    _kept: list[Contract] = field(default_factory=list)

    def question(self, number: int, asked: Asked) -> bytes:
        return frame((number, asked)) if isinstance(asked, Comparison) else self._exam(number, asked)

    def _exam(self, number: int, exam: Exam) -> bytes:
        standard = exam.standard
        key = (id(standard.contract), standard.registry, standard.context)
        known = self._numbers.get(key)
        if known is not None:
            return frame((number, known, None, exam.text, dict(exam.sources), exam.is_context))
        if len(self._numbers) >= MOST_STANDARDS:
            self._numbers.clear()
            self._kept.clear()
        # Number 0 begins anew, for the receiver too.
        self._numbers[key] = len(self._numbers)
        self._kept.append(standard.contract)
        return frame((number, self._numbers[key], standard, exam.text, dict(exam.sources), exam.is_context))


@dataclass(slots=True)
class Receiver:
    """Reads them."""

    _standards: list[Standard] = field(default_factory=list)

    def asked(self, *sent: Any) -> Asked:
        """What came behind the question's number."""
        return sent[0] if len(sent) == 1 else self._exam(*sent)

    def _exam(
        self, at: int, standard: Standard | None, text: str, sources: Mapping[str, str], is_context: bool
    ) -> Exam:
        if standard is not None:
            del self._standards[at:]
            self._standards.append(standard)
        return Exam(standard=self._standards[at], text=text, sources=sources, is_context=is_context)
