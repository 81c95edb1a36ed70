"""When the model API counts as down, and who may ask it then."""

from __future__ import annotations

import pytest

from marketeer.engine.api_state import ASK_EVERY_S, BUSY_FOR_S, LONGEST_SILENCE_S, ApiState
from marketeer.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def after(clock: FakeClock, *failures: str) -> ApiState:
    """The state after these failures: each a `busy` or a `dead`."""
    api = ApiState(clock)
    for failure in failures:
        api.failed("item", rate_limited=failure == "busy")
    return api


def outage(clock: FakeClock, *items: str) -> ApiState:
    """Down, and met by these."""
    api = after(clock, "dead", "dead", "dead")
    for item in items:
        api.failed(item)
    return api


@pytest.mark.parametrize(
    ("failures", "down"),
    [(["dead"] * 2, False), (["dead"] * 3, True), (["busy"] * 99, False), (["busy", "dead", "dead"], False)],
)
def test_three_failures_in_a_row_are_an_outage_and_rate_limits_are_not(
    clock: FakeClock, failures: list[str], down: bool
) -> None:
    assert after(clock, *failures).is_down is down


def test_rate_limits_that_last_a_minute_are_an_outage(clock: FakeClock) -> None:
    api = after(clock, "busy", "busy", "busy")
    clock.advance(BUSY_FOR_S)
    assert api.is_down


def test_one_answer_ends_it(clock: FakeClock) -> None:
    api = outage(clock, "a", "b")
    api.succeeded()
    assert not api.is_down
    assert api.let_through(["a", "b"]) == ["a", "b"]


def test_during_an_outage_the_first_in_line_asks_for_all_now_and_then(clock: FakeClock) -> None:
    api = outage(clock, "c", "b", "a")
    assert api.let_through(["a", "b", "c"]) == []
    clock.advance(ASK_EVERY_S)
    assert api.let_through(["a", "b", "c"]) == ["a"]
    assert api.let_through(["a", "b", "c"]) == []
    api.failed("a")
    clock.advance(ASK_EVERY_S)
    assert api.let_through(["a", "b", "c"]) == ["a"]


def test_an_outage_whose_calls_may_be_billed_is_asked_about_less_and_less_often(clock: FakeClock) -> None:
    api, asked = after(clock, "dead", "dead"), 0
    api.failed("c", lost=True)
    for _ in range(7_200):
        clock.advance(1)
        if api.let_through(["c"]):
            asked += 1
            api.failed("c", lost=True)
    assert 8 <= asked <= 16
    assert 7_200 / asked < LONGEST_SILENCE_S


def test_what_has_not_met_the_outage_may_try(clock: FakeClock) -> None:
    assert outage(clock, "a", "b").let_through(["a", "new", "b"]) == ["new"]
