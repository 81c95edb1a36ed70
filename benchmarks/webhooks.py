"""How long a webhook waits for its answer, beside a bare FastAPI route that commits one row as durably."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from benchmarks.figures import Figure, Place, Result, spread
from benchmarks.processes import LIMIT_S, cli, environment

TOKEN = "token-of-the-benchmark"  # noqa: S105 - of nobody
MOST = 3.0
# Every tenth starts a goal, which nobody here has a key to work on.
DROPS = (25, *[5] * 9)
MAPPINGS = "mappings:\n  - {id: traffic-drop, cooldown: 0s}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`rounds` of `requests` each go to both in turn, over so many connections at once."""

    rounds: int = 8
    requests: int = 1_000
    connections: int = 4


FULL = Size()
TINY = Size(rounds=1, requests=20, connections=2)


def run(place: Place, size: Size = FULL) -> Result:
    folder = place.sub("webhooks")
    team = folder / "workspace" / "team"
    team.mkdir(parents=True)
    (team / "events.yaml").write_text(MAPPINGS, encoding="ascii")
    ours = environment(WEBHOOK_TOKEN=TOKEN, WEBHOOK_PORT="0", WEBHOOK_PER_MINUTE="1000000", LOG_LEVEL="error")
    bare = [sys.executable, "-m", "benchmarks.bare_webhook", str(folder / "bare.db")]
    with _serving(cli("start", "--daemon"), ours, str(folder)) as daemon, _serving(bare, environment(), None) as route:
        pairs = asyncio.run(_measure(size, daemon, route))
    ratios = [_p99(one) / _p99(other) for one, other in pairs]
    both = [[each for pair in pairs for each in pair[side]] for side in (0, 1)]
    return Result(
        name="webhooks",
        method=f"{size.rounds} rounds of {size.requests} events for `POST /webhook` of a daemon and for a bare FastAPI "
        f"route in turn, over {size.connections} connections at once, each event on the disk before its answer. "
        "Every tenth starts a goal.",
        figures=(
            Figure(
                what="99th percentile of the answer's time, to that of the bare route",
                value=median(ratios),
                unit="times",
                limit=MOST,
                note=spread(ratios, ""),
            ),
            *(
                Figure(what=f"{who}, {what}", value=1000 * value(times), unit="ms")
                for who, times in zip(("webhook", "bare route"), both, strict=True)
                for what, value in (("median", median), ("99th percentile", _p99))
            ),
        ),
    )


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100)[98]


@contextmanager
def _serving(command: list[str], env: dict[str, str], cwd: str | None) -> Iterator[str]:
    """The address, as the process says it on one of its streams."""
    with subprocess.Popen(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes]) -> str:
    said = []
    for line in process.stdout or ():
        said.append(line.decode())
        if "http://" in said[-1]:
            return f"http://{said[-1].partition('http://')[2].split()[0]}"
    msg = f"no server: {''.join(said)[-2000:]}"
    raise RuntimeError(msg)


async def _measure(size: Size, daemon: str, route: str) -> list[tuple[list[float], list[float]]]:
    """Seconds of each request, by round: ours and the bare route's. A first, small round is not counted."""
    pairs = []
    for number in range(size.rounds + 1):
        requests = size.requests if number else min(size.requests, 40)
        ours = await _round(daemon, size.connections, requests)
        pairs.append((ours, await _round(route, size.connections, requests)))
    return pairs[1:]


async def _round(url: str, connections: int, requests: int) -> list[float]:
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask(url, requests // connections)) for _ in range(connections)]
    return [took for task in tasks for took in task.result()]


async def _ask(url: str, requests: int) -> list[float]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    times = []
    try:
        for number in range(requests):
            data = _request(DROPS[number % len(DROPS)])
            began = time.perf_counter()
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            times.append(time.perf_counter() - began)
            if b" 202 " not in head.partition(b"\r\n")[0]:
                msg = f"{url} answered {head[:200]!r}"
                raise RuntimeError(msg)
    finally:
        writer.transport.abort()
    return times


def _length(head: bytes) -> int:
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2])


def _request(drop: int) -> bytes:
    event: dict[str, Any] = {"id": os.urandom(8).hex(), "type": "traffic_drop", "source": "bench"}
    event |= {"timestamp": "2026-11-22T18:00:00Z", "data": {"percentageDrop": drop, "page": "/pricing"}}
    body = json.dumps(event).encode()
    head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
