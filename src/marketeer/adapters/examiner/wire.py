"""What goes over the wire between a process and its helper: frames of a length and a pickle.

Both ends are this very code, and nobody else can reach the pair of sockets between them, so a pickle is safe here and
the shortest way. What many exams share is sent once and named by its number from then on.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketeer.domain.contract import Contract
from marketeer.domain.contradiction import Comparison
from marketeer.domain.examination import Exam, Standard

LENGTH = struct.Struct("!I")
# Sent by the helper alone, once it is able to work.
READY = LENGTH.pack(0)
# A standard is a contract and a product context, some 50 KB; a team has a few dozen.
MOST_STANDARDS = 128

# What is asked.
Asked = Exam | Comparison


def frame(content: object) -> bytes:
    packed = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(packed)) + packed


def read_answer(packed: bytes) -> tuple[int, Any]:
    """The question's number and its answer; None: it cannot be told there."""
    number, answer = pickle.loads(packed)  # noqa: S301 - see above
    return number, answer


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

    def read(self, packed: bytes) -> tuple[int, Asked]:
        number, *sent = pickle.loads(packed)  # noqa: S301 - see above
        return number, sent[0] if len(sent) == 1 else self._exam(*sent)

    def _exam(
        self, at: int, standard: Standard | None, text: str, sources: Mapping[str, str], is_context: bool
    ) -> Exam:
        if standard is not None:
            del self._standards[at:]
            self._standards.append(standard)
        return Exam(standard=self._standards[at], text=text, sources=sources, is_context=is_context)
