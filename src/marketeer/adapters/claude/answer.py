"""An answer as it streams in: text, counts and how it ended, read from the events themselves.

The SDK makes a model of each event, which takes longer than all that is done with it; and it could put the answer
together too, but fails on a server that reports no usage.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from marketeer.domain.usage import Usage
from marketeer.ports import Clock

if TYPE_CHECKING:  # at run time it is imported late, for the start-up's sake
    import httpx2

PROGRESS_EVERY_S = 0.1

Event = Mapping[str, Any]


async def events(response: httpx2.Response) -> AsyncIterator[Event]:
    """What the stream says, without pings. Raises the SDK's own error for one that the server reports in mid-stream,
    and ValueError or TypeError for what is no event."""
    import anthropic

    async for sent in anthropic.AsyncStream.raw_events(response):
        if sent.event == "error":
            raise anthropic.APIStatusError(sent.data, response=response, body=_body(sent.data))
        if sent.event is None or sent.event == "ping" or not sent.data:
            continue
        event = json.loads(sent.data)
        if not isinstance(event, dict):
            msg = f"{sent.data[:80]!r} is no event"
            raise TypeError(msg)
        yield event


def _body(data: str) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return data


class Answer:
    """Filled by `take`. `ended` is whether it came to an end that the server meant."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.chars = 0
        self.model: str | None = None
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self.ended = False

    def take(self, event: Event) -> None:
        match event.get("type"):
            case "message_start":
                message = event.get("message") or {}
                self.model = message.get("model")
                self._count(message.get("usage"))
            case "content_block_start":
                self._read(event["content_block"], "text")
            case "content_block_delta":
                self._read(event["delta"], "text_delta")
            case "message_delta":
                self.stop_reason = (event.get("delta") or {}).get("stop_reason")
                # Some servers leave it at that; nothing but the end can follow.
                self.ended = self.ended or self.stop_reason is not None
                self._count(event.get("usage"))
            case "message_stop":
                self.ended = True
            case _:  # pings, block ends, and kinds of event that are yet to come
                pass

    def take_whole(self, message: Mapping[str, Any]) -> None:
        """The answer in one piece. Raises LookupError or TypeError when it is none."""
        for block in message["content"]:
            if block["type"] == "text":
                self._add(block["text"])
        self.model, self.stop_reason = message.get("model"), message.get("stop_reason")
        self.usage |= message.get("usage") or {}
        self.ended = True

    def _read(self, part: Mapping[str, Any], kind: str) -> None:
        if part["type"] == kind and part.get("text"):
            self._add(part["text"])

    def _add(self, text: str) -> None:
        self.texts.append(text)
        self.chars += len(text)

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Later counts are totals and replace earlier ones; what they leave out still holds."""
        if usage:
            self.usage |= {name: count for name, count in usage.items() if count is not None}


class Progress:
    """Tells that the answer has begun (0), then how many characters have come, at most about ten times a second, and
    once at the end."""

    def __init__(self, clock: Clock, on_text: Callable[[int], None] | None) -> None:
        self._clock = clock
        self._on_text = on_text
        self._reported = -1
        self._next_at = -math.inf

    def report(self, chars: int, *, last: bool = False) -> None:
        if self._on_text is None or chars == self._reported:
            return
        now = self._clock.monotonic()
        if last or now >= self._next_at:
            self._next_at = now + (PROGRESS_EVERY_S if chars else 0.0)
            self._reported = chars
            self._on_text(chars)


def usage_of(reported: Mapping[str, Any]) -> Usage | None:
    """The API's token counts in our terms. None when it reported nothing, or nothing but zeros."""

    def count(name: str, source: Mapping[str, Any] = reported) -> int:
        value = source.get(name)
        return max(0, value) if isinstance(value, int) else 0

    by_ttl = reported.get("cache_creation")
    by_ttl = by_ttl if isinstance(by_ttl, Mapping) else {}
    for_1h = count("ephemeral_1h_input_tokens", by_ttl)
    # the total rules where the two differ: only it is updated during a stream
    for_5m = max(count("ephemeral_5m_input_tokens", by_ttl), count("cache_creation_input_tokens") - for_1h)
    usage = Usage(
        input_tokens=count("input_tokens"),
        output_tokens=count("output_tokens"),
        cache_read_tokens=count("cache_read_input_tokens"),
        cache_write_5m_tokens=for_5m,
        cache_write_1h_tokens=for_1h,
    )
    return usage if usage.total_input_tokens or usage.output_tokens else None
