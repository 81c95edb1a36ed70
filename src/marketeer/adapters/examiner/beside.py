"""Examining beside this process: a helper is begun when examining takes a good part of the time, and not before.

While it starts, and after it is lost, exams are done here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from marketeer.adapters.examiner.wire import Sender
from marketeer.domain.contradiction import Comparison, Contradiction
from marketeer.domain.examination import Exam, Examined, compare, examine
from marketeer.helper.process import HelperProcess, Load

# A helper costs a tenth of a second and 25 MB: not worth it for one goal's few outputs, and soon paid for under load.
# Seconds of examining, as Load counts them: above this it has been a tenth of the time or so, for a while.
WORTH_HELP_S = 0.25
# Far beyond any text's exam. Whoever takes longer has been stopped, and would hold up whoever waits for it.
LIMIT_S = 20.0
A = TypeVar("A", Exam, Comparison)
T = TypeVar("T")


class ExaminerBeside:
    """See ports.Examiner. `on_lost` is told why, when the helper is gone before it was let go: once."""

    def __init__(
        self, on_lost: Callable[[str], None], *, worth_help_s: float = WORTH_HELP_S, limit_s: float = LIMIT_S
    ) -> None:
        self._helper = HelperProcess("marketeer.adapters.examiner.helper", on_lost, limit_s=limit_s)
        self._load = Load(worth_help_s)
        self._sender = Sender()

    @property
    def pid(self) -> int | None:
        """The helper's, once one was begun."""
        return self._helper.pid

    @property
    def has_help(self) -> bool:
        """Whether the next exam goes to the helper."""
        return self._helper.is_ready

    async def examine(self, exam: Exam) -> Examined:
        return await self._answer(exam, examine)

    async def compare(self, comparison: Comparison) -> tuple[Contradiction, ...]:
        return await self._answer(comparison, compare)

    async def aclose(self) -> None:
        await self._helper.aclose()

    async def _answer(self, asked: A, here: Callable[[A], T]) -> T:
        if self._helper.is_ready:
            answer: T | None = await self._helper.ask(lambda number: self._sender.question(number, asked))
            if answer is not None:
                return answer
        began = time.thread_time()
        answer = here(asked)
        if not self._helper.was_begun and self._load.add(time.thread_time() - began):
            await self._helper.begin()
        return answer
