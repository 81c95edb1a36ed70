"""How often each source may call: so often within a minute, be it all at once."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace

from marketeer.ports import Clock
from marketeer.web.refusal import Refusal

MOST_SOURCES = 1_000
MINUTE_S = 60.0
# So that who waits exactly as long as told is served.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """Of a minute that began at `began`, and of the one before, which counts for less and less as this one goes on."""

    began: float
    before: int = 0
    taken: int = 0

    def at(self, now: float) -> _Count:
        minutes = int((now - self.began) // MINUTE_S)
        if minutes == 0:
            return self
        before = self.taken if minutes == 1 else 0
        return _Count(began=self.began + minutes * MINUTE_S, before=before)

    def used(self, now: float) -> float:
        return self.taken + self.before * (1 - (now - self.began) / MINUTE_S)

    def room_for_one(self, most: int) -> float:
        """The moment from which one more is within the limit, where there is no room now."""
        if self.before and self.taken + 1 <= most:
            return self.began + MINUTE_S * (self.taken + 1 + self.before - most) / self.before
        return self.began + MINUTE_S * (1 + (self.taken + 1 - most) / self.taken)


class RateLimit:
    """`take` for each request. The least used count is forgotten when there are too many names."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def take(self, source: str) -> None:
        """Raises Refusal with the seconds after which there is room again."""
        now = self._clock.monotonic()
        count = self._counts.pop(source, _Count(began=now)).at(now)
        fits = count.used(now) + 1 <= self._per_minute + ROUNDING
        self._counts[source] = replace(count, taken=count.taken + 1) if fits else count
        if len(self._counts) > MOST_SOURCES:
            self._counts.popitem(last=False)
        if not fits:
            wait_s = max(1, math.ceil(count.room_for_one(self._per_minute) - now))
            error = f"{source!r} sends more than {self._per_minute} a minute; go on in {wait_s} s"
            raise Refusal(429, error, headers={"Retry-After": str(wait_s)})
