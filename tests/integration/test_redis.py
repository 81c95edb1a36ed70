"""The connection to a real Redis, and what is told of it: out of reach, back, emptied; and the doorbell over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from marketeer.adapters.bullmq_queue import BullmqQueue, RedisDoorbell, RedisLink
from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.errors import ConfigurationError
from marketeer.testing import FakeClock, RedisServer
from tests.support.waiting import LIMIT_S, wait_until


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One that may be killed."""
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def a_queue(server: RedisServer) -> AsyncIterator[tuple[BullmqQueue, list[str | None]]]:
    """A queue at work, and what it has told."""
    told: list[str | None] = []
    link = RedisLink(server.url, SystemClock())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(link.close)
        await link.open()
        await link.enter("test", uuid4().hex)
        queue = BullmqQueue(link, SystemClock())
        queue.on_turn = told.append
        group = await stack.enter_async_context(asyncio.TaskGroup())
        loops = group.create_task(queue.run())
        try:
            yield queue, told
        finally:
            await queue.close()
            loops.cancel()


@asynccontextmanager
async def a_link(address: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(address, SystemClock())
    try:
        yield link
    finally:
        await link.close()


async def refusal(address: str) -> str:
    """What a process says that begins now."""
    async with a_link(address) as link:
        try:
            async with asyncio.timeout(LIMIT_S):
                await link.open()
                await link.enter("test", uuid4().hex)
        except ConfigurationError as exc:
            return str(exc)
    pytest.fail("it was not refused")


async def who_waits(queue: BullmqQueue, server: RedisServer) -> asyncio.Task[str]:
    """Somebody whom Redis keeps waiting."""
    waiting = asyncio.create_task(queue.get())
    await wait_until(lambda: b"bzpopmin" in server.command("CLIENT", "LIST"))
    return waiting


async def test_an_outage_is_told_once_and_what_is_put_again_afterwards_arrives_the_most_urgent_first(
    server: RedisServer,
) -> None:
    async with a_queue(server) as (queue, told):
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        server.kill()
        await queue.put([("lost", 3)])
        await wait_until(lambda: bool(told))
        assert told[0] is not None
        assert str(server.port) in told[0]
        server.start()
        await wait_until(lambda: told[-1] is None)
        assert len(told) == 2
        await queue.put([("late", 3), ("first", 0)])
        async with asyncio.timeout(LIMIT_S):
            assert await waiting in ("first", "late")


async def test_an_emptied_redis_is_noticed_though_it_never_went_away(server: RedisServer) -> None:
    async with a_queue(server) as (queue, told):
        await queue.put([("a", 1)])
        server.command("FLUSHALL")
        await wait_until(lambda: told == [None])
        await queue.put([("a", 1)])
        async with asyncio.timeout(LIMIT_S):
            assert await queue.get() == "a"


async def test_a_redis_that_hangs_holds_nobody_up_for_long(server: RedisServer) -> None:
    async with a_queue(server) as (queue, told):
        server.hang()
        async with asyncio.timeout(LIMIT_S):
            await queue.put([("a", 1)])
            await queue.done("b")
        assert told
        server.go_on()
        await wait_until(lambda: told[-1] is None)


async def test_a_redis_that_hangs_is_noticed_by_who_only_waits_and_refused_by_who_begins(server: RedisServer) -> None:
    async with a_queue(server) as (queue, told):
        waiting = asyncio.create_task(queue.get())
        server.hang()
        await wait_until(lambda: bool(told))
        assert "no answer in time" in (told[0] or "")
        assert "does not answer (no answer in time)" in await refusal(server.url)
        server.go_on()
        await wait_until(lambda: told[-1] is None)
        await queue.put([("a", 1)])
        async with asyncio.timeout(LIMIT_S):
            assert await waiting == "a"


@pytest.mark.parametrize(
    ("spoil", "mend", "told_words", "refused_words"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "its memory is full", "maxmemory"),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "read-only replica", "read-only replica"),
        (("ACL", "SETUSER", "default", "-@write"), ("ACL", "SETUSER", "default", "+@write"), "do too little", "'set'"),
    ],
    ids=["full", "replica", "not-allowed"],
)
async def test_a_redis_that_takes_nothing_is_told_of_once_in_plain_words_and_all_flows_when_it_does_again(
    server: RedisServer, spoil: tuple[str, ...], mend: tuple[str, ...], told_words: str, refused_words: str
) -> None:
    async with a_queue(server) as (queue, told):
        await queue.put([("held", 1)])
        async with asyncio.timeout(LIMIT_S):
            assert await queue.get() == "held"
        assert server.command(*spoil) == b"+OK\r\n"
        await queue.done("held")
        await queue.put([("a", 1)])
        await wait_until(lambda: bool(told))
        assert told_words in (told[0] or "")
        said = await refusal(server.url)
        assert refused_words in said
        assert "start it" not in said
        assert server.command(*mend) == b"+OK\r\n"
        await wait_until(lambda: told[-1] is None)
        assert len(told) == 2
        await queue.put([("a", 1)])
        async with asyncio.timeout(LIMIT_S):
            assert await queue.get() == "a"


