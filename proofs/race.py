"""A hundred calls at a time from four processes race for a budget that covers 37; some of the processes are killed."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.budget import month_key
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Spend
from marketeer.domain.usage import Tier
from marketeer.domain.work import WorkItem
from marketeer.testing.answers import Asked
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.faults import Fault, FaultKind, at_random
from proofs.figures import Figure, Options, Proof, quietly
from proofs.till import DATABASE, a_request, a_till, opened

RACES = 50
PROCESSES = 4
CALLS_EACH = 25
COVERED = 37
LIMIT_S = 120.0
FAULT_RATE = 0.15
FAULTS = (
    Fault(kind=FaultKind.DISCONNECT_AFTER),
    Fault(kind=FaultKind.DISCONNECT_BEFORE),
    Fault(kind=FaultKind.NO_USAGE),
    Fault(kind=FaultKind.STATUS, status=529),
)
# Loaded once, by the process that all racers are forked from.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["anthropic", "proofs.race"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """What came of one race, in US dollars."""

    cap_usd: Decimal
    billed_usd: Decimal
    settled_usd: Decimal
    most_held_usd: Decimal
    answered: int
    killed: int


def racer(folder: Path, url: str, owner: str, goal: Goal, item: WorkItem) -> None:
    """One of the processes."""
    quietly()
    asyncio.run(_race(folder, url, owner, goal, item))


async def _race(folder: Path, url: str, owner: str, goal: Goal, item: WorkItem) -> None:
    async with a_till(folder, url, owner=owner, parallel=CALLS_EACH) as till:

        async def buy(number: int) -> None:
            await till.buys(a_request(f"{owner}.{number}"), goal=goal, item=item, tier=Tier.SONNET)

        await asyncio.gather(*map(buy, range(CALLS_EACH)))


async def one_race(seed: int, folder: Path) -> Raced:
    """Raises AssertionError when the server bills more than the cap, or anything passes it for a moment."""
    chance = Random(seed)  # noqa: S311 - which processes die and when, repeatable by their seed
    worst_usd = a_request("racer-0-0.00").model.worst_case_usd(a_request("racer-0-0.00").worst_case())
    cap_usd = worst_usd * COVERED + worst_usd / 2
    goal, item = await opened(folder, cap_usd)
    lengths = [chance.randrange(100, 2_400) for _ in range(50)]

    def answer(asked: Asked) -> str:
        return "x" * lengths[asked.number % len(lengths)]

    async with FakeClaude(answer=answer, faults=at_random(seed, FAULT_RATE, FAULTS), latency_s=0.01) as server:
        watch = _Watch(folder, cap_usd)
        await watch.open()
        victims = chance.sample(range(PROCESSES), chance.randrange(1, 3))
        # The first dies early: at the later moments a process may have ended by itself.
        moments = {victim: chance.randrange(5, 60 if number else 20) for number, victim in enumerate(victims)}
        killed = await _run(folder, server, goal, item, moments, watch)
        spend = await watch.close_the_books()
        billed_usd, answered = server.total_usd, len(server.bill)
    assert billed_usd <= cap_usd, f"seed {seed}: the server billed {billed_usd} of {cap_usd}"
    assert billed_usd <= spend.settled_usd <= cap_usd, f"seed {seed}: {billed_usd} billed, {spend} of {cap_usd}"
    assert spend.reserved_usd == 0
    return Raced(
        cap_usd=cap_usd,
        billed_usd=billed_usd,
        settled_usd=spend.settled_usd,
        most_held_usd=watch.most_usd,
        answered=answered,
        killed=killed,
    )


async def _run(
    folder: Path, server: FakeClaude, goal: Goal, item: WorkItem, moments: dict[int, int], watch: _Watch
) -> int:
    """Until all have ended; a killed one is replaced, and its reservations are booked. Returns how many were killed."""

    def begin(name: str) -> Any:
        process = _CONTEXT.Process(target=racer, args=(folder, server.base_url, name, goal, item), name=name)
        process.start()
        return process

    running = {number: begin(f"racer-{number}-0") for number in range(PROCESSES)}
    killed = 0
    async with asyncio.timeout(LIMIT_S):
        while any(process.is_alive() for process in running.values()):
            await asyncio.sleep(0.005)
            await watch.look()
            for number, moment in list(moments.items()):
                if server.number >= moment and running[number].is_alive():
                    dead = running[number]
                    dead.kill()
                    await asyncio.to_thread(dead.join)
                    await watch.book(dead.name)
                    del moments[number]
                    killed += 1
                    running[number] = begin(f"racer-{number}-1")
    for process in running.values():
        process.join()
        assert process.exitcode == 0, f"{process.name} ended with {process.exitcode}"
    return killed


class _Watch:
    """Looks at the month's sums all the while, and books what the dead have left."""

    def __init__(self, folder: Path, cap_usd: Decimal) -> None:
        self._store = SqliteStore(folder / DATABASE)
        self._cap_usd = cap_usd
        self.most_usd = Decimal(0)

    async def open(self) -> None:
        await self._store.open()

    async def look(self) -> Spend:
        await self._store.data_version()  # what others wrote is read anew
        spend = await self._store.month_spend(month_key(_now()))
        held_usd = spend.settled_usd + spend.reserved_usd
        assert held_usd <= self._cap_usd, f"{held_usd} held of {self._cap_usd}"
        self.most_usd = max(self.most_usd, held_usd)
        return spend

    async def book(self, owner: str) -> None:
        await self._store.book_orphans(owner=owner, now=_now())

    async def close_the_books(self) -> Spend:
        await self._store.book_orphans(owner_not="nobody", now=_now())
        spend = await self.look()
        await self._store.close()
        return spend


def _now() -> Any:
    from marketeer.adapters.system_clock import SystemClock

    return SystemClock().now()


def races(seeds: Sequence[int], folder: Path) -> list[Raced]:
    return [asyncio.run(one_race(seed, _made(folder / f"race-{seed}"))) for seed in seeds]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def run(options: Options) -> Proof:
    quietly()
    done = races(range(options.seed, options.seed + RACES), options.folder)
    shares = [each.billed_usd / each.cap_usd for each in done]
    return Proof(
        name="race",
        shows=f"{PROCESSES * CALLS_EACH} calls at a time from {PROCESSES} processes race for a month's budget that "
        f"covers {COVERED} of them at their worst, while hang-ups, overload and missing usage disturb one in seven and "
        "one or two of the processes are killed and replaced. What the server billed by its own count never passes the "
        "cap, spent and reserved together never do at any moment looked at, and the ledger never has less than the "
        "bill.",
        figures=(
            Figure("races", f"{len(done)}, seeds from {options.seed}"),
            Figure("answers billed", f"{sum(each.answered for each in done):,}"),
            Figure("processes killed", f"{sum(each.killed for each in done)}"),
            Figure("billed of the cap", f"{min(shares):.0%} to {max(shares):.0%}"),
            Figure("most held of the cap", f"{max(each.most_held_usd / each.cap_usd for each in done):.1%}"),
        ),
    )
