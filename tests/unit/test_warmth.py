"""Calls that share a prefix: one goes first when that is worth it, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from marketeer.adapters.team_files import load_team
from marketeer.domain.usage import Tier
from marketeer.engine.warmth import LONGEST_WAIT_S, Warmth, cache_time, saving_usd
from marketeer.ports import ModelRequest, PromptBlock
from marketeer.testing import FakeClock
from tests.support.waiting import wait_until

WORTH_IT = "house rules and product context " * 1_000


def a_request(shared: str = WORTH_IT, tier: Tier = Tier.SONNET, **fields: object) -> ModelRequest:
    request = ModelRequest(
        call_id="call",
        model=load_team(None).model(tier),
        system=(PromptBlock(text=shared, cache="5m"),),
        user="brief",
        max_output_tokens=100,
        timeout_s=60,
    )
    return replace(request, **fields)  # type: ignore[arg-type]


class Calls:
    """Calls through one Warmth: which have been let in, and a way to let each answer begin or end."""

    def __init__(self, clock: FakeClock) -> None:
        self.warmth = Warmth(clock)
        self.entered: list[str] = []
        self.tell: dict[str, object] = {}
        self._end: dict[str, asyncio.Event] = {}

    async def call(self, name: str, request: ModelRequest, error: Exception | None = None) -> None:
        self._end[name] = asyncio.Event()
        async with self.warmth.turn(request, None) as on_text:
            self.entered.append(name)
            self.tell[name] = on_text
            await self._end[name].wait()
            if error is not None:
                raise error

    def begin(self, name: str) -> None:
        self.tell[name](0)  # type: ignore[operator]

    def end(self, *names: str) -> None:
        for name in names:
            self._end[name].set()


async def test_one_of_a_group_goes_first_and_the_others_when_its_answer_begins() -> None:
    calls = Calls(FakeClock())
    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(calls.call(name, a_request()))
        await wait_until(lambda: calls.entered == ["a"])
        for _ in range(5):
            await asyncio.sleep(0)
        assert calls.entered == ["a"]
        calls.begin("a")
        await wait_until(lambda: calls.entered == ["a", "b", "c"])
        calls.end("a", "b", "c")


async def test_while_it_is_warm_nobody_waits() -> None:
    clock = FakeClock()
    calls = Calls(clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(calls.call("a", a_request()))
        await wait_until(lambda: calls.entered == ["a"])
        calls.begin("a")
        calls.end("a")
        clock.advance(299)
        for name in ("b", "c"):
            group.create_task(calls.call(name, a_request()))
        await wait_until(lambda: calls.entered == ["a", "b", "c"])
        calls.end("b", "c")


async def test_after_a_failure_the_next_goes_first() -> None:
    calls = Calls(FakeClock())
    first = asyncio.create_task(calls.call("a", a_request(), error=ConnectionError("gone")))
    rest = [asyncio.create_task(calls.call(name, a_request())) for name in ("b", "c")]
    await wait_until(lambda: calls.entered == ["a"])
    calls.end("a")
    with pytest.raises(ConnectionError):
        await first
    await wait_until(lambda: calls.entered == ["a", "b"])
    calls.begin("b")
    await wait_until(lambda: calls.entered == ["a", "b", "c"])
    calls.end("b", "c")
    await asyncio.gather(*rest)


async def test_an_answer_that_does_not_begin_holds_nobody_up_for_long() -> None:
    clock = FakeClock()
    calls = Calls(clock)
    async with asyncio.TaskGroup() as group:
        for name in ("a", "b"):
            group.create_task(calls.call(name, a_request()))
        await wait_until(lambda: calls.entered == ["a"] and clock.sleepers > 0)
        clock.advance(LONGEST_WAIT_S)
        await wait_until(lambda: calls.entered == ["a", "b"])
        calls.end("a", "b")


@pytest.mark.parametrize(
    "request_",
    [
        a_request("short"),
        a_request(tier=Tier.HAIKU),
        a_request(system=(PromptBlock(text=WORTH_IT),)),
        a_request(system=()),
    ],
    ids=["short", "cheap", "not cached", "no system prompt"],
)
async def test_nobody_waits_for_what_is_worth_little(request_: ModelRequest) -> None:
    calls = Calls(FakeClock())
    async with asyncio.TaskGroup() as group:
        for name in ("a", "b"):
            group.create_task(calls.call(name, request_))
        await wait_until(lambda: calls.entered == ["a", "b"])
        calls.end("a", "b")


async def test_another_text_or_model_is_another_prefix() -> None:
    calls = Calls(FakeClock())
    requests = {"a": a_request(), "b": a_request(WORTH_IT + "."), "c": a_request(tier=Tier.OPUS)}
    async with asyncio.TaskGroup() as group:
        for name, request in requests.items():
            group.create_task(calls.call(name, request))
        await wait_until(lambda: calls.entered == ["a", "b", "c"])
        calls.end("a", "b", "c")


def test_what_is_spared_is_the_difference_of_writing_and_reading() -> None:
    request = a_request("x" * 40_000)  # ten thousand tokens, written at 2.50 and read at 0.10 a million
    assert saving_usd(request) == Decimal("0.024")


@pytest.mark.parametrize(("gap_s", "time"), [(0, "5m"), (240, "5m"), (241, "1h"), (5_000, "1h")])
def test_a_prefix_is_kept_for_an_hour_when_the_next_call_is_far_away(gap_s: float, time: str) -> None:
    assert cache_time(gap_s) == time
