"""What strangers and broken programs send: memory stays bounded, nothing is a 500, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketeer.web.bodies import DEEPEST, parse
from marketeer.web.bounds import Bounds
from marketeer.web.refusal import Refusal
from tests.support.waiting import LIMIT_S
from tests.support.web import TOKEN, Answer, Site, a_site, read_answer, request

JSON = {"Content-Type": "application/json"}
GIGABYTE = 1_000_000_000
IMPATIENT = Bounds(head_s=0.3, rest_s=0.3)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as site:
        yield site


async def is_well(site: Site) -> bool:
    return (await site.get("/health")).status == 200


# -- bodies ----------------------------------------------------------------------------------------------------

WRONG_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "two documents": b"{} {}",
    "not UTF-8": b'{"id": "\xff"}',
    "UTF-16": '{"id": "e"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"id": "e"}',
    "a NUL byte": b'{"id": "\x00"}',
    "an escaped NUL": b'{"id": "\\u0000"}',
    "half a character": b'{"id": "\\ud800"}',
    "half a character as a name": b'{"\\udfff": 1}',
    "a name twice": b'{"id": "a", "id": "b"}',
    "a name twice, deep down": b'{"data": [{"a": 1, "a": 2}]}',
    "NaN": b'{"data": {"a": NaN}}',
    "Infinity": b'{"data": {"a": -Infinity}}',
    "an endless number": b'{"data": {"a": 1e999}}',
    "too many digits": b'{"data": {"a": ' + b"9" * 100_000 + b"}}",
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep lists, never closed": b"[" * 200_000,
    "deep objects": b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    "a bit too deep": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "a list": b"[]",
    "a word": b'"event"',
    "null": b"null",
    "many fields": b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}",
}

# Only the fields are wrong.
WELL_FORMED = ("a list", "a word", "null", "many fields")


@pytest.mark.parametrize("path", ["/webhook", "/goals"])
@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES)
async def test_a_wrong_body_is_a_400_that_says_why(site: Site, path: str, body: bytes) -> None:
    answer = await site.post(path, body)
    assert (answer.status, bool(answer.document["error"])) == (400, True)
    assert len(answer.body) < 20_000


@pytest.mark.parametrize("what", [what for what in WRONG_BODIES if what not in WELL_FORMED])
def test_what_only_some_programs_could_read_is_refused_for_that_reason(what: str) -> None:
    with pytest.raises(Refusal):
        parse(WRONG_BODIES[what])


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789.eE+-\\ux NaInfty', max_size=60).map(str.encode))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_is_understood_or_refused(body: bytes) -> None:
    with suppress(Refusal):
        parse(body)


async def test_a_body_that_announces_too_much_is_a_413_at_once(site: Site) -> None:
    head = JSON | {"Content-Length": str(256 * 1024 + 1)}
    answer = await site.raw(request("POST", "/webhook", headers=head))
    assert (answer.status, "256 KiB" in answer.document["error"]) == (413, True)
    assert (await site.post("/webhook", b"[" + b" " * (256 * 1024 - 2) + b"]")).status == 400


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("token", [TOKEN, None], ids=["token", "no token"])
async def test_a_gigabyte_is_refused_while_it_is_sent_and_never_held(
    site: Site, chunked: bool, token: str | None
) -> None:
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(GIGABYTE)}
    head = request("POST", "/webhook", token=token, headers=JSON | length | {"Connection": "keep-alive"})
    async with site.connection() as (reader, writer), asyncio.TaskGroup() as group:
        answer = group.create_task(read_answer(reader))
        writer.write(head)
        sent = await _send_until_refused(writer, chunked=chunked)
    assert answer.result().status == (413 if token else 401)
    assert sent < 50_000_000
    assert await is_well(site)


async def _send_until_refused(writer: asyncio.StreamWriter, *, chunked: bool) -> int:
    piece, sent = b"x" * 65_536, 0
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    with suppress(ConnectionError):
        while sent < GIGABYTE:
            writer.write(framed)
            await writer.drain()
            sent += len(piece)
    return sent


async def test_who_is_refused_while_sending_a_little_more_can_still_read_why(site: Site) -> None:
    answer = await site.post("/webhook", b"x" * (Bounds().rest_bytes // 2), token="wrong")
    assert answer.status == 401


# -- connections -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\n", b"POST /webhook HTTP/1.1\r\nHost: x\r\nA: "])
async def test_a_head_that_does_not_come_ends_the_connection(tmp_path: Path, begun: bytes) -> None:
    async with a_site(tmp_path, bounds=IMPATIENT) as site, site.connection() as (reader, writer):
        writer.write(begun)
        assert await _ends(reader)
        assert await is_well(site)


async def test_a_head_that_trickles_in_ends_the_connection_all_the_same(tmp_path: Path) -> None:
    async with a_site(tmp_path, bounds=IMPATIENT) as site, site.connection() as (reader, writer):
        assert await _ends_while_sending(reader, writer)


async def test_a_body_that_goes_on_after_its_refusal_ends_the_connection(tmp_path: Path) -> None:
    async with a_site(tmp_path, bounds=IMPATIENT) as site, site.connection() as (reader, writer):
        head = JSON | {"Content-Length": "1000000", "Connection": "keep-alive"}
        writer.write(request("POST", "/webhook", token="wrong", headers=head))
        assert (await read_answer(reader)).status == 401
        assert await _ends_while_sending(reader, writer)


async def test_a_body_that_does_not_come_is_a_408(tmp_path: Path) -> None:
    async with a_site(tmp_path, bounds=Bounds(body_s=0.2)) as site:
        answer = await site.raw(request("POST", "/webhook", headers=JSON | {"Content-Length": "10"}))
        assert answer.status == 408


async def test_an_answer_that_is_not_read_ends_the_connection(tmp_path: Path) -> None:
    async with a_site(tmp_path, bounds=replace(IMPATIENT, answer_s=0.3)) as site:
        async with site.connection() as (_, writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a transport that reads too
            asked = request("GET", "/openapi.json", headers={"Connection": "keep-alive"}) * 100
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(ConnectionError):
                    await _send_for_ever(writer, asked)
        assert await is_well(site)


async def _send_for_ever(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()


async def test_bodies_that_fill_the_memory_together_are_told_to_come_again(tmp_path: Path) -> None:
    async with a_site(tmp_path, bounds=Bounds(held_bytes=100_000)) as site, site.connection() as (_, slow):
        slow.write(request("POST", "/webhook", headers=JSON | {"Content-Length": "90000"}) + b" " * 80_000)
        await slow.drain()
        async with asyncio.timeout(LIMIT_S):
            answer = await _posted_until(site, 30_000, 503)  # the first body has arrived
            assert answer.headers["retry-after"] == "1"
            slow.transport.abort()
            await _posted_until(site, 90_000, 400)  # the first body is let go
        assert [(await site.post("/webhook", b" " * 90_000)).status for _ in range(3)] == [400] * 3


async def _posted_until(site: Site, size: int, status: int) -> Answer:
    while (answer := await site.post("/webhook", b" " * size)).status != status:
        assert answer.status in (400, 503)
    return answer


async def _ends(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(LIMIT_S):
        with suppress(ConnectionError):
            await reader.read()
    return True


async def _ends_while_sending(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(_ends(reader))
        while not ended.done():
            writer.write(b"a")
            await asyncio.wait([ended], timeout=0.05)
    return ended.result()


async def test_a_thousand_silent_connections_keep_nobody_out(site: Site) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4_000:
        pytest.skip("this machine allows too few open files")
    async with AsyncExitStack() as stack:
        for _ in range(1_000):
            await stack.enter_async_context(site.connection())
        answers = await asyncio.gather(*(site.get("/health", token=None) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}


async def test_above_the_limit_the_oldest_silent_connection_makes_room(tmp_path: Path) -> None:
    async with a_site(tmp_path, bounds=Bounds(connections=20, head_s=60)) as site, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(site.connection()) for _ in range(30)]
        assert await is_well(site)
        assert all([await _ends(reader) for reader, _ in silent[:10]])
        assert not silent[-1][0].at_eof()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
        b"\x00" * 1_000,
        b"GET / HTTP/one\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # no Host
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["TLS", "NUL", "version", "no host", "negative length", "two lengths", "long header", "long path"],
)
async def test_what_is_no_http_or_too_long_harms_nobody(site: Site, data: bytes) -> None:
    assert (await site.raw(data)).status in (0, 400, 404)
    assert await is_well(site)


@pytest.mark.parametrize(
    "path", ["/%00", "/goals/%00", "/goals/%ff%fe", "/goals/..%2f..%2fetc", "/goals/" + "a" * 9_000]
)
async def test_odd_paths_are_a_404(site: Site, path: str) -> None:
    assert (await site.get(path)).status == 404


async def test_requests_that_do_not_wait_for_each_other_are_answered_in_order(site: Site) -> None:
    keep = {"Connection": "keep-alive"}
    async with site.connection() as (reader, writer):
        writer.write(request("GET", "/health", headers=keep) + request("GET", "/nowhere", headers=keep))
        answers = [await read_answer(reader), await read_answer(reader)]
    assert [answer.status for answer in answers] == [200, 404]


async def test_a_caller_who_hangs_up_in_the_middle_of_its_body_stores_nothing(site: Site) -> None:
    async with site.connection() as (_, writer):
        writer.write(request("POST", "/webhook", headers=JSON | {"Content-Length": "100"}) + b'{"id": ')
        await writer.drain()
    assert await is_well(site)
    assert await site.office.store.events(limit=5) == []
