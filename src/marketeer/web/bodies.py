"""Bodies: what a stranger sends, read within limits of size, time and memory, and understood strictly."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from marketeer.web.bounds import Bounds
from marketeer.web.refusal import Refusal, try_later

DEEPEST = 32
_CHARSETS = ("utf-8", "utf8", "us-ascii")


class Bodies:
    """Reads bodies, and knows how much of them lies in memory."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """The whole body, which counts as held for the length of the block. Raises Refusal."""
        body = bytearray()
        try:
            await self._fill(body, request, most)
            yield bytes(body)
        finally:
            self._held -= len(body)

    async def _fill(self, body: bytearray, request: Request, most: int) -> None:
        try:
            async with asyncio.timeout(self._bounds.body_s):
                async for part in request.stream():
                    body += part
                    self._held += len(part)
                    self._check_room(len(body), most)
        except TimeoutError as exc:
            raise Refusal(408, f"the body did not arrive within {self._bounds.body_s:g} seconds") from exc
        except ClientDisconnect as exc:
            msg = "the connection ended before the body did"
            raise Refusal(400, msg) from exc

    def _check_room(self, size: int, most: int) -> None:
        if size > most:
            raise too_large(most)
        if self._held > self._bounds.held_bytes:
            msg = "too much is being sent at once; send it again in a moment"
            raise try_later(msg)


def check_head(request: Request, most: int) -> None:
    """What can be told before a byte of the body is read. Raises Refusal (415, 413, 400)."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = dict(_parameters(parameters)).get("charset", "utf-8")
    if kind.strip().lower() != "application/json" or charset not in _CHARSETS:
        raise Refusal(415, "the body must be JSON in UTF-8: send Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(415, "the body must not be compressed: send it without Content-Encoding")
    length = request.headers.get("content-length")
    if length is not None and int(length) > most:
        raise too_large(most)


def _parameters(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split(";")]
    return [(name.strip().lower(), value.strip().strip('"').lower()) for name, _, value in pairs]


def too_large(most: int) -> Refusal:
    return Refusal(413, f"the body is larger than {most // 1024} KiB; send less")


def parse(body: bytes) -> Any:
    """JSON, and nothing that only some readers understand: no duplicate names, NaN, endless numbers, NUL characters or
    halves of characters. Raises Refusal."""
    try:
        found = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )
        _check_text(found)
    except UnicodeDecodeError as exc:
        raise Refusal(400, f"the body is not UTF-8 (byte {exc.start})") from exc
    except RecursionError as exc:
        raise _too_deep() from exc
    except json.JSONDecodeError as exc:
        raise Refusal(400, f"the body is not JSON: {exc}") from exc
    except ValueError as exc:
        # Python's own limit for the digits of a whole number
        raise Refusal(400, "the body holds a number with too many digits") from exc
    return found


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Refusal(400, "the body names a field twice", fields=[(twice[:100], "is there more than once")])
    return found


def _constant(name: str) -> NoReturn:
    raise Refusal(400, f"the body holds {name}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Refusal(400, f"the body holds a number that is too large: {text[:40]}")
    return number


def _check_text(value: object) -> None:
    """Layer by layer, so that its own depth is no question. Raises Refusal."""
    layer: list[object] = [value]
    for _ in range(DEEPEST):
        deeper: list[object] = []
        for item in layer:
            match item:
                case str():
                    _check_string(item)
                case dict():
                    deeper += [*item, *item.values()]
                case list():
                    deeper += item
        if not deeper:
            return
        layer = deeper
    raise _too_deep()


def _check_string(text: str) -> None:
    if "\0" in text:
        raise Refusal(400, "the body holds a NUL character")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Refusal(400, "the body holds half of a character (a lone surrogate)")


def _too_deep() -> Refusal:
    return Refusal(400, f"the body is nested deeper than {DEEPEST} levels")