async def test_a_password_that_is_changed_in_flight_is_what_is_told_and_work_flows_when_it_is_right_again() -> None:
    with RedisServer(password="old") as server:
        async with a_queue(server) as (queue, told):
            waiting = await who_waits(queue, server)
            server.command("CONFIG", "SET", "requirepass", "new")
            server.password = "new"
            server.command("CLIENT", "KILL", "TYPE", "normal")
            await wait_until(lambda: bool(told))
            assert "refuses the user or the password" in (told[0] or "")
            server.command("CONFIG", "SET", "requirepass", "old")
            server.password = "old"
            await wait_until(lambda: told[-1] is None)
            await queue.put([("a", 1)])
            async with asyncio.timeout(LIMIT_S):
                assert await waiting == "a"


async def test_connections_that_are_cut_while_redis_is_well_are_no_outage(server: RedisServer) -> None:
    async with a_queue(server) as (queue, told):
        waiting = await who_waits(queue, server)
        server.command("CLIENT", "KILL", "TYPE", "normal")
        await wait_until(lambda: told == [None])
        await queue.put([("a", 1)])
        async with asyncio.timeout(LIMIT_S):
            assert await waiting == "a"
        assert told == [None]


async def test_two_workspaces_on_one_redis_never_see_each_others_work(redis_server: RedisServer) -> None:
    async with a_queue(redis_server) as (first, _), a_queue(redis_server) as (second, _):
        waiting = asyncio.create_task(first.get())
        await second.put([("same", 1), ("of-the-second", 1)])
        await first.put([("same", 0)])
        async with asyncio.timeout(LIMIT_S):
            assert await waiting == "same"
            assert [await second.get(), await second.get()] == ["same", "of-the-second"]
        more = asyncio.create_task(first.get())
        await first.put([("of-the-first", 3)])
        async with asyncio.timeout(LIMIT_S):
            assert await more == "of-the-first"


async def test_what_was_fetched_and_never_taken_is_there_for_others_at_once(redis_server: RedisServer) -> None:
    async with a_queue(redis_server) as (first, _), asyncio.timeout(LIMIT_S):
        for entry in ("a", "b", "c"):
            waiting = asyncio.create_task(first.get())
            await asyncio.sleep(0)
            await first.put([(entry, 1)])
            waiting.cancel()
            # On a busy machine it may have been taken before it could be left.
            (left,) = await asyncio.gather(waiting, return_exceptions=True)
            assert (left if isinstance(left, str) else await first.get()) == entry


async def test_what_this_process_has_made_ready_goes_to_who_waits_here_and_the_rest_to_all(
    redis_server: RedisServer,
) -> None:
    async with a_queue(redis_server) as (queue, _):
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        await queue.put([("later", 3), ("first", 1)], ours=True)
        async with asyncio.timeout(LIMIT_S):
            assert await waiting == "first"
            assert await queue.get() == "later"
        keys = [redis_server.command("EXISTS", queue._backend.toKey(name)) for name in ("first", "later")]
        assert keys == [b":0\r\n", b":1\r\n"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("redis://127.0.0.1:1/0", "127.0.0.1:1 does not answer"),
        ("redis://:secret@127.0.0.1:{port}/0", "refuses the user or the password"),
        ("redis://nobody:secret@127.0.0.1:{port}/0", "refuses the user or the password"),
        ("redis://127.0.0.1:{port}/0", "refuses the user or the password"),
        ("redis://:sesame@127.0.0.1:{port}/99", "no database of that number"),
        ("rediss://:sesame@127.0.0.1:{port}/0", r"\(over TLS\) does not answer"),
        ("unix:///no/such/socket", "/no/such/socket does not answer"),
    ],
)
async def test_what_cannot_be_used_is_refused_in_one_line_with_a_remedy(address: str, words: str) -> None:
    with RedisServer(password="sesame") as server:
        async with a_link(address.format(port=server.port)) as link:
            with pytest.raises(ConfigurationError, match=words) as refused:
                await link.open()
    assert "unset REDIS_HOST" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("odd", ["?bogus=1", "?db=x", "?socket_timeout=x"])
