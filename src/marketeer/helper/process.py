"""A helper as a working process has it: begun once, asked over a pair of sockets, gone when we are.

It ends when our end of the line is closed, so also when this process is killed. One that has died, hangs or could not
be started is said once, and never comes back: whoever asks does the work itself from then on.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from marketeer.helper.wire import LENGTH, unpacked

END_LIMIT_S = 2.0

_ROOT = str(Path(__file__).parents[2])
_COMMAND = "import sys; sys.path.insert(0, sys.argv[1]); from {module} import main; main()"


class HelperProcess:
    """Runs `main()` of `module` in a process. `on_lost` is told why, when it is gone before it was let go: once."""

    def __init__(self, module: str, on_lost: Callable[[str], None], *, limit_s: float) -> None:
        self._module = module
        self._on_lost = on_lost
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._line: _Line | None = None
        self.was_begun = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked."""
        return self._line is not None and self._line.is_ready

    async def begin(self) -> None:
        """It is ready some time after this."""
        self.was_begun = True
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                self._process = _start(self._module, theirs)
        except OSError as exc:
            ours.close()
            self._on_lost(f"it could not be started: {exc}")
            return
        line = _Line(self._lost)
        await asyncio.get_running_loop().create_connection(lambda: line, sock=ours)
        self._line = line

    async def ask(self, question: Callable[[int], bytes]) -> Any:
        """The answer to a frame made for its number; None when it has to be worked out here."""
        if self._line is None or not self._line.is_ready:
            return None
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._line.ask(question)
        except TimeoutError:
            self._line.close()
            self._lost(f"it has not answered for {self._limit_s:g} s")
            return None

    async def aclose(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            await asyncio.to_thread(_see_off, self._process)

    def _lost(self, why: str) -> None:
        if self._process is not None:
            self._process.kill()
        self._on_lost(why)


class Load:
    """Whether there is so much to do that a helper pays: what was done is halved every `half_life_s`."""

    def __init__(self, worth_help: float, *, half_life_s: float = 2.0) -> None:
        self._worth_help = worth_help
        self._half_life_s = half_life_s
        self._done = 0.0
        self._looked_at = 0.0

    def add(self, done: float) -> bool:
        now = time.monotonic()
        self._done = self._done * 0.5 ** ((now - self._looked_at) / self._half_life_s) + done
        self._looked_at = now
        return self._done >= self._worth_help


class _Line(asyncio.Protocol):
    """Our end: questions go out, answers come in, in whatever order the helper has them."""

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self.is_ready = False

    async def ask(self, question: Callable[[int], bytes]) -> Any:
        """None when the helper cannot say."""
        if self._transport is None:
            return None
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._transport.write(question(number))
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
        number, answer = unpacked(packed)
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


def _start(module: str, line: socket.socket) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C is for us."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
        [sys.executable, "-P", "-c", _COMMAND.format(module=module), _ROOT],
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
