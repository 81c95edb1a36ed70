"""When a failed step is tried again, and when it is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketeer.domain.retry import (
    LONGEST_DELAY_S,
    LONGEST_WISH_S,
    MIN_ATTEMPTS,
    MIN_SPAN,
    OUTAGE_DELAY,
    exhausted,
    outage_delay,
    retry_delay,
)
from tests.support.builders import NOW

attempts = st.integers(min_value=1, max_value=10_000)


def seconds(attempt: int, *, key: str = "item", wish: float | None = None) -> float:
    return retry_delay(attempts=attempt, key=key, retry_after_s=wish).total_seconds()


@given(attempt=attempts, key=st.text())
def test_the_wait_is_half_to_all_of_a_doubling_backoff(attempt: int, key: str) -> None:
    backoff = min(LONGEST_DELAY_S, 2.0 ** min(attempt - 1, 20))
    assert backoff / 2 <= seconds(attempt, key=key) <= backoff


@given(attempt=attempts, key=st.text())
def test_the_same_question_has_the_same_answer(attempt: int, key: str) -> None:
    assert seconds(attempt, key=key) == seconds(attempt, key=key)


def test_items_that_fail_together_do_not_return_together() -> None:
    assert len({seconds(5, key=f"item-{n}") for n in range(100)}) > 50


@given(attempt=attempts, wish=st.floats(min_value=0, max_value=LONGEST_WISH_S))
def test_the_server_is_never_asked_before_it_wishes(attempt: int, wish: float) -> None:
    # a timedelta counts whole microseconds
    assert seconds(attempt, wish=wish) >= wish - 1e-6


def test_a_wish_beyond_an_hour_is_an_hour() -> None:
    assert seconds(1, wish=1e9) == LONGEST_WISH_S


@pytest.mark.parametrize(("wish", "wait_s"), [(None, 30.0), (5.0, 30.0), (45.0, 45.0), (1e9, LONGEST_WISH_S)])
def test_an_outage_is_waited_out_in_even_steps(wish: float | None, wait_s: float) -> None:
    assert outage_delay(retry_after_s=wish).total_seconds() == wait_s
    assert OUTAGE_DELAY.total_seconds() == 30


@given(attempt=st.integers(0, 50), minutes=st.floats(min_value=0, max_value=100))
def test_giving_up_takes_eight_attempts_and_ten_minutes(attempt: int, minutes: float) -> None:
    now = NOW + timedelta(minutes=minutes)
    gives_up = exhausted(attempts=attempt, first_attempt_at=NOW, now=now)
    assert gives_up is (attempt >= MIN_ATTEMPTS and now - NOW >= MIN_SPAN)
