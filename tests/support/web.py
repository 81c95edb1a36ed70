"""A server of ours on a free port of this machine, and callers that speak HTTP word for word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marketeer.ports import Clock
from marketeer.runtime import Office, open_office
from marketeer.settings import load_settings
from marketeer.web.bounds import Bounds
from marketeer.web.server import WebServer
from tests.support.waiting import LIMIT_S

TOKEN = "t0ken-of-the-tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server that runs."""

    office: Office
    server: WebServer

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.server.url)
        return parts.hostname or "", parts.port or 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        host, port = self.address
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, data: bytes) -> Answer:
        """Send exactly this on a connection of its own, and read one answer."""
        async with self.connection() as (reader, writer):
            writer.write(data)
            return await read_answer(reader)

    async def get(self, path: str, *, token: str | None = TOKEN, **headers: str) -> Answer:
        return await self.raw(request("GET", path, token=token, headers=headers))

    async def post(
        self,
        path: str,
        content: object,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`content` as JSON, or the bytes themselves."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return await self.raw(request("POST", path, token=token, headers=sent, body=body))


def request(
    method: str, path: str, *, token: str | None = TOKEN, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """The bytes of a request that is followed by nothing."""
    shown = {"Host": "marketeer.test", "Connection": "close", **(headers or {})}
    if token is not None:
        shown["Authorization"] = f"Bearer {token}"
    if body or method == "POST":
        shown.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection; status 0 when it ends without one."""
    async with asyncio.timeout(LIMIT_S):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except (asyncio.IncompleteReadError, ConnectionError):
            return Answer(status=0)
    return Answer(status=int(head[0].split()[1]), headers=headers, body=body)


@asynccontextmanager
async def a_site(
    folder: Path, *, clock: Clock | None = None, bounds: Bounds | None = None, **settings: object
) -> AsyncIterator[Site]:
    """With a token, unless `webhook_token` says otherwise."""
    given = {"webhook_token": TOKEN, "webhook_port": 0, "workspace_dir": folder / "workspace"} | settings
    async with open_office(load_settings(**given), clock=clock) as office:
        server = WebServer(office, bounds=bounds)
        async with asyncio.TaskGroup() as group:
            await server.listen()
            running = group.create_task(server.run(), name="web")
            try:
                yield Site(office=office, server=server)
            finally:
                server.stop()
                await running
