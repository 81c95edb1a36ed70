"""Examining beside this process: a helper is begun when examining takes a good part of the time, and not before.

While it starts, and after it has died, exams are done here. It ends when our end of the line is closed, so also when
this process is killed.
"""

from __future__ import annotations

import asyncio
import math
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from marketeer.adapters.examiner.wire import LENGTH, Asked, Sender, read_answer
from marketeer.domain.contradiction import Comparison, Contradiction
from marketeer.domain.examination import Exam, Examined, compare, examine

# A helper costs a tenth of a second and 25 MB: not worth it for one goal's few outputs, and soon paid for under load.
# What examining has taken is halved every HALF_LIFE_S; above this it has been a tenth of the time or so, for a while.
WORTH_HELP_S = 0.25
HALF_LIFE_S = 2.0
# Far beyond any text's exam. Whoever takes longer has been stopped, and would hold up whoever waits for it.
LIMIT_S = 20.0
END_LIMIT_S = 2.0
A = TypeVar("A", Exam, Comparison)
T = TypeVar("T")

_ROOT = str(Path(__file__).parents[3])
_COMMAND = "import sys; sys.path.insert(0, sys.argv[1]); from marketeer.adapters.examiner.helper import main; main()"


class ExaminerBeside:
    """See ports.Examiner. `on_lost` is told why, when the helper is gone before it was let go: once."""

    def __init__(
        self, on_lost: Callable[[str], None], *, worth_help_s: float = WORTH_HELP_S, limit_s: float = LIMIT_S
    ) -> None:
        self._on_lost = on_lost
        self._worth_help_s = worth_help_s
        self._limit_s = limit_s
        self._taken_s = 0.0
        self._looked_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._line: _Line | None = None

    @property
    def pid(self) -> int | None:
        """The helper's, once one was begun."""
        return self._process.pid if self._process is not None else None

    @property
    def has_help(self) -> bool:
        """Whether the next exam goes to the helper."""
        return self._line is not None and self._line.is_ready

    async def examine(self, exam: Exam) -> Examined:
        return await self._answer(exam, examine)

    async def compare(self, comparison: Comparison) -> tuple[Contradiction, ...]:
        return await self._answer(comparison, compare)

    async def aclose(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            await asyncio.to_thread(_see_off, self._process)

    async def _answer(self, asked: A, here: Callable[[A], T]) -> T:
        if self._line is not None and self._line.is_ready:
            answer: T | None = await self._ask(self._line, asked)
            if answer is not None:
                return answer
        began = time.thread_time()
        answer = here(asked)
        if self._process is None and self._is_worth_help(time.thread_time() - began):
            await self._begin()
        return answer

    def _is_worth_help(self, took_s: float) -> bool:
        now = time.monotonic()
        self._taken_s = self._taken_s * 0.5 ** ((now - self._looked_at) / HALF_LIFE_S) + took_s
        self._looked_at = now
        return self._taken_s >= self._worth_help_s

    async def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                self._process = _start(theirs)
        except OSError as exc:
            ours.close()
            self._worth_help_s = math.inf
            self._on_lost(f"it could not be started: {exc}")
            return
        line = _Line(self._lost)
        await asyncio.get_running_loop().create_connection(lambda: line, sock=ours)
        self._line = line

    async def _ask(self, line: _Line, asked: Asked) -> Any:
        """None when it has to be done here."""
        try:
            async with asyncio.timeout(self._limit_s):
                return await line.ask(asked)
        except TimeoutError:
            line.close()
            self._lost(f"it has not answered for {self._limit_s:g} s")
            return None

    def _lost(self, why: str) -> None:
        if self._process is not None:
            self._process.kill()
        self._on_lost(why)


class _Line(asyncio.Protocol):
    """Our end: questions go out, answers come in, in whatever order the helper has them."""

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._sender = Sender()
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self.is_ready = False

    async def ask(self, asked: Asked) -> Any:
        """None when the helper cannot say."""
        if self._transport is None:
            return None
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._transport.write(self._sender.question(number, asked))
            return await answer
        finally:
            del self._waiting[number]

    def close(self) -> None:
        """Whoever still waits is told that the helper cannot say."""
        self.is_ready = False
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)

    # -- what the loop calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a socket's always is
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        at, received = 0, bytes(self._received)
        while len(received) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(received, at)
            end = at + LENGTH.size + length
            if len(received) < end:
                break
            self._take(received[at + LENGTH.size : end])
            at = end
        del self._received[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self.close()
            self._on_lost(str(exc) if exc is not None else "it has ended")

    def _take(self, packed: bytes) -> None:
        if not packed:
            self.is_ready = True
            return
        number, answer = read_answer(packed)
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


def _start(line: socket.socket) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C is for us."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-P", "-c", _COMMAND, _ROOT],
        stdin=line.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _see_off(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
