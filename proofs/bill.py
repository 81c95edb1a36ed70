"""The ledger against the server's own bill, call by call: caches, retries, errors, cut answers, both price bands."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Call
from marketeer.domain.usage import CacheTime, Tier
from marketeer.domain.work import WorkItem
from marketeer.testing.answers import Asked
from marketeer.testing.fake_claude import BillLine, FakeClaude
from marketeer.testing.faults import Fault, FaultKind, at_random
from proofs.figures import Figure, Options, Proof, quietly
from proofs.till import PLENTY_USD, Till, a_request, a_till, opened

CALLS = 2_000
AT_ONCE = 12
FAULT_RATE = 0.35
LONG_RATE = 0.02
ATTEMPTS = 3
# The server's own clock runs on by this much a request, so that prefixes expire now and then.
TICK_S = 4.0
LONG = "long prompt " * 34_000  # more than 100,000 of the server's tokens
PREFIXES = tuple(f"House rules number {number}. " * 90 for number in range(4))
SKILLS = tuple(f"Skill number {number}. " * 150 for number in range(6))
FAULTS = (
    *(Fault(kind=FaultKind.STATUS, status=status) for status in (429, 500, 529)),
    *(Fault(kind=FaultKind.DISCONNECT_AFTER, after_events=events) for events in (0, 1, 3, 6)),
    *(Fault(kind=FaultKind.CUT_SHORT, after_events=events) for events in (1, 4)),
    *(Fault(kind=FaultKind.STREAM_ERROR, status=status) for status in (500, 529)),
    Fault(kind=FaultKind.BAD_JSON),
    Fault(kind=FaultKind.DISCONNECT_BEFORE),
    Fault(kind=FaultKind.HTML),
    Fault(kind=FaultKind.TRUNCATE),
    Fault(kind=FaultKind.REFUSE),
    Fault(kind=FaultKind.EMPTY),
    Fault(kind=FaultKind.THINK),
    Fault(kind=FaultKind.NO_USAGE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the two books say of the same calls."""

    settled: int
    estimated: int
    unbilled: int
    billed_usd: Decimal
    settled_usd: Decimal
    read_tokens: int
    written_tokens: int
    long_calls: int


async def compare(seed: int, folder: Path, calls: int) -> Compared:
    """Raises AssertionError where they disagree."""
    goal, item = await opened(folder, PLENTY_USD)
    chance = Random(seed)  # noqa: S311 - what is asked, repeatable by its seed
    ticks = itertools.count()

    def answer(asked: Asked) -> str:
        return "word " * (asked.number * 37 % 900)

    async with FakeClaude(
        answer=answer,
        faults=at_random(seed, FAULT_RATE, FAULTS),
        latency_s=0.002,
        monotonic=lambda: next(ticks) * TICK_S,
    ) as server:
        async with a_till(folder, server.base_url, owner="proof", parallel=AT_ONCE) as till:
            buyers = [_Buyer(till, goal, item, Random(chance.random())) for _ in range(AT_ONCE)]  # noqa: S311
            numbers = iter(range(calls))
            await asyncio.gather(*(buyer.work(numbers) for buyer in buyers))
            booked = {call.call_id: call for call in await till.store.calls(goal.goal_id)}
        return _compared(seed, booked, _by_call(server), server)


class _Buyer:
    def __init__(self, till: Till, goal: Goal, item: WorkItem, chance: Random) -> None:
        self._till = till
        self._goal = goal
        self._item = item
        self._chance = chance

    async def work(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._buy(number)

    async def _buy(self, number: int) -> None:
        """Tried again, as a task would be; each try is a call of its own."""
        tier = self._chance.choice(list(Tier))
        system = self._system(tier)
        limit = self._chance.choice([50, 300, 2_000])
        for attempt in range(1, ATTEMPTS + 1):
            request = a_request(f"call-{number}.{attempt}", tier=tier, system=system, max_output_tokens=limit)
            if await self._till.buys(request, goal=self._goal, item=self._item, tier=tier, attempt=attempt):
                return

    def _system(self, tier: Tier) -> tuple[tuple[str, CacheTime | None], ...]:
        shared: CacheTime = self._chance.choice(["5m", "1h"])
        parts: list[tuple[str, CacheTime | None]] = [
            (self._chance.choice(PREFIXES), shared),
            (self._chance.choice(SKILLS), "5m"),
        ]
        if tier is Tier.HAIKU and self._chance.random() < LONG_RATE * len(Tier):
            parts.append((LONG, self._chance.choice([None, "5m"])))
        return tuple(parts)


def _by_call(server: FakeClaude) -> dict[str, BillLine]:
    """What was billed of each call."""
    names = {asked.number: asked.user.rsplit(" ", 1)[-1] for asked in server.requests}
    return {names[line["number"]]: line for line in server.bill}


def _compared(seed: int, booked: Mapping[str, Call], billed: Mapping[str, BillLine], server: FakeClaude) -> Compared:
    assert len(billed) == len(server.bill), "one call was billed twice"
    assert billed.keys() <= booked.keys(), f"seed {seed}: billed and not booked: {billed.keys() - booked.keys()}"
    for call in booked.values():
        line = billed.get(call.call_id)
        if not call.estimated:
            assert line is not None, f"seed {seed}: {call} was never billed"
            assert call.cost_usd == line["cost_usd"], f"seed {seed}: {call} against {line}"
        elif line is not None:
            assert call.cost_usd >= line["cost_usd"], f"seed {seed}: {call} against {line}"
    settled = [call for call in booked.values() if not call.estimated]
    return Compared(
        settled=len(settled),
        estimated=len(booked) - len(settled),
        unbilled=server.number - len(server.bill),
        billed_usd=server.total_usd,
        settled_usd=sum((call.cost_usd for call in booked.values()), Decimal(0)),
        read_tokens=sum(line["cache_read_tokens"] for line in server.bill),
        written_tokens=sum(line["cache_write_5m_tokens"] + line["cache_write_1h_tokens"] for line in server.bill),
        long_calls=sum(call.usage.total_input_tokens > 100_000 for call in settled),
    )


def run(options: Options) -> Proof:
    quietly()
    found = asyncio.run(compare(options.seed, options.folder, CALLS))
    return Proof(
        name="bill",
        shows=f"{CALLS:,} calls, each tried up to {ATTEMPTS} times, {AT_ONCE} at a time, on all tiers, with "
        "prefixes cached for five minutes and an hour that expire now and then, prompts in both haiku bands, "
        "errors, hang-ups, broken streams, cut, refused and empty answers, thinking and missing usage. Every call seen "
        "to its end is booked at what the server billed for it, to the micro-dollar; every other is booked at no less; "
        "and nothing was billed that is not booked.",
        figures=(
            Figure("calls booked exactly", f"{found.settled:,}"),
            Figure("of them in the high band", f"{found.long_calls}"),
            Figure("calls booked as estimates", f"{found.estimated:,}"),
            Figure("requests never billed", f"{found.unbilled:,}"),
            Figure("billed, and booked", f"${found.billed_usd} and ${found.settled_usd}"),
            Figure("tokens read from the cache, and written", f"{found.read_tokens:,} and {found.written_tokens:,}"),
        ),
    )
