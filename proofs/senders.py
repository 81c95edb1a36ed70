"""Senders of webhooks: each event again and again until it is answered, some in several copies at once, and what must
have become of them."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.web import read_answer, request

LIMIT_S = 120.0
AGAIN_S = 0.05
# Below those that the kernel gives to callers.
PORTS = range(20_000, 32_000)
# Every third event is below what the mapping asks for, and starts nothing.
TRIGGERS = (25, 60, 5)


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of one event for whoever sent it."""

    answers: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0


class Senders:
    """`port` says where to try next. `sent` has what became of each event by its id."""

    def __init__(self, port: Callable[[], int], chance: Random) -> None:
        self._port = port
        self._chance = chance
        self.sent: dict[str, Sent] = {}

    async def send(self, number: int) -> None:
        """Returns when every copy of this event has been answered."""
        event_id = f"event-{number}"
        sent = self.sent[event_id] = Sent()
        copies = self._chance.choice((1, 1, 2, 3))
        body = json.dumps(_event(event_id, TRIGGERS[number % len(TRIGGERS)])).encode()
        await asyncio.gather(*(self._send(body, sent) for _ in range(copies)))

    async def _send(self, body: bytes, sent: Sent) -> None:
        """Again and again until it is answered, as every sender of webhooks does."""
        data = request("POST", "/webhook", headers={"Content-Type": "application/json"}, body=body)
        async with asyncio.timeout(LIMIT_S):
            while (status := await _ask(self._port(), data)) not in (200, 202):
                assert status in (0, 503), f"answered {status}"
                sent.unanswered += 1
                await asyncio.sleep(AGAIN_S)
        sent.answers[status] += 1


async def answers(port: int) -> bool:
    """Whether a daemon listens there."""
    return await _ask(port, request("GET", "/health")) != 0


async def _ask(port: int, data: bytes) -> int:
    """The status it answers with, 0 for no answer."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0
    try:
        writer.write(data)
        return (await read_answer(reader)).status
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


def check_events(connection: sqlite3.Connection, sent: Mapping[str, Sent]) -> int:
    """How many goals they have started. Raises AssertionError when an event that was answered has not taken effect
    exactly once."""
    kept = Counter(row[0] for row in connection.execute("SELECT event_id FROM events WHERE decided_at IS NOT NULL"))
    assert kept == Counter(dict.fromkeys(sent, 1)), "an event that was answered is not there, or is there twice"
    started = connection.execute("SELECT e.event_id FROM event_goals e JOIN goals g USING (goal_id)").fetchall()
    asked = [event_id for event_id in sent if TRIGGERS[_number(event_id) % len(TRIGGERS)] > 20]
    assert Counter(row[0] for row in started) == Counter(asked), "an event has not taken effect once"
    firsts = [event_id for event_id, one in sent.items() if one.answers[202] > 1]
    assert not firsts, f"answered as new more than once: {firsts}"
    return len(started)


def free_port() -> int:
    """One that nobody is given who calls somebody: a daemon that was killed must get it again."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with closing(socket.socket()) as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def _event(event_id: str, drop: int) -> dict[str, Any]:
    data = {"percentageDrop": drop}
    return {
        "id": event_id,
        "type": "traffic_drop",
        "timestamp": "2026-11-22T18:00:00Z",
        "source": "prover",
        "data": data,
    }


def _number(event_id: str) -> int:
    return int(event_id.rpartition("-")[2])
