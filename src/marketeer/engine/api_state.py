"""Whether the model API answers, judged by how calls end and by free questions asked while it does not.

It is declared down after three failures in a row; then it is asked every 30 seconds, and after three good answers in a
row it is up again, on trial: one call goes out alone, and only if that is answered the rest follows. Rate limits
declare an outage only when they have lasted a minute: an API that is merely busy is asked again soon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from marketeer.ports import Clock

DOWN_AFTER = 3
UP_AFTER = 3
BUSY_FOR_S = 60.0
ASK_EVERY_S = 30.0
# An API that answers questions but loses calls, which may be billed, must answer for longer and longer: to 15 minutes.
MOST_ANSWERS = 30
WEAK_WINDOW_S = 300.0
WEAK_FROM_CALLS = 10


class ApiState:
    """Told of every real call's end and of every question's. `on_turn` hears of each change of what it says.

    What it says goes beyond this process through the store: see `engine/gate.py`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._rate_limits = 0
        self._failing_since = 0.0
        self._answers = 0
        self._answers_wanted = UP_AFTER
        self._next_question = 0.0
        self._ask_at_once = False
        self._ends: deque[tuple[float, bool]] = deque()
        # Of these ends, good ones: thousands of calls may lie in the window, and it is asked with every commit.
        self._answered_in_window = 0
        self._down = False
        self._on_trial = False
        self.why: str | None = None
        self.on_turn: Callable[[], None] | None = None

    @property
    def is_down(self) -> bool:
        return self._down

    @property
    def on_trial(self) -> bool:
        """Up by its word alone: no call has been answered yet."""
        return self._on_trial

    @property
    def is_weak(self) -> bool:
        """It has answered under half of the calls of the last minutes."""
        self._forget_old_ends()
        return len(self._ends) >= WEAK_FROM_CALLS and self._answered_in_window * 2 < len(self._ends)

    @property
    def is_known_steady(self) -> bool:
        """Enough calls of the last minutes have ended here to say that it is not weak."""
        self._forget_old_ends()
        return len(self._ends) >= WEAK_FROM_CALLS and not self.is_weak

    @property
    def ends(self) -> tuple[int, int]:
        """Calls answered, and all calls, of the last minutes."""
        self._forget_old_ends()
        return self._answered_in_window, len(self._ends)

    @property
    def next_question_s(self) -> float:
        """Seconds until it is to be asked again, while it is down."""
        return max(0.0, self._next_question - self._clock.monotonic())

    # -- what is heard ---------------------------------------------------------------------------------------

    def succeeded(self) -> None:
        """A call was answered."""
        self._ends.append((self._clock.monotonic(), True))
        self._answered_in_window += 1
        self._failures = self._rate_limits = 0
        if self._down:
            self._answered(by_call=True)
            return
        self._answers_wanted = UP_AFTER
        if self._on_trial:
            self._on_trial = False
            self._turned()

    def failed(self, why: str, *, rate_limited: bool = False, lost: bool = False) -> None:
        """A call was not answered. `lost`: it may be billed all the same."""
        now = self._clock.monotonic()
        self._ends.append((now, False))
        if not self._failures + self._rate_limits:
            self._failing_since = now
        self._rate_limits += rate_limited
        self._failures += not rate_limited
        if self._on_trial and lost:
            self._answers_wanted = min(2 * self._answers_wanted, MOST_ANSWERS)
        if self._down:
            self._answers = 0
        elif self._on_trial or self._is_outage(now):
            self._go_down(why)

    def was_asked(self, *, answered: bool) -> None:
        """A free question has ended, while it was down."""
        if not self._down:
            return
        self._ask_at_once = self._ask_at_once and answered
        self._next_question = self._clock.monotonic() + (0.0 if self._ask_at_once else ASK_EVERY_S)
        if answered:
            self._answered(by_call=False)
        else:
            self._answers = 0

    def heard_down(self, why: str | None) -> None:
        """Another process has declared it down, perhaps one that is long gone: it is asked at once."""
        if not self._down:
            self._go_down(why or "another process found it down")
            self._next_question = self._clock.monotonic()
            self._ask_at_once = True

    def heard_up(self, *, on_trial: bool) -> None:
        """Another process has found it answering again; `on_trial`: questions so far, and no call."""
        if self._down:
            self._go_up(on_trial=on_trial)

    def heard_of_trial(self, *, over: bool) -> None:
        """Another process has one call ahead of all, or it was answered."""
        if self._on_trial is over and not self._down:
            self._on_trial = not over
            self._turned()

    # -- what follows ----------------------------------------------------------------------------------------

    def _is_outage(self, now: float) -> bool:
        if self._failures >= DOWN_AFTER:
            return True
        return self._failures + self._rate_limits >= DOWN_AFTER and now - self._failing_since >= BUSY_FOR_S

    def _answered(self, *, by_call: bool) -> None:
        self._answers += 1
        if self._answers >= self._answers_wanted:
            self._go_up(on_trial=not by_call)

    def _go_down(self, why: str) -> None:
        self._down, self._on_trial, self._answers, self.why = True, False, 0, why
        self._ask_at_once = False
        self._next_question = self._clock.monotonic() + ASK_EVERY_S
        self._turned()

    def _go_up(self, *, on_trial: bool) -> None:
        self._down, self._on_trial, self.why = False, on_trial, None
        self._failures = self._rate_limits = self._answers = 0
        # The outage is over: what failed in it says nothing of how it answers now.
        self._ends.clear()
        self._answered_in_window = 0
        self._turned()

    def _forget_old_ends(self) -> None:
        since = self._clock.monotonic() - WEAK_WINDOW_S
        while self._ends and self._ends[0][0] < since:
            _, answered = self._ends.popleft()
            self._answered_in_window -= answered

    def _turned(self) -> None:
        if self.on_turn is not None:
            self.on_turn()
