"""What goes over the wire between a process and its helper: frames of a length and a pickle.

Both ends are this very code, and nobody else can reach the pair of sockets between them, so a pickle is safe here and
the shortest way. What many exams share is sent once and named by its number from then on.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass, field

from marketeer.domain.contract import Contract
from marketeer.domain.examination import Exam, Examined, Standard
from marketeer.domain.review import Finding, Severity

LENGTH = struct.Struct("!I")
# Sent by the helper alone, once it is able to work.
READY = LENGTH.pack(0)
# A standard is a contract and a product context, some 50 KB; a team has a few dozen.
MOST_STANDARDS = 128

_Row = tuple[str, str, str, str]


def frame(content: object) -> bytes:
    packed = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(packed)) + packed


def answer_of(number: int, examined: Examined | None) -> bytes:
    """None: it cannot be examined there."""
    if examined is None:
        return frame((number, None, (), ()))
    rows = [(one.section, one.severity.value, one.found, one.wanted) for one in examined.findings]
    return frame((number, rows, examined.waived, tuple(examined.asked_for)))


def read_answer(packed: bytes) -> tuple[int, Examined | None]:
    number, rows, waived, asked_for = pickle.loads(packed)  # noqa: S301 - see above
    if rows is None:
        return number, None
    return number, Examined(findings=tuple(map(_finding, rows)), waived=waived, asked_for=frozenset(asked_for))


def _finding(row: _Row) -> Finding:
    section, severity, found, wanted = row
    return Finding(section=section, severity=Severity(severity), found=found, wanted=wanted)


@dataclass(slots=True)
class Sender:
    """Makes the frames of exams. A contract is told from others by its identity: it is kept, so that stays its own."""

    _numbers: dict[tuple[int, frozenset[str], str], int] = field(default_factory=dict)
    _kept: list[Contract] = field(default_factory=list)

    def question(self, number: int, exam: Exam) -> bytes:
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

    def read(self, packed: bytes) -> tuple[int, Exam]:
        number, at, standard, text, sources, is_context = pickle.loads(packed)  # noqa: S301 - see above
        if standard is not None:
            del self._standards[at:]
            self._standards.append(standard)
        exam = Exam(standard=self._standards[at], text=text, sources=sources, is_context=is_context)
        return number, exam