async def test_an_address_with_an_option_that_no_client_knows_is_refused_by_name(server: RedisServer, odd: str) -> None:
    with pytest.raises(ConfigurationError, match=r"REDIS_URL for 127\.0\.0\.1:\d+ says what no Redis client knows"):
        await RedisLink(f"{server.url}{odd}", SystemClock()).open()


async def test_a_user_who_is_limited_to_our_keys_can_work_and_one_limited_to_others_is_told(
    server: RedisServer,
) -> None:
    for user, keys in (("ours", "marketeer"), ("theirs", "other")):
        rules = (f"~{keys}:*", f"&{keys}:*", "+@all", "-@dangerous", "+info", "+client|setname")
        assert server.command("ACL", "SETUSER", user, "on", ">pass", *rules) == b"+OK\r\n"
    async with a_link(f"redis://ours:pass@127.0.0.1:{server.port}/0") as link:
        await link.open()
        await link.enter("marketeer", "abc")
        queue = BullmqQueue(link, SystemClock())
        async with asyncio.TaskGroup() as group:
            loops = group.create_task(queue.run())
            await queue.put([("a", 1)])
            async with asyncio.timeout(LIMIT_S):
                assert await queue.get() == "a"
            await queue.done("a")
            loops.cancel()
    async with a_link(f"redis://theirs:pass@127.0.0.1:{server.port}/0") as other:
        await other.open()
        with pytest.raises(ConfigurationError, match="too little"):
            await other.enter("marketeer", "abc")


@pytest.mark.parametrize(
    "rules",
    [
        ("~test:*", "+@all"),
        ("~test:*", "&test:*", "+@all", "-@scripting"),
        ("~test:*", "&test:*", "+@read", "+@pubsub", "+@connection", "+@scripting"),
    ],
    ids=["no-channels", "no-scripts", "no-writing"],
)
async def test_a_user_who_may_do_less_than_work_needs_is_refused_at_the_start(
    server: RedisServer, rules: tuple[str, ...]
) -> None:
    server.command("ACL", "SETUSER", "bound", "on", ">pass", "resetchannels", *rules)
    said = await refusal(f"redis://bound:pass@127.0.0.1:{server.port}/0")
    assert "lets this user do too little" in said
    assert "docs/many-hands.md" in said


async def test_a_commit_elsewhere_rings_here_at_once_while_nobody_looks_at_the_database(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    name = uuid4().hex
    here, there = SqliteStore(tmp_path / "db"), SqliteStore(tmp_path / "db")
    # This clock never reaches the next look.
    asleep = FakeClock()
    async with AsyncExitStack() as stack:
        for store in (here, there):
            stack.push_async_callback(store.close)
            await store.open()
        links = [await stack.enter_async_context(a_link(redis_server.url)) for _ in range(2)]
        for link in links:
            await link.enter("test", name)
        ear = RedisDoorbell(SqliteDoorbell(here, asleep), links[0], SystemClock())
        mouth = RedisDoorbell(SqliteDoorbell(there, asleep), links[1], SystemClock())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        loops = [group.create_task(bell.watch()) for bell in (ear, mouth)]
        await wait_until(lambda: redis_server.command("PUBSUB", "NUMSUB", links[0].key("bell")).endswith(b":2\r\n"))
        seen = ear.rings
        condition = Condition(name=ConditionName.PAUSED, since=SystemClock().now(), who="a test")
        await there.begin_condition(condition)
        mouth.ring()
        await wait_until(lambda: ear.rings > seen)
        for loop in loops:
            loop.cancel()
