"""Three daemons on one workspace and one Redis, killed at random: slots, webhooks and the goals of both, each once."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import yaml

from marketeer.adapters.team_files.schedules import BUILT_IN
from proofs import seconds
from proofs.crew import LIMIT_S, Crew, a_crew
from proofs.figures import Figure, Options, Proof
from proofs.senders import Senders, Sent, answers, check_events, free_port
from proofs.witness import Witness
from tests.e2e.harness import Server, fake_claude, run
from tests.support.web import TOKEN

MAPPINGS = "mappings:\n  - {id: traffic-drop, pipeline: Solo, cooldown: 0s}\n"
OFTEN = {"id": seconds.ID, "cron": "* * * * * *", "pipeline": "Solo", "overlap": "allow"}
LATENCY_S = 0.2
STARTS_WITHIN_S = 3.0
AGAIN_S = 0.1
DONE_WITHIN_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`life_s`: how long a daemon lives once it is up, at least and at most; one in `early` is killed on its way there.
    That goes on until so many `kills`. Events come at even distances while nine tenths of the slots pass."""

    daemons: int = 3
    slots: int = 300
    events: int = 1_000
    senders: int = 8
    kills: int = 1_000
    early: int = 5
    life_s: tuple[float, float] = (1.0, 30.0)
    lease_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`late_s` are the delays of all slots, rising; `tasks` were approved, all of them."""

    sent: dict[str, Sent]
    daemons: int
    slots: int
    kills: int
    killed_early: int
    started: int
    tasks: int
    estimated: int
    late_s: Sequence[float]


def run_proof(options: Options) -> Proof:
    return proof(asyncio.run(watch(Size(), options.seed, options.folder)))


async def watch(size: Size, seed: int, folder: Path) -> Outcome:
    """Raises AssertionError when a slot, an event or a goal is not done exactly once."""
    with fake_claude(folder, "--latency-s", str(LATENCY_S)) as server:
        settings = {
            **server.settings,
            "BUDGET_MONTHLY": "100000",
            "MARKETEER_LEASE_S": str(size.lease_s),
            "WEBHOOK_TOKEN": TOKEN,
            "WEBHOOK_PER_MINUTE": "1000000",
        }
        with a_crew(folder, settings=settings) as crew:
            run("init", "--example", cwd=folder, env=crew.env)
            (crew.workspace / "team" / "events.yaml").write_text(MAPPINGS)
            (crew.workspace / "team" / "schedules.yaml").write_text(_schedules())
            story = _Story(size, Random(seed), crew)  # noqa: S311 - moments to die at, no secrets
            await story.tell()
            return _checked(story, server)


def _schedules() -> str:
    """A slot every second, and none of the built-in ones, which begin things of their own at some times of the day."""
    built_in = yaml.safe_load(BUILT_IN.read_text(encoding="utf-8"))["schedules"]
    off = [{"id": each["id"], "enabled": False} for each in built_in]
    return yaml.safe_dump({"schedules": [*off, OFTEN]})


class _Story:
    def __init__(self, size: Size, chance: Random, crew: Crew) -> None:
        self._size = size
        self._chance = chance
        self._waiting: Iterator[int] = iter(range(size.events))
        self._ports = [free_port() for _ in range(size.daemons)]
        # Nobody is killed any more; then, everything is done.
        self._over, self._done = asyncio.Event(), asyncio.Event()
        self.crew = crew
        self.daemons = size.daemons
        self.senders = Senders(lambda: chance.choice(self._ports), chance)
        self.since: datetime | None = None
        self._condemned = self.kills = self.killed_early = 0

    async def tell(self) -> None:
        async with asyncio.TaskGroup() as keepers:
            for port in self._ports:
                keepers.create_task(self._keep(port))
            await self._until(self._know_the_schedule, LIMIT_S)
            await self._send_all()
            await self._until(lambda: self._answered() >= self._size.slots, LIMIT_S)
            self._over.set()
            await asyncio.to_thread(self._remove_schedule)
            await self._until(self._nothing_is_owed, DONE_WITHIN_S)
            self._done.set()

    async def _until(self, holds: Callable[[], bool], limit_s: float) -> None:
        async with asyncio.timeout(limit_s):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - other processes bring it about
                await asyncio.sleep(AGAIN_S)

    # -- the daemons -------------------------------------------------------------------------------------------

    async def _keep(self, port: int) -> None:
        process = self._start(port)
        while await self._dies(process, port):
            process = self._start(port)
        await self._done.wait()
        process.terminate()
        assert await asyncio.to_thread(process.wait, LIMIT_S) == 0, "a daemon did not end well"

    def _start(self, port: int) -> subprocess.Popen[str]:
        return self.crew.spawn("start", "--daemon", WEBHOOK_PORT=str(port))

    async def _dies(self, process: subprocess.Popen[str], port: int) -> bool:
        """False when it outlives the killing."""
        if self._condemned >= self._size.kills:
            await self._over.wait()
        self._condemned += 1
        early = self._chance.randrange(self._size.early) == 0
        life_s = self._chance.uniform(0.0, STARTS_WITHIN_S) if early else self._chance.uniform(*self._size.life_s)
        if not early:
            await self._until_up(process, port)
        with suppress(TimeoutError):
            async with asyncio.timeout(life_s):
                await self._over.wait()
        assert process.poll() is None, "a daemon ended by itself"
        if self._over.is_set():
            return False
        is_up = await answers(port)
        process.kill()
        await asyncio.to_thread(process.wait)
        self.kills, self.killed_early = self.kills + 1, self.killed_early + (not is_up)
        return True

    async def _until_up(self, process: subprocess.Popen[str], port: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while process.poll() is None and not self._over.is_set() and not await answers(port):  # noqa: ASYNC110
                await asyncio.sleep(AGAIN_S)

    # -- what comes in -----------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        async with asyncio.TaskGroup() as senders:
            for _ in range(self._size.senders):
                senders.create_task(self._send(time.monotonic()))

    async def _send(self, began: float) -> None:
        every_s = 0.9 * self._size.slots / self._size.events
        for number in self._waiting:
            await asyncio.sleep(max(0.0, began + number * every_s - time.monotonic()))
            await self.senders.send(number)

    # -- how far it is -----------------------------------------------------------------------------------------

    def _know_the_schedule(self) -> bool:
        if not self._answered():
            return False
        self.since = seconds.known_since(self.crew.folder)
        return True

    def _answered(self) -> int:
        ((count,),) = self.crew.rows("SELECT count(*) FROM firings WHERE schedule_id = ?", seconds.ID) or ((0,),)
        return int(count)

    def _remove_schedule(self) -> None:
        removed = run("schedules", "remove", seconds.ID, cwd=self.crew.folder, env=self.crew.env)
        assert removed.returncode == 0, removed.stderr

    def _nothing_is_owed(self) -> bool:
        owed = (
            "SELECT 1 FROM events WHERE decided_at IS NULL LIMIT 1",
            "SELECT 1 FROM goals WHERE status != 'completed' LIMIT 1",
            # What the dead had reserved is booked when they have been silent for long enough.
            "SELECT 1 FROM reservations LIMIT 1",
        )
        return not any(self.crew.rows(sql) for sql in owed)


def _checked(story: _Story, server: Server) -> Outcome:
    folder, workspace = story.crew.folder, story.crew.workspace
    found = seconds.answers(folder)
    assert story.since is not None
    seconds.check(folder, found, story.since)
    with closing(sqlite3.connect(workspace / "marketeer.db")) as connection:
        started = check_events(connection, story.senders.sent)
    ledger = Witness(workspace).check_end(server, alone=False)
    assert len(ledger.goals) == len(ledger.tasks) == len(found) + started, "a goal that nobody asked for"
    return Outcome(
        sent=story.senders.sent,
        daemons=story.daemons,
        slots=len(found),
        kills=story.kills,
        killed_early=story.killed_early,
        started=started,
        tasks=len(ledger.tasks),
        estimated=len(ledger.estimated),
        late_s=sorted((each.decided_at - each.slot).total_seconds() for each in found),
    )


def proof(outcome: Outcome) -> Proof:
    sent = outcome.sent.values()
    assert outcome.kills, "nobody was killed: nothing is proved"
    return Proof(
        name="daemons",
        shows="Three daemons share a workspace and a Redis; each is killed with SIGKILL at random instants, also while "
        "it starts, and started again. A schedule has a slot every second, and senders post events to whichever daemon "
        "they try, some in several copies at once, and to another when they get no answer. Each slot, and each event "
        "above its mapping's threshold, begins a goal, and the daemons do them all against a server that keeps a bill "
        "of its own. At the end every slot has one answer and one goal; every event is in the inbox once, was answered "
        "as new at most once, and has begun its one goal or none; every goal is completed with one approved output and "
        "one report; and what the server billed is booked, with an estimate for each call that a kill cut off.",
        figures=(
            Figure("daemons", f"{outcome.daemons}"),
            Figure("kills, of them during the start", f"{outcome.kills}, {outcome.killed_early}"),
            Figure("slots", f"{outcome.slots}"),
            Figure("answered after: median, p99, longest", _spread(outcome.late_s)),
            Figure("events, goals they began", f"{len(outcome.sent):,}, {outcome.started:,}"),
            Figure("requests answered", f"{sum(one.answers.total() for one in sent):,}"),
            Figure("of them as duplicates", f"{sum(one.answers[200] for one in sent):,}"),
            Figure("requests without an answer, sent again", f"{sum(one.unanswered for one in sent):,}"),
            Figure("goals completed, calls cut off and estimated", f"{outcome.tasks:,}, {outcome.estimated}"),
        ),
    )


def _spread(rising: Sequence[float]) -> str:
    median, p99 = rising[len(rising) // 2], rising[int(len(rising) * 0.99)]
    return f"{median:.2f} s, {p99:.2f} s, {rising[-1]:.2f} s"
