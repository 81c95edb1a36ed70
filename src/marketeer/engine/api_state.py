"""Whether the model API answers, judged by how the last calls ended, and who may ask while it does not.

It is declared down after three failures in a row, and up again with the first answer. Rate limits say so only when
they have lasted a minute: an API that is merely busy is asked again soon.
"""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.domain.retry import OUTAGE_DELAY
from marketeer.ports import Clock

DOWN_AFTER = 3
BUSY_FOR_S = 60.0
# A little longer than a deferred item waits, so that the one that asked last is due again and the first in line.
ASK_EVERY_S = OUTAGE_DELAY.total_seconds() + 5
LONGEST_SILENCE_S = 900.0
MOST_DOUBLINGS = 10


class ApiState:
    """Told of every call's end. Not shared between processes: each finds out for itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._rate_limits = 0
        self._failing_since = 0.0
        self._met_outage: set[str] = set()
        self._next_question = 0.0
        self._lost = 0

    @property
    def is_down(self) -> bool:
        if self._failures >= DOWN_AFTER:
            return True
        lasted_s = self._clock.monotonic() - self._failing_since
        return self._failures + self._rate_limits >= DOWN_AFTER and lasted_s >= BUSY_FOR_S

    def succeeded(self) -> None:
        self._failures = self._rate_limits = self._lost = 0
        self._met_outage.clear()

    def failed(self, item_id: str, *, rate_limited: bool = False, lost: bool = False) -> None:
        """A call made for this work item was not answered. `lost`: it may be billed all the same, so the next one is
        put off for longer and longer."""
        now = self._clock.monotonic()
        if not self._failures + self._rate_limits:
            self._failing_since = now
        if rate_limited:
            self._rate_limits += 1
        else:
            self._failures += 1
        if self.is_down:
            self._met_outage.add(item_id)
        self._lost = min(self._lost + lost, MOST_DOUBLINGS)
        self._next_question = now + min(ASK_EVERY_S * 2.0**self._lost, LONGEST_SILENCE_S)

    def let_through(self, item_ids: Sequence[str]) -> list[str]:
        """Those of these items, the most urgent first, that may be worked on now.

        While the API is down one of those that have met the outage asks for all of them now and then: the first in
        line. What has not been tried yet may try, so that it comes to know why it waits.
        """
        if not self.is_down:
            return list(item_ids)
        now, allowed = self._clock.monotonic(), []
        for item_id in item_ids:
            if item_id not in self._met_outage:
                allowed.append(item_id)
            elif now >= self._next_question:
                self._next_question = now + ASK_EVERY_S
                allowed.append(item_id)
        return allowed
