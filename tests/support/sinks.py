"""Servers on loopback that take what is sent to them: mail and HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sink:
    """`taken` are whole messages; `refuses` answers each with an error instead, `silent` with nothing
    at all; `gone` counts those who went away unanswered."""

    port: int = 0
    taken: list[str] = field(default_factory=list)
    refuses: bool = False
    silent: bool = False
    gone: int = 0


@asynccontextmanager
async def smtp_sink() -> AsyncIterator[Sink]:
    """As much SMTP as a client needs to hand over a message."""
    sink = Sink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        if sink.silent:
            await reader.read()
            writer.close()
            sink.gone += 1
            return
        await answer("220 sink")
        while line := (await reader.readline()).decode().strip():
            match line.split(" ")[0].upper():
                case "EHLO" | "HELO":
                    await answer("250 sink")
                case "DATA":
                    await answer("354 go on")
                    sink.taken.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    await answer("250 kept")
                case "QUIT":
                    await answer("221 bye")
                    break
                case "MAIL" if sink.refuses:
                    await answer("451 not now")
                case _:
                    await answer("250 fine")
        writer.close()

    async with _listening(serve, sink):
        yield sink


@asynccontextmanager
async def http_sink() -> AsyncIterator[Sink]:
    """Answers each POST with 200, or 503 when it refuses."""
    sink = Sink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        body = (await reader.readexactly(length)).decode()
        if sink.silent:
            await reader.read()
            writer.close()
            sink.gone += 1
            return
        if not sink.refuses:
            sink.taken.append(body)
        status = "503 Busy" if sink.refuses else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with _listening(serve, sink):
        yield sink


@asynccontextmanager
async def _listening(serve: object, sink: Sink) -> AsyncIterator[None]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)  # type: ignore[arg-type]
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
