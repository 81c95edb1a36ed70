"""The clock, the model and the network guard that other tests rely on."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import marketeer.testing
from marketeer.domain.errors import ApiUnavailable
from marketeer.domain.usage import ModelSpec, Price
from marketeer.ports import ModelRequest, ModelResponse
from marketeer.testing import FakeClock, NetworkForbidden, ScriptedModel, forbid_network

START = datetime(2026, 3, 1, tzinfo=UTC)
FREE = Price(
    input=Decimal(0),
    output=Decimal(0),
    cache_write_5m=Decimal(0),
    cache_write_1h=Decimal(0),
    cache_read=Decimal(0),
)
REQUEST = ModelRequest(
    call_id="call-1",
    model=ModelSpec(
        model_id="claude-opus-5-5", price=FREE, context_tokens=1_000, max_output_tokens=100, min_cache_tokens=512
    ),
    system=(),
    user="Hello",
    max_output_tokens=100,
    timeout_s=1.0,
)


def test_every_name_the_package_offers_can_be_taken() -> None:
    for name in marketeer.testing.__all__:
        assert getattr(marketeer.testing, name) is not None
    with pytest.raises(AttributeError):
        marketeer.testing.__getattr__("nothing")


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock, woken = FakeClock(START), list[str]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 60.0), ("first", 10.0), ("second", 10.0)):
            group.create_task(sleeper(name, seconds))
        await asyncio.sleep(0)
        assert clock.sleepers == 3
        clock.advance(9.9)
        await asyncio.sleep(0)
        assert woken == []
        clock.advance(0.1)
        await asyncio.sleep(0)
        assert (woken, clock.sleepers) == (["first", "second"], 1)
        clock.advance(1_000)
    assert woken == ["first", "second", "late"]
    assert clock.now() == START + timedelta(seconds=1_010)
    assert clock.monotonic() == pytest.approx(1_010)


async def test_a_cancelled_sleep_is_forgotten() -> None:
    clock = FakeClock(START)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await clock.sleep(5)
    assert clock.sleepers == 0
    clock.advance(10)


async def test_an_automatic_clock_moves_by_itself() -> None:
    clock = FakeClock(START, auto=True)
    await clock.sleep(30)
    assert clock.now() == START + timedelta(seconds=30)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        FakeClock().advance(-1)


async def test_scripted_answers_are_given_in_turn_and_requests_remembered() -> None:
    whole = ModelResponse(text="b", stop_reason="refusal", usage=None, model="m", request_id=None, latency_s=1.0)
    model, heard = ScriptedModel(["a", whole, ApiUnavailable("later")]), list[int]()
    first = await model.complete(REQUEST, heard.append)
    assert (first.text, first.model, heard) == ("a", "claude-opus-5-5", [1])
    assert first.usage is not None
    assert await model.complete(REQUEST) is whole
    with pytest.raises(ApiUnavailable, match="later"):
        await model.complete(REQUEST)
    with pytest.raises(AssertionError, match="one more than the 3 answers"):
        await model.complete(REQUEST)
    assert model.requests == [REQUEST] * 4


async def test_answers_may_be_a_function_of_the_request() -> None:
    model = ScriptedModel(lambda request: request.user.upper())
    assert (await model.complete(REQUEST)).text == "HELLO"
    await model.aclose()
    assert model.closed


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0"], ids=str)  # noqa: S104
def test_the_guard_forbids_other_machines(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with forbid_network(), socket.socket(family) as stream, socket.socket(family, socket.SOCK_DGRAM) as datagram:
        for attempt in (stream.connect, stream.connect_ex):
            with pytest.raises(NetworkForbidden, match="may not reach"):
                attempt((host, 9))
        with pytest.raises(NetworkForbidden):
            datagram.sendto(b"x", (host, 9))


def test_the_guard_forbids_looking_up_names() -> None:
    with forbid_network(), pytest.raises(NetworkForbidden, match=r"api\.example\.com"):
        socket.create_connection(("api.example.com", 443))


async def test_the_guard_lets_this_machine_through_and_is_lifted_again() -> None:
    before = (socket.socket.connect, socket.getaddrinfo)
    with forbid_network():
        server = await asyncio.start_server(lambda _, writer: writer.close(), "localhost", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.close()
            await writer.wait_closed()
    assert (socket.socket.connect, socket.getaddrinfo) == before
