"""Warm prefixes: of calls that begin together with the same prompt, one goes first and the others read what it wrote.

The cache can be read once the first answer has begun. Calls that start at the same moment would all pay for writing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from marketeer.domain.usage import MILLION, CacheTime, token_estimate
from marketeer.engine.racing import race
from marketeer.ports import Clock, ModelRequest

# Waiting costs time, so a call waits only for what is worth it.
LEAST_SAVING_USD = Decimal("0.01")
# After that an answer that has not begun is not worth waiting for either.
LONGEST_WAIT_S = 15.0
KEPT_S: dict[CacheTime, float] = {"5m": 300.0, "1h": 3600.0}
# Below this gap the shorter time, which is cheaper to write, will do: each use begins it anew.
SHORT_GAP_S = 240.0

OnText = Callable[[int], None]


def cache_time(gap_s: float) -> CacheTime:
    """How long to keep a prefix that is needed again after about so many seconds."""
    return "5m" if gap_s <= SHORT_GAP_S else "1h"


@dataclass(slots=True)
class _Prefix:
    """`warm_until` is by the monotonic clock; `begun` is set when the call that writes it has begun to answer."""

    warm_until: float = 0.0
    begun: asyncio.Event | None = None

    @property
    def pending(self) -> asyncio.Event | None:
        """Set, in time, by the call that goes first just now."""
        return None if self.begun is None or self.begun.is_set() else self.begun


@dataclass(slots=True)
class Warmth:
    """What this process has written to the cache, by model and exact text."""

    clock: Clock
    _prefixes: dict[tuple[str, str], _Prefix] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, request: ModelRequest, on_text: OnText | None) -> AsyncIterator[OnText | None]:
        """The block makes the call and hands it what this yields. Enters when it is the call's turn."""
        block = request.system[0] if request.system else None
        if block is None or block.cache is None or saving_usd(request) < LEAST_SAVING_USD:
            yield on_text
            return
        self._drop_cold()
        key = (request.model.model_id, block.text)
        prefix = self._prefixes.get(key)
        if prefix is None:
            prefix = self._prefixes[key] = _Prefix()
        until = self.clock.monotonic() + LONGEST_WAIT_S
        while (pending := prefix.pending) is not None and (left_s := until - self.clock.monotonic()) > 0:
            await race(pending.wait(), self.clock.sleep(left_s))
        if prefix.pending is not None or prefix.warm_until > self.clock.monotonic():
            yield self._telling(prefix, KEPT_S[block.cache], on_text)
            return
        begun = prefix.begun = asyncio.Event()
        try:
            yield self._telling(prefix, KEPT_S[block.cache], on_text, begun)
        finally:
            # Also of a call that failed: the next one goes first.
            begun.set()

    def _telling(
        self, prefix: _Prefix, kept_s: float, on_text: OnText | None, begun: asyncio.Event | None = None
    ) -> OnText:
        def tell(characters: int) -> None:
            prefix.warm_until = max(prefix.warm_until, self.clock.monotonic() + kept_s)
            if begun is not None:
                begun.set()
            if on_text is not None and characters:
                on_text(characters)

        return tell

    def _drop_cold(self) -> None:
        now = self.clock.monotonic()
        cold = [k for k, p in self._prefixes.items() if p.warm_until <= now and p.pending is None]
        for key in cold:
            del self._prefixes[key]


def saving_usd(request: ModelRequest) -> Decimal:
    """What it spares to read the first block instead of writing it once more, about."""
    block, model = request.system[0], request.model
    tokens = token_estimate(block.text)
    if tokens < model.min_cache_tokens:
        return Decimal(0)
    written = model.price.cache_write_5m if block.cache == "5m" else model.price.cache_write_1h
    return tokens * (written - model.price.cache_read) / MILLION
