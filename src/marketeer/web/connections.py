"""Connections: uvicorn's HTTP/1.1 with a limit for every wait, so that no silent or slow caller keeps anything.

uvicorn limits the size of a request's head and the idle time after an answer. What it lets wait for ever is limited
here: a head that does not come, an answer nobody reads, and a body that goes on after its answer.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from marketeer.web.bounds import Bounds


class Phase(StrEnum):
    """What a connection is waiting for."""

    HEAD = "head"
    ANSWER = "answer"
    REST = "rest of a body that nobody reads"


class Connections(ServerState):
    """All of them, and in order of age those that ask for nothing: they make room when there are too many."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self.bounds = bounds
        self.seconds = {Phase.HEAD: bounds.head_s, Phase.ANSWER: bounds.answer_s, Phase.REST: bounds.rest_s}
        self.silent: dict[Connection, None] = {}
        self.none_left = asyncio.Event()
        self.none_left.set()

    def make_room(self) -> None:
        if len(self.connections) > self.bounds.connections and self.silent:
            next(iter(self.silent)).cut()


class Connection(H11Protocol):
    """One of them."""

    server_state: Connections

    def __init__(self, config: Config, connections: Connections) -> None:
        super().__init__(config, connections, {})
        self._phase: Phase | None = None
        self._request: RequestResponseCycle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.server_state.none_left.clear()
        self._look()
        self.server_state.make_room()

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.REST:
            self._unread += len(data)
            if self._unread > self.server_state.bounds.rest_bytes:
                self.cut()
                return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.server_state.silent.pop(self, None)
        super().connection_lost(exc)
        if not self.connections:
            self.server_state.none_left.set()

    def cut(self) -> None:
        """End it now, whatever lies in its buffers."""
        self.server_state.silent.pop(self, None)
        self.transport.abort()

    def _look(self) -> None:
        """A phase has its time from its beginning on, whatever trickles in meanwhile."""
        phase = self._phase_now()
        if phase is self._phase and self.cycle is self._request:
            return
        self._phase, self._request, self._unread = phase, self.cycle, 0
        self._stop_timer()
        self.server_state.silent.pop(self, None)
        if phase is Phase.HEAD:
            self.server_state.silent[self] = None
        self._timer = self.loop.call_later(self.server_state.seconds[phase], self.cut)

    def _phase_now(self) -> Phase:
        # None before the first request, which uvicorn does not say
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            return Phase.ANSWER
        return Phase.REST if self.conn.their_state is h11.SEND_BODY else Phase.HEAD

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
