"""When the model API counts as down, and when as up again."""

from __future__ import annotations

import pytest

from marketeer.engine.api_state import ASK_EVERY_S, BUSY_FOR_S, MOST_ANSWERS, UP_AFTER, WEAK_WINDOW_S, ApiState
from marketeer.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def after(clock: FakeClock, *failures: str) -> ApiState:
    """The state after these failures: each a `busy` or a `dead`."""
    api = ApiState(clock)
    for failure in failures:
        api.failed(failure, rate_limited=failure == "busy")
    return api


def outage(clock: FakeClock) -> ApiState:
    return after(clock, "dead", "dead", "dead")


def asked(api: ApiState, clock: FakeClock, *answers: bool) -> ApiState:
    for answered in answers:
        clock.advance(api.next_question_s)
        api.was_asked(answered=answered)
    return api


@pytest.mark.parametrize(
    ("failures", "down"),
    [(["dead"] * 2, False), (["dead"] * 3, True), (["busy"] * 99, False), (["busy", "dead", "dead"], False)],
)
def test_three_failures_in_a_row_are_an_outage_and_rate_limits_are_not(
    clock: FakeClock, failures: list[str], down: bool
) -> None:
    assert after(clock, *failures).is_down is down


def test_an_answer_between_failures_begins_the_row_anew(clock: FakeClock) -> None:
    api = after(clock, "dead", "dead")
    api.succeeded()
    api.failed("dead")
    assert not api.is_down


def test_rate_limits_that_last_a_minute_are_an_outage(clock: FakeClock) -> None:
    api = after(clock, "busy", "busy")
    clock.advance(BUSY_FOR_S)
    api.failed("busy", rate_limited=True)
    assert api.is_down


def test_it_is_asked_every_thirty_seconds_and_is_back_after_three_answers_in_a_row(clock: FakeClock) -> None:
    api = outage(clock)
    assert api.next_question_s == ASK_EVERY_S
    assert asked(api, clock, True, True, False, True, True).is_down
    assert not asked(api, clock, True).is_down
    assert clock.monotonic() == 6 * ASK_EVERY_S


def test_once_back_it_is_on_trial_until_a_call_is_answered(clock: FakeClock) -> None:
    api = asked(outage(clock), clock, True, True, True)
    assert (api.is_down, api.on_trial) == (False, True)
    api.succeeded()
    assert (api.is_down, api.on_trial) == (False, False)


def test_one_failure_on_trial_is_an_outage_again(clock: FakeClock) -> None:
    api = asked(outage(clock), clock, True, True, True)
    api.failed("dead")
    assert (api.is_down, api.on_trial) == (True, False)


def test_answers_of_calls_that_were_in_flight_count_too(clock: FakeClock) -> None:
    api = outage(clock)
    for _ in range(UP_AFTER):
        api.succeeded()
    assert (api.is_down, api.on_trial) == (False, False)


def test_an_api_that_loses_calls_must_answer_questions_for_longer_and_longer(clock: FakeClock) -> None:
    api, calls = after(clock, "dead", "dead", "dead"), 0
    while clock.monotonic() < 7_200:
        asked(api, clock, True)
        if api.on_trial:
            calls += 1
            api.failed("lost", lost=True)
    assert 8 <= calls <= 16
    assert 7_200 / calls < MOST_ANSWERS * ASK_EVERY_S


def test_an_outage_that_another_process_told_of_is_asked_about_at_once(clock: FakeClock) -> None:
    api = ApiState(clock)
    api.heard_down("cannot reach it")
    asked(api, clock, True, True, True)
    assert (clock.monotonic(), api.is_down) == (0.0, False)
    api.heard_down("cannot reach it")
    asked(api, clock, False, True)
    assert (clock.monotonic(), api.is_down) == (ASK_EVERY_S, True)


def test_the_word_of_another_process_that_it_is_back_is_believed(clock: FakeClock) -> None:
    api = outage(clock)
    api.heard_up(on_trial=False)
    assert (api.is_down, api.on_trial) == (False, False)


def test_while_another_process_has_one_call_ahead_this_one_is_on_trial_too(clock: FakeClock) -> None:
    api = outage(clock)
    api.heard_of_trial(over=False)
    assert (api.is_down, api.on_trial) == (True, False)
    api.heard_up(on_trial=True)
    assert (api.is_down, api.on_trial) == (False, True)
    api.heard_of_trial(over=True)
    assert (api.is_down, api.on_trial) == (False, False)


def test_it_is_weak_while_under_half_of_the_last_calls_were_answered(clock: FakeClock) -> None:
    api, seen = ApiState(clock), []
    for _ in range(4):
        api.succeeded()
        api.failed("dead")
    seen.append(api.is_weak)
    api.failed("busy", rate_limited=True)
    api.succeeded()
    seen.append(api.is_weak)
    api.failed("dead")
    seen.append(api.is_weak)
    clock.advance(WEAK_WINDOW_S + 1)
    seen.append(api.is_weak)
    assert seen == [False, False, True, False]


def test_whoever_listens_hears_of_each_turn(clock: FakeClock) -> None:
    turns: list[bool] = []
    api = ApiState(clock)
    api.on_turn = lambda: turns.append(api.is_down)
    for _ in range(4):
        api.failed("dead")
    asked(api, clock, True, True, True)
    api.succeeded()
    assert turns == [True, False, False]
