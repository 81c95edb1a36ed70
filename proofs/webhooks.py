"""Five thousand webhooks, many of them sent twice and at once, to a daemon that is killed again and again."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from marketeer.testing.doomed import Point
from proofs.figures import Figure, Options, Proof
from proofs.senders import AGAIN_S, LIMIT_S, Senders, Sent, answers, check_events, free_port
from tests.e2e.harness import environment
from tests.support.web import TOKEN

EVENTS = 5_000
SENDERS = 16
KILLS = 60
COMMITS = 40
LIFE_S = 3.0
MAPPINGS = "mappings:\n  - {id: traffic-drop, cooldown: 0s}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`kills` are at least so many; the daemon is left alone when they are done."""

    events: int = EVENTS
    kills: int = KILLS
    senders: int = SENDERS


@dataclass(slots=True, kw_only=True)
class Outcome:
    sent: dict[str, Sent]
    killed_at: Counter[str]
    goals: int


def run(options: Options) -> Proof:
    return proof(asyncio.run(storm(Size(), options.seed, options.folder)))


async def storm(size: Size, seed: int, folder: Path) -> Outcome:
    """Raises AssertionError when an event that was answered has not taken effect exactly once."""
    team = folder / "workspace" / "team"
    team.mkdir(parents=True)
    (team / "events.yaml").write_text(MAPPINGS)
    story = _Story(size, random.Random(seed), folder)  # noqa: S311 - moments to die at, no secrets
    await story.tell()
    goals = check(folder / "workspace" / "marketeer.db", story.senders.sent)
    return Outcome(sent=story.senders.sent, killed_at=story.killed_at, goals=goals)


class _Story:
    def __init__(self, size: Size, chance: random.Random, folder: Path) -> None:
        self._size = size
        self._chance = chance
        self._folder = folder
        self._port = free_port()
        self._waiting: Iterator[int] = iter(range(size.events))
        self._over = asyncio.Event()
        self._died = asyncio.Condition()
        self.senders = Senders(lambda: self._port, chance)
        self.killed_at: Counter[str] = Counter()

    async def tell(self) -> None:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep_a_daemon())
            async with asyncio.TaskGroup() as senders:
                for _ in range(self._size.senders):
                    senders.create_task(self._send_all())
            self._over.set()
            await keeper

    # -- the daemon --------------------------------------------------------------------------------------------

    async def _keep_a_daemon(self) -> None:
        while self.killed_at.total() < self._size.kills and not self._over.is_set():
            await self._live_and_die()
        process = self._start(["marketeer"])
        try:
            await self._until_up(process)
            await self._over.wait()
            await self._until_all_is_decided()
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, 30)
            process.kill()
        assert process.wait() == 0, "the daemon did not end well"

    async def _live_and_die(self) -> None:
        point = self._chance.choice((None, Point.BEFORE_COMMIT, Point.AFTER_COMMIT))
        doom = ["marketeer.testing.doomed", point, str(self._chance.randint(1, COMMITS))] if point else ["marketeer"]
        process = self._start(doom)
        try:
            await self._until_up(process)
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, self._chance.uniform(0.0, 1.0) if point is None else LIFE_S)
        finally:
            process.kill()
        await asyncio.to_thread(process.wait)
        async with self._died:
            self.killed_at[point or "random-instant"] += 1
            self._died.notify_all()

    def _start(self, module: list[str]) -> subprocess.Popen[bytes]:
        variables = environment(
            WEBHOOK_PORT=str(self._port), WEBHOOK_TOKEN=TOKEN, WEBHOOK_PER_MINUTE="1000000", LOG_LEVEL="error"
        )
        return subprocess.Popen(
            [sys.executable, "-m", *module, "start", "--daemon"],
            cwd=self._folder,
            env=variables,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    async def _until_up(self, process: subprocess.Popen[bytes]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while process.poll() is None and not await answers(self._port):  # noqa: ASYNC110 - another process
                await asyncio.sleep(AGAIN_S)

    async def _until_all_is_decided(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while await asyncio.to_thread(self._owed):  # noqa: ASYNC110 - another process decides them
                await asyncio.sleep(AGAIN_S)

    def _owed(self) -> int:
        with closing(sqlite3.connect(self._folder / "workspace" / "marketeer.db")) as database:
            (owed,) = database.execute("SELECT count(*) FROM events WHERE decided_at IS NULL").fetchone()
        return int(owed)

    # -- who sends ---------------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        for number in self._waiting:
            async with self._died:
                await self._died.wait_for(lambda: number < self._may_be_sent())  # noqa: B023 - asked at once
            await self.senders.send(number)

    def _may_be_sent(self) -> int:
        """Each life has its share of the events, so that none is over before anything came to it."""
        lives = self.killed_at.total() + 1
        return self._size.events * lives // (self._size.kills + 1)


def check(database: Path, sent: dict[str, Sent]) -> int:
    """How many goals there are. Raises AssertionError."""
    with closing(sqlite3.connect(database)) as connection:
        started = check_events(connection, sent)
        goals = connection.execute("SELECT count(*) FROM goals").fetchone()[0]
        planned = connection.execute("SELECT count(*) FROM work_items WHERE kind = 'plan'").fetchone()[0]
    assert goals == planned == started, "a goal without its plan, or one that no event has started"
    return started


def proof(outcome: Outcome) -> Proof:
    sent = outcome.sent.values()
    return Proof(
        name="webhooks",
        shows="Senders post events to the daemon over HTTP, many of them two or three times at once, and again "
        "whenever they get no answer, while it is killed with SIGKILL just before and behind its commits and at random "
        "instants, and started anew. At the end every event is in the inbox once and decided once, each that its "
        "mapping asks for has started exactly one goal with its plan owed, the others none, and no event was answered "
        "as new twice.",
        figures=(
            Figure("events", f"{len(outcome.sent):,}"),
            Figure("requests answered", f"{sum(one.answers.total() for one in sent):,}"),
            Figure("of them as duplicates", f"{sum(one.answers[200] for one in sent):,}"),
            Figure("requests without an answer, sent again", f"{sum(one.unanswered for one in sent):,}"),
            Figure("goals started", f"{outcome.goals:,}"),
            *(Figure(f"kills at {at.replace('-', ' ')}", f"{n:,}") for at, n in sorted(outcome.killed_at.items())),
        ),
    )
