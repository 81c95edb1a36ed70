"""How often each source may call: a bucket for each that fills again with time."""

from __future__ import annotations

import math
from collections import OrderedDict

from marketeer.ports import Clock
from marketeer.web.refusal import Refusal

MOST_BUCKETS = 1_000
# A source may send so much of a minute's share at once.
BURST_S = 10.0
LEAST_BURST = 10


class RateLimit:
    """`take` for each request. The least used bucket is forgotten when there are too many names."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._burst = max(LEAST_BURST, self._rate * BURST_S)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, source: str) -> None:
        """Raises Refusal with the seconds after which there is room again."""
        now = self._clock.monotonic()
        left, seen = self._buckets.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - seen) * self._rate)
        self._buckets[source] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait_s = math.ceil((1 - left) / self._rate)
            error = f"{source!r} sends more than {self._rate * 60:g} a minute; go on in {wait_s} s"
            raise Refusal(429, error, headers={"Retry-After": str(wait_s)})
