"""As much HTTP/1.1 as a fake server needs: read one request, write one response, plain or chunked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

MAX_BODY_BYTES = 32 * 1024 * 1024
LAST_CHUNK = b"0\r\n\r\n"


class BadHttp(Exception):
    """What arrived is no request this server understands; the connection is to be closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """Header names are in lower case. `path` has no query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The next request of this connection; None when the client is gone. Raises BadHttp."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, headers = _parse_head(head)
        body = await reader.readexactly(_body_length(headers))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as exc:
        msg = "the request's head is too long"
        raise BadHttp(msg) from exc
    return HttpRequest(method=method, path=path, headers=headers, body=body)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    request_line, *lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, _version = request_line.split(" ")
    except ValueError as exc:
        msg = f"not a request line: {request_line!r}"
        raise BadHttp(msg) from exc
    pairs = (line.partition(":") for line in lines if line)
    return method, target.partition("?")[0], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _body_length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not text.isdigit() or int(text) > MAX_BODY_BYTES:
        msg = f"send the body with a Content-Length of at most {MAX_BODY_BYTES}"
        raise BadHttp(msg)
    return int(text)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Status line and headers, ready to send."""
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def whole(status: int, content: bytes, headers: Mapping[str, str], content_type: str) -> bytes:
    """A response with its length known beforehand."""
    return head(status, {**headers, "content-type": content_type, "content-length": str(len(content))}) + content


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def sse(name: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # 529 is not a standard status
        return "Overloaded"
