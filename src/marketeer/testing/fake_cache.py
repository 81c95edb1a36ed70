"""The prompt cache of the fake Claude server: which tokens of a request are read, written or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from marketeer.testing.fake_reply import Tokens

# A prefix of fewer tokens is not cached, silently.
MIN_CACHED_TOKENS: Mapping[str, int] = {"claude-sonnet-5": 1_024, "claude-sonnet-4-6": 1_024, "claude-haiku-4-5": 4_096}
USUAL_MIN_CACHED_TOKENS = 512
TTL_S = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request's tokens as they will be billed, and the prefixes (key, time to live) it reads or writes."""

    tokens: Tokens
    prefixes: tuple[tuple[bytes, str], ...]


class PromptCache:
    """Prefixes by model and exact bytes, alive for their time to live after they were last written or read.

    As with the real one, what is read is what was there when the request came in, and what is written can be read once
    the answer has begun: requests side by side all write.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._alive_until: dict[bytes, float] = {}

    def look(self, model: str, parts: Sequence[tuple[str, str | None]]) -> Prompt:
        """`parts` are the prompt's texts in order, each with the time to live of a breakpoint behind it."""
        now = self._monotonic()
        least = MIN_CACHED_TOKENS.get(model, USUAL_MIN_CACHED_TOKENS)
        prefix, chars = hashlib.sha256(model.encode()), 0
        marks: list[tuple[int, str, bytes]] = []
        for text, ttl in parts:
            prefix.update(f"|{len(text)}|{text}".encode("utf-8", "surrogatepass"))
            chars += len(text)
            if ttl and -(-chars // 4) >= least:
                marks.append((-(-chars // 4), ttl, prefix.digest()))
        read = max((size for size, _, key in marks if self._alive_until.get(key, 0.0) > now), default=0)
        written, end = {"5m": 0, "1h": 0}, read
        for size, ttl, _ in marks:
            if size > read:
                written[ttl] += size - end
                end = size
        tokens = Tokens(
            input=max(1, -(-chars // 4)) - end,
            cache_read=read,
            cache_write_5m=written["5m"],
            cache_write_1h=written["1h"],
        )
        return Prompt(tokens=tokens, prefixes=tuple((key, ttl) for _, ttl, key in marks))

    def keep(self, prompt: Prompt) -> None:
        """The answer begins: what was written can be read, and what was read lives on."""
        now = self._monotonic()
        for key, ttl in prompt.prefixes:
            self._alive_until[key] = max(self._alive_until.get(key, 0.0), now + TTL_S[ttl])
